"""Connections: plain requests are answered at once, and from the first other one on it is aiohttp's connection.

Plain is what stores and gateways send all day: HTTP/1.1, GET or POST, a body of stated length, nothing to negotiate.
aiohttp's parser reads it and aiohttp's application answers it, just as any other; what is spared is to parse a head
that was parsed before, to look for its route, to pass it from one task to another, and to prepare an answer that
needs no preparation.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import EMPTY_PAYLOAD, hdrs, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import SERVER_SOFTWARE, StreamWriter

from authsvc.cli.heads import END, Heads, Route
from authsvc.cli.whole import Whole
from authsvc.faces.face import JSON

if TYPE_CHECKING:
    import ssl

    from authsvc.cli.heads import Head

REST: Final = 1.0
"""Seconds in which the rest of a body may follow; then aiohttp waits for it, by the deadline of whoever reads it."""

_OK: Final = 200
_JSON_OF_LENGTH: Final = f"HTTP/1.1 200 OK\r\n{hdrs.CONTENT_TYPE}: {JSON}\r\n{hdrs.CONTENT_LENGTH}: ".encode()
_log = logging.getLogger(__name__)


class Connections:
    """Makes the protocol of each new connection, and knows which are open."""

    def __init__(self, app: web.Application, server: web.Server, *, idle: float, rest: float = REST) -> None:
        """Serve an application.

        Args:
            app: It has started.
            server: aiohttp's for it, which gets the connections that are not for us.
            idle: Seconds a connection may be idle.
            rest: Seconds in which the rest of a body may follow.
        """
        self.loop = asyncio.get_running_loop()
        self.idle, self.rest = idle, rest
        self.heads = Heads(self.loop)
        self.server = server
        self.open: set[Connection] = set()
        self.closed = False
        self._app = app
        self._second = 0
        self._ending = b""

    def __call__(self) -> Connection:
        """Make the protocol of a new connection."""
        return Connection(self)

    def __len__(self) -> int:
        """Return how many are open, aiohttp's included."""
        return len(self.open) + len(self.server.connections)

    async def find(self, head: Head, request: web.Request) -> Route | None:
        """Find who answers, and note it in the head; None where nobody does."""
        match = await self._app.router.resolve(request)
        if match.http_exception is not None:
            return None
        match.add_app(self._app)
        match.freeze()
        handler = match.handler
        for middleware in reversed(self._app.middlewares):
            handler = partial(middleware, handler=handler)
        head.route = Route(match, handler)
        return head.route

    def ending(self) -> bytes:
        """Return what the head of an answer ends with; it is the same for a second."""
        second = int(time.time())
        if second != self._second:
            date = formatdate(second, usegmt=True)
            lines = f"\r\n{hdrs.DATE}: {date}\r\n{hdrs.SERVER}: {SERVER_SOFTWARE}"
            self._second, self._ending = second, lines.encode() + END
        return self._ending

    def close(self) -> None:
        """End those that are not aiohttp's, whatever is being answered there, and whoever comes from now on."""
        self.closed = True
        for connection in tuple(self.open):
            connection.close()


