"""A gateway's question answered: let the request through and say who it is from, or say what to tell the client."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from aiohttp import web

from authsvc.errors import AuthError, Malformed
from authsvc.faces.body import read_body
from authsvc.faces.callers import require
from authsvc.faces.face import described_no, described_yes
from authsvc.faces.forward_auth.identity import identity_headers
from authsvc.faces.forward_auth.options import GatewayOptions, options_of
from authsvc.faces.forward_auth.refusals import refusal
from authsvc.signing.payload import HEADER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from authsvc.faces.callers import Caller
    from authsvc.faces.forward_auth.options import Style
    from authsvc.service.verify import Verify
    from authsvc.signing import SignedRequest

_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_FORM: Final = "application/x-www-form-urlencoded"


async def ask_at_the_gate(
    verify: Verify,
    authenticate: Callable[[], Caller],
    original: Callable[[GatewayOptions], Awaitable[SignedRequest]],
    *,
    tell: Callable[..., None],
    style: Style | None = None,
) -> web.Response:
    """Answer a gateway: 200 with the identity, or a refusal for it to hand on.

    Args:
        verify: The use case.
        authenticate: Returns the gateway, or raises CallerUnauthorized.
        original: Puts the client's request together again, or raises Malformed.
        tell: Takes the fields of the log line, by name.
        style: In whose words to refuse, where the question itself says.
    """
    options, asked = GatewayOptions(), None
    try:
        caller = authenticate()
        tell(caller=caller.name)
        options = options_of(caller)
        require(caller, "verify")
        asked = await original(options)
        expect = replace(options.expect, hides_body=True) if _hides_body(asked) else options.expect
        verified = await verify(asked, caller=caller.name, expect=expect)
    except AuthError as error:
        tell(**described_no(error))
        return refusal(error, options, asked, style)
    tell(**described_yes(verified))
    return web.Response(headers={"Cache-Control": "no-store", **identity_headers(verified)})


def _hides_body(asked: SignedRequest) -> bool:
    """Say whether there may be a body that neither we saw nor the store can compare with a hash that is stated.

    Whether there is one, a gateway that keeps it to itself does not say.
    """
    if asked.method in _BODILESS:
        return False
    return HEADER not in asked.fields and HEADER not in map(str.lower, asked.names)


async def signed_form(request: web.Request) -> bytes | None:
    """Return the form a gateway passed on, since some schemes sign it; None where there is none, or not all of it.

    Any other body is the store's to compare with the hash that was signed.

    Raises:
        Malformed: It is too long, or cannot be read to its end.
    """
    if not request.body_exists or request.content_type != _FORM:
        return None
    try:
        body = await read_body(request)
    except web.HTTPException as error:
        raise Malformed(f"the form that the gateway passed on cannot be read: {error.reason}") from None
    partial = request.headers.get("X-Envoy-Auth-Partial-Body", "").lower() == "true"
    return None if partial or not body else body
