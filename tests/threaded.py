"""An HTTP server for tests whose clients block: in a thread, and so in an event loop, of its own."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from authsvc.cli.listener import stop_accepting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HOST = "127.0.0.1"


class Threaded:
    """Takes every request, whatever its method and path, while its context is open.

    Args:
        take: Answers a request.
        beside: Opens what `take` works with, in that loop; it is `opened` while requests come in.
    """

    def __init__(
        self,
        take: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        beside: Callable[[], AbstractAsyncContextManager[Any]] = nullcontext,
    ) -> None:
        self.port = 0
        self.opened: Any = None
        self._take, self._beside = take, beside
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with self._beside() as self.opened:
            runner = web.ServerRunner(web.Server(self._continued))
            await runner.setup()
            site = web.TCPSite(runner, HOST, 0)
            await site.start()
            self.port = runner.addresses[0][1]
            self._up.set()
            await self._over.wait()
            # A gateway's look at whether somebody is there comes at any time, at the last moment too.
            await stop_accepting(site._server)
            await runner.cleanup()

    async def _continued(self, request: web.BaseRequest) -> web.StreamResponse:
        """Let the client go on to send the body, which an application of aiohttp's would do for us."""
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        return await self._take(request)
