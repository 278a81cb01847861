"""The aiohttp application: one service, some faces, one line a request."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web

from authsvc.faces.face import NOTES, SERVICE, http_refusal, internal_error, routes_of
from authsvc.ops.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from contextlib import AbstractAsyncContextManager

    from authsvc.faces.callers import Callers
    from authsvc.faces.face import Face
    from authsvc.service.service import Service

MAX_BODY = 64 * 1024

Tell = Callable[[dict[str, Any]], None]
"""Takes the one event a request leaves behind: method, route, status, seconds, and what the face noted."""


class Span(Protocol):
    """What follows one request from its head to its answer."""

    @property
    def ids(self) -> Mapping[str, str]:
        """Return the fields that name it in the log."""
        ...

    def tell(self, event: Mapping[str, Any]) -> None:
        """Take the one event a request leaves behind."""
        ...


Trace = Callable[[Mapping[str, str]], AbstractContextManager[Span]]
"""Opens the span of a request with these headers."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = logging.getLogger(__name__)


def make_app(
    open_service: Callable[[], AbstractAsyncContextManager[Service]],
    faces: Iterable[Face],
    *,
    callers: Callers,
    tell: Tell | None = None,
    traffic: Traffic | None = None,
    trace: Trace | None = None,
) -> web.Application:
    """Build the application; nothing is opened before it starts.

    Args:
        open_service: Opens the service for the application's lifetime.
        faces: The dialects to speak.
        callers: Who may ask.
        tell: Who hears of each request; None for nobody.
        traffic: Who counts the requests inside.
        trace: Who follows each request; None for nobody.
    """

    async def service(app: web.Application) -> AsyncIterator[None]:
        async with open_service() as opened:
            app[SERVICE] = opened
            yield

    app = web.Application(
        client_max_size=MAX_BODY,
        middlewares=[_witness(tell or _tell_nobody, traffic or Traffic(), trace)],
    )
    app.cleanup_ctx.append(service)
    app.router.add_routes(routes_of(faces, callers))
    return app


def _witness(tell: Tell, traffic: Traffic, trace: Trace | None) -> Any:
    """Make the middleware that sees every request out: with an answer whatever happens, and one event."""
    answer = _answer if trace is None else _followed(trace)
    names: dict[web.AbstractRoute, str] = {}

    @web.middleware
    async def witness(request: web.Request, handler: _Handler) -> web.StreamResponse:
        began = time.perf_counter()
        route = request.match_info.route
        name = names.get(route)
        if name is None:
            name = _name(route)
            if name:  # what is no route of ours is made anew for each request
                names[route] = name
        event: dict[str, Any] = {
            "event": "request",
            "method": request.method,
            "route": name,
            "status": 0,
            "seconds": 0.0,
        }
        request[NOTES] = event
        with traffic:
            response = await answer(request, handler)
            if traffic.closing:
                response.force_close()
            event["seconds"] = round(time.perf_counter() - began, 6)
        tell(event)
        return response

    return witness


def _name(route: web.AbstractRoute) -> str:
    return "" if route.resource is None else route.resource.canonical


async def _answer(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = http_refusal(error)
    except Exception:  # noqa: BLE001 - the last line; nothing may leave here unanswered
        _log.exception("a fault of ours")
        response = internal_error()
    request[NOTES]["status"] = response.status
    return response


def _followed(trace: Trace) -> Callable[[web.Request, _Handler], Awaitable[web.StreamResponse]]:
    async def followed(request: web.Request, handler: _Handler) -> web.StreamResponse:
        event = request[NOTES]
        with trace(request.headers) as span:
            event.update(span.ids)
            response = await _answer(request, handler)
            span.tell(event)
        return response

    return followed


def _tell_nobody(_event: dict[str, Any]) -> None:
    pass
