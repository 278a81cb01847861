"""``/v1/users/{id}/certificates``: a user's certificates, by requests that the user's API key signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from authsvc.errors import Denied, SchemeRefused
from authsvc.faces.body import read_body
from authsvc.faces.ec2.answers import registered
from authsvc.faces.ec2.soap import read_envelope
from authsvc.faces.face import answer, note
from authsvc.faces.received import signed_request
from authsvc.service.policy import Expectation

if TYPE_CHECKING:
    from authsvc.faces.callers import Caller
    from authsvc.service.service import Service

SERVICE_NAME: Final = "authsvc"
"""The service a credential scope has to name, so that no request signed for a store does anything here."""


async def register(request: web.Request, service: Service, caller: Caller) -> web.Response:
    """Register the certificate whose key signed the envelope in the body.

    Raises:
        AuthError: The user's signature, the proof or the certificate is not what it must be.
    """
    proof = await read_envelope(request)
    user_id = await _signer(request, service, caller, proof)
    certificate = await service.register(proof, user_id=user_id)
    note(request, verdict="allow", certificate=certificate.sha256)
    response = answer(registered(certificate), status=201)
    response.headers["Location"] = f"{request.path}/{certificate.sha256}"
    return response


async def list_certificates(request: web.Request, service: Service, caller: Caller) -> web.Response:
    """List the user's certificates, revoked ones included."""
    user_id = await _signer(request, service, caller, await read_body(request))
    certificates = await service.register.list(user_id)
    note(request, verdict="allow")
    return answer({"certificates": [registered(certificate) for certificate in certificates]})


async def revoke(request: web.Request, service: Service, caller: Caller) -> web.Response:
    """Revoke one of the user's certificates for good."""
    user_id = await _signer(request, service, caller, await read_body(request))
    await service.register.revoke(request.match_info["sha256"].lower(), user_id=user_id)
    note(request, verdict="allow", certificate=request.match_info["sha256"].lower())
    return web.Response(status=204)


async def _signer(request: web.Request, service: Service, caller: Caller, body: bytes) -> str:
    """Return the id of the user who signed this very request, who must be the one in its path.

    Raises:
        Malformed: It is not signed as it must be.
        Denied: Somebody else signed it, or nobody did.
        Unavailable: It could not be found out.
    """
    note(request, use_case="certificates")
    verified = await service.verify(
        signed_request(request, body), caller=caller.name, expect=Expectation(service=SERVICE_NAME)
    )
    claim, user = verified.claim, verified.credential.principal.user
    if claim.scheme != "sigv4" or claim.presigned or claim.payload != "signed":
        raise SchemeRefused(
            "sign this request with Signature Version 4 in the Authorization header, its body included"
        )
    note(request, user_id=user.id)
    if user.id != request.match_info["id"]:
        raise Denied("the request is signed by another user than the one it is about")
    return user.id
