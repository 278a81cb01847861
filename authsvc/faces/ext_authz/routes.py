"""``/ext-authz/…``: for Envoy's ``ext_authz`` filter with an HTTP service and ``path_prefix: /ext-authz``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from aiohttp import web

from authsvc.errors import DuplicateParameter, Malformed
from authsvc.faces.body import expect_later
from authsvc.faces.face import SERVICE, Face, headers_of, note
from authsvc.faces.forward_auth.gate import ask_at_the_gate, signed_form
from authsvc.faces.forward_auth.original import client_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsvc.faces.callers import Callers
    from authsvc.faces.forward_auth.options import GatewayOptions
    from authsvc.signing import SignedRequest

PREFIX: Final = "/ext-authz"


def routes(callers: Callers) -> Sequence[web.RouteDef]:
    """List the one route: whatever the client's method and path, behind the prefix."""

    async def handle(request: web.Request) -> web.Response:
        return await ask_at_the_gate(
            request.app[SERVICE].verify,
            partial(callers.authenticate, request, bearer=False),
            partial(_original, request),
            tell=partial(note, request),
        )

    return (web.route("*", PREFIX + "/{tail:.*}", handle, expect_handler=expect_later),)


FACE = Face(name="ext_authz", routes=routes)


async def _original(request: web.Request, options: GatewayOptions) -> SignedRequest:
    headers = headers_of(request)
    hosts = [value for name, value in headers if name.lower() == "host"]
    if len(hosts) != 1:
        raise DuplicateParameter("the request names no host, or more than one", argument_name="host")
    if not request.raw_path.startswith(f"{PREFIX}/"):
        raise Malformed(f"the request's path does not begin with {PREFIX}/")
    return client_request(
        request.method,
        request.raw_path.removeprefix(PREFIX),
        hosts[0],
        headers,
        options,
        body=await signed_form(request),
    )
