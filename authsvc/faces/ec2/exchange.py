"""One exchange with a gateway: who asks, may they, and a refusal in the words of a dialect."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from authsvc.errors import AuthError, Malformed
from authsvc.faces.body import expect_later
from authsvc.faces.callers import require
from authsvc.faces.face import SERVICE, http_refusal, note, printable, refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from authsvc.faces.callers import Caller, Callers
    from authsvc.faces.dialects import Dialect
    from authsvc.service.service import Service

REQUEST_ID: Final = web.RequestKey("request_id", str)
"""The gateway's own name for its request, or one made up."""

_ID = re.compile(r"[!-~]{1,128}", re.ASCII)


def route(
    method: str,
    path: str,
    respond: Callable[[web.Request, Service, Caller], Awaitable[web.Response]],
    callers: Callers,
    *,
    dialect: Dialect,
    refuse: Callable[[web.Request, AuthError, Dialect], web.Response] | None = None,
) -> web.RouteDef:
    """Route to ``respond``, once its caller is known and has the grant ``verify``."""
    said = refuse or refused

    async def handle(request: web.Request) -> web.Response:
        request[REQUEST_ID] = secrets.token_hex(16)
        try:
            caller = callers.authenticate(request)
            note(request, caller=caller.name)
            require(caller, "verify")
            request[REQUEST_ID] = _request_id(request)
            return await respond(request, request.app[SERVICE], caller)
        except AuthError as error:
            note(request, verdict=error.verdict, **_cause(error))
            return said(request, error, dialect)
        except web.HTTPException as error:
            return http_refusal(error)

    return web.route(method, path, handle, expect_handler=expect_later)


def refused(_request: web.Request, error: AuthError, dialect: Dialect) -> web.Response:
    """Say no with what the error says."""
    said = dialect.say(error)
    return refusal(said.status, said.code, error.message)


def _request_id(request: web.Request) -> str:
    given = request.headers.getall("X-Request-Id", [])
    if not given:
        return request[REQUEST_ID]
    if len(given) > 1 or not _ID.fullmatch(given[0]):
        raise Malformed("X-Request-Id must be given once, as 1 to 128 printable characters without a space")
    return given[0]


def _cause(error: AuthError) -> dict[str, Any]:
    """Tell the log what the gateway is not told; both are words of ours, none of a client's."""
    cause = {"reason": error.detail.get("reason") or type(error).__name__}
    if "rule" in error.detail:
        cause["rule"] = error.detail["rule"]
    return {name: printable(value) for name, value in cause.items()}
