"""One exchange with a caller: who asks, may they, what do they ask, and a refusal in the native words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from aiohttp import web

from authsvc.errors import AccountProblem, AuthError
from authsvc.faces.body import expect_later, read_body
from authsvc.faces.callers import require
from authsvc.faces.dialects import NATIVE
from authsvc.faces.face import JSON, SERVICE, http_refusal, note, refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from authsvc.faces.callers import Caller, Callers, Grant
    from authsvc.service.service import Service

T = TypeVar("T")

_MEDIA_TYPES: Final = frozenset({JSON, "application/octet-stream", "application/x-www-form-urlencoded"})
"""JSON; what aiohttp reports where there is no Content-Type; and what ``curl -d`` sends unasked."""


def post(
    path: str,
    grant: Grant,
    respond: Callable[[web.Request, Service, Caller, T], Awaitable[web.Response]],
    callers: Callers,
    read: Callable[[bytes], T],
) -> web.RouteDef:
    """Route a POST of JSON to ``respond``, once its caller is known and has the grant; ``read`` reads the body for it."""
    return web.post(path, _handler(grant, respond, callers, read), expect_handler=expect_later)


def get(
    path: str,
    grant: Grant,
    respond: Callable[[web.Request, Service, Caller], Awaitable[web.Response]],
    callers: Callers,
) -> web.RouteDef:
    """Route a GET to ``respond``, once its caller is known and has the grant."""
    return web.get(path, _handler(grant, respond, callers), expect_handler=expect_later)


def _handler(
    grant: Grant,
    respond: Callable[..., Awaitable[web.Response]],
    callers: Callers,
    read: Callable[[bytes], Any] | None = None,
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Make the handler; what it can ``read`` in the body is the last thing that ``respond`` is given."""

    async def handle(request: web.Request) -> web.Response:
        try:
            caller = callers.authenticate(request)
            note(request, caller=caller.name)
            require(caller, grant)
            if read is None:
                return await respond(request, request.app[SERVICE], caller)
            check_media_type(request)
            return await respond(request, request.app[SERVICE], caller, read(await read_body(request)))
        except AuthError as error:
            return _refusal(request, error)
        except web.HTTPException as error:
            return http_refusal(error)

    return handle


def check_media_type(request: web.Request) -> None:
    """Return if the body is sent as JSON, or as nothing in particular.

    Raises:
        HTTPUnsupportedMediaType: It is sent as something else.
    """
    if request.headers.get("Content-Type") != JSON and request.content_type not in _MEDIA_TYPES:
        raise web.HTTPUnsupportedMediaType(reason=f"send the body as {JSON}")


def _refusal(request: web.Request, error: AuthError) -> web.Response:
    note(request, verdict=error.verdict, reason=type(error).__name__)
    status, code = NATIVE.say(error)
    field = error.detail.get("field")
    if field is not None:
        return refusal(status, code, f"{field}: {error.message}", field=field)
    if isinstance(error, AccountProblem):
        return refusal(status, code, error.message, detail={"reason": error.detail.get("reason")})
    return refusal(status, code, error.message)
