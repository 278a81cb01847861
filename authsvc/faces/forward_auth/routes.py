"""``/forward-auth``: for nginx ``auth_request``, Caddy and Traefik ``forward_auth``, HAProxy, APISIX."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from authsvc.faces.body import expect_later
from authsvc.faces.face import SERVICE, Face, headers_of, note
from authsvc.faces.forward_auth.gate import ask_at_the_gate, signed_form
from authsvc.faces.forward_auth.options import STYLES
from authsvc.faces.forward_auth.original import original_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsvc.faces.callers import Callers
    from authsvc.faces.forward_auth.options import GatewayOptions, Style
    from authsvc.signing import SignedRequest


def routes(callers: Callers) -> Sequence[web.RouteDef]:
    """List the one route; which method a sub-request has is the gateway's affair."""

    async def handle(request: web.Request) -> web.Response:
        return await ask_at_the_gate(
            request.app[SERVICE].verify,
            partial(callers.authenticate, request, bearer=False),
            partial(_original, request),
            tell=partial(note, request),
            style=_style(request),
        )

    return (web.route("*", "/forward-auth", handle, expect_handler=expect_later),)


FACE = Face(name="forward_auth", routes=routes)


async def _original(request: web.Request, options: GatewayOptions) -> SignedRequest:
    return original_request(headers_of(request), options, body=await signed_form(request))


def _style(request: web.Request) -> Style | None:
    """Return the style in the sub-request's own query, which the gateway's configuration writes."""
    asked = request.query.get("style")
    return next((style for style in STYLES if style == asked), None)
