"""``/v1/ec2/soap/authenticate``: who signed this SOAP message, and what exactly did they sign?"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from authsvc.errors import (
    CallerForbidden,
    CallerUnauthorized,
    Denied,
    Expired,
    LifetimeTooLong,
    NotYetValid,
    Replayed,
    TimeSkewed,
    Unavailable,
)
from authsvc.faces.body import read_body
from authsvc.faces.dialects import SOAP
from authsvc.faces.ec2.answers import authenticated
from authsvc.faces.ec2.exchange import REQUEST_ID
from authsvc.faces.ec2.paths import ENVELOPES
from authsvc.faces.face import answer, note, refusal

if TYPE_CHECKING:
    from authsvc.errors import AuthError
    from authsvc.faces.callers import Caller
    from authsvc.faces.dialects import Dialect
    from authsvc.service.service import Service

_ONE_ANSWER: Final = "the message could not be authenticated"
_NOT_THE_CLIENTS: Final = (Unavailable, CallerUnauthorized, CallerForbidden)
"""A client is not told that its signature is wrong because its gateway's token is."""

_EXPIRED: Final = (Expired, NotYetValid, LifetimeTooLong, Replayed, TimeSkewed)


async def authenticate(request: web.Request, service: Service, caller: Caller) -> web.Response:
    """Answer who signed the message, with the canonical Body to execute.

    Raises:
        Malformed: It is no signed message of the one shape.
        Denied: The answer is no.
        Unavailable: It could not be found out.
    """
    raw = await read_envelope(request)
    note(request, use_case="authenticate", **_client_ip(request))
    proven = await service.authenticate(raw, caller=caller.name, request_id=request[REQUEST_ID])
    note(
        request,
        verdict="allow",
        scheme="soap",
        source=proven.identity.freshness.source,
        user_id=proven.identity.principal.user.id,
        replay_checked=proven.replay_checked,
    )
    return answer(authenticated(proven, request_id=request[REQUEST_ID]))


async def read_envelope(request: web.Request) -> bytes:
    """Return the body, byte for byte.

    Raises:
        HTTPUnsupportedMediaType: It is not sent as SOAP in UTF-8.
        HTTPException: It could not be read; see ``read_body``.
    """
    if request.content_type not in ENVELOPES:
        raise web.HTTPUnsupportedMediaType(reason="send the envelope as text/xml or application/soap+xml")
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise web.HTTPUnsupportedMediaType(reason="send the envelope in UTF-8")
    return await read_body(request)


def refused(request: web.Request, error: AuthError, dialect: Dialect) -> web.Response:
    """Say no, with the fault to hand to the client; all failures to authenticate are one and the same."""
    said = dialect.say(error)
    field = error.detail.get("field")
    told = error.message if field is None else f"{field}: {error.message}"
    message = _ONE_ANSWER if said == SOAP.table[Denied] else told
    ours = isinstance(error, _NOT_THE_CLIENTS)
    fault = {"faultcode": _faultcode(error), "faultstring": Unavailable.default if ours else message}
    beside = {"fault": fault, "request_id": request[REQUEST_ID]}
    return refusal(
        said.status, said.code, message, beside=beside, **({} if field is None else {"field": field})
    )


def _faultcode(error: AuthError) -> str:
    if isinstance(error, _NOT_THE_CLIENTS):
        return "Server.Unavailable"
    if isinstance(error, _EXPIRED):
        return "Client.InvalidSecurity.RequestHasExpired"
    return "Client.AuthFailure"


def _client_ip(request: web.Request) -> dict[str, Any]:
    """Return the address the gateway saw, for the log alone; what is no address is left out."""
    try:
        return {"client_ip": str(ip_address(request.headers.get("X-Client-Ip", "")))}
    except ValueError:
        return {}