class Connection(BaseProtocol):
    """One connection, as long as its requests are plain.

    It waits for a request, or for the rest of a body, or it is answering. What comes too early is held, and then no more
    is read. Whatever it does not understand it hands over to aiohttp, from the first byte of the request on.
    """

    __slots__ = (
        "_answering",
        "_connections",
        "_end",
        "_head",
        "_held",
        "_idle",
        "_rest",
        "_seen",
        "_task",
        "_writer",
        "peername",
        "sockname",
        "ssl_context",
    )

    def __init__(self, connections: Connections) -> None:
        """Take what all connections share."""
        super().__init__(connections.loop)
        self._connections = connections
        self._held = bytearray()
        self._head: Head | None = None
        self._end = 0
        self._rest: asyncio.TimerHandle | None = None
        self._answering = False
        self._task: asyncio.Task[None] | None = None
        self._seen = 0.0
        self._writer = StreamWriter(self, self._loop)
        self._idle: asyncio.TimerHandle | None = None
        self.ssl_context: ssl.SSLContext | None = None
        self.peername: Any = None
        self.sockname: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request, unless the end came first."""
        super().connection_made(transport)
        if self._connections.closed:
            self.close()
            return
        self.ssl_context = transport.get_extra_info("sslcontext")
        self.peername = transport.get_extra_info("peername")
        self.sockname = transport.get_extra_info("sockname")
        self._connections.open.add(self)
        self._seen = self._loop.time()
        self._idle = self._loop.call_later(self._connections.idle, self._look)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget what has come; what is being answered is answered to nobody."""
        super().connection_lost(exc)
        self._leave()

    def data_received(self, data: bytes) -> None:
        """Answer a request that is there whole."""
        if self._head is not None:
            self._held += data
            if len(self._held) >= self._end:
                self._complete(self._head)
        elif self._answering or self._paused or self._held:
            self._held += data
            self._pause_transport_reading()
        else:
            self._take(data)

    def resume_writing(self) -> None:
        """Go on: whoever asks has read what was answered."""
        super().resume_writing()
        self._next()

    def close(self) -> None:
        """End it, and what is being answered."""
        if self._task is not None:
            self._task.cancel()
        if self.transport is not None:
            self.transport.close()

    def _take(self, data: bytes) -> None:
        """Begin with the request that the bytes begin with."""
        cut = data.find(END) + len(END)
        head = self._connections.heads.read(data[:cut]) if cut >= len(END) else None
        if head is None:
            self._hand_over(data)
        elif len(data) >= cut + head.body:
            self._begin(head, data, cut)
        else:
            self._head, self._end = head, cut + head.body
            self._held += data
            self._rest = self._loop.call_later(self._connections.rest, self._give_up)

    def _complete(self, head: Head) -> None:
        """Begin with the request whose body has come."""
        if self._rest is not None:
            self._rest.cancel()
        data = bytes(self._held)
        self._head = None
        self._held.clear()
        self._begin(head, data, self._end - head.body)

    def _begin(self, head: Head, data: bytes, cut: int) -> None:
        """Answer the request whose body begins at ``cut``; what comes after it has to wait."""
        end = cut + head.body
        self._held += data[end:]
        self._answering = True
        answer = self._answer(head, data[cut:end])
        if sys.version_info >= (3, 12):
            task = asyncio.Task(answer, loop=self._loop, eager_start=True)
        else:
            task = self._loop.create_task(answer)
        self._task = task if self._answering else None

    async def _answer(self, head: Head, body: bytes) -> None:
        keep = False
        try:
            request = self._request(head, body)
            try:
                route = head.route or await self._connections.find(head, request)
                if route is None:
                    response = await self._connections.server.request_handler(request)
                else:
                    request._match_info = route.match  # noqa: SLF001 - as aiohttp's application does, which is left out here
                    response = await route.handler(request)
            except web.HTTPException as refusal:
                response = refusal
            except Exception:  # noqa: BLE001 - answered as aiohttp does
                _log.exception("a fault of ours")
                response = web.HTTPInternalServerError()
                response.force_close()
            keep = await self._send(request, response)
        except ConnectionError:  # nobody is there any more
            pass
        except Exception:  # noqa: BLE001 - the connection ends, as nobody knows what is on its way
            _log.exception("an answer could not be sent")
        finally:
            self._answered(keep=keep)

    def _request(self, head: Head, body: bytes) -> web.Request:
        """Make the request; a protocol is all it wants of us, and a task it has none."""
        payload = Whole(body) if body else EMPTY_PAYLOAD
        protocol, task = cast("Any", self), cast("Any", None)
        made = self._connections.server.request_factory(head.message, payload, protocol, self._writer, task)
        return cast("web.Request", made)

    async def _send(self, request: web.Request, response: web.StreamResponse) -> bool:
        """Send the answer, and say whether another request may follow."""
        if type(response) is web.Response and response.status == _OK and response.keep_alive is None:
            body, headers = response.body, response.headers
            if type(body) is bytes and len(headers) == 1 and headers.get(hdrs.CONTENT_TYPE) == JSON:
                if self.transport is not None:
                    self.transport.write(
                        b"%b%d%b%b" % (_JSON_OF_LENGTH, len(body), self._connections.ending(), body)
                    )
                return True
        self._writer = StreamWriter(self, self._loop)  # for the next one, as this answer uses the other up
        await response.prepare(request)
        await response.write_eof()
        return bool(response.keep_alive)

    def _answered(self, *, keep: bool) -> None:
        self._answering, self._task = False, None
        self._seen = self._loop.time()
        if not keep and self.transport is not None:
            self.transport.close()
        elif self._held:
            self._loop.call_soon(self._next)  # and not at once: others have their turn

    def _next(self) -> None:
        """Go on with what is held, unless whoever asks does not read the answers."""
        if self._answering or self._paused or self.transport is None or self.transport.is_closing():
            return
        self._resume_transport_reading()
        if self._held and self._head is None:
            data = bytes(self._held)
            self._held.clear()
            self._take(data)

    def _give_up(self) -> None:
        self._hand_over(bytes(self._held))

    def _hand_over(self, data: bytes) -> None:
        """Make it aiohttp's connection, from the request on that the bytes begin with."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        self._leave()
        handler = self._connections.server()
        transport.set_protocol(handler)
        handler.connection_made(transport)
        handler.data_received(data)

    def _leave(self) -> None:
        self._connections.open.discard(self)
        for timer in (self._idle, self._rest):
            if timer is not None:
                timer.cancel()
        self._head = None
        self._held.clear()

    def _look(self) -> None:
        """End the connection if it has been idle for long enough."""
        left = self._seen + self._connections.idle - self._loop.time()
        if self._answering or left > 0:
            self._idle = self._loop.call_later(left if left > 0 else self._connections.idle, self._look)
        else:
            self.close()
