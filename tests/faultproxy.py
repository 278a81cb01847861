"""A TCP proxy that misbehaves on demand: everything a network does to a connection, by method call.

    async with FaultProxy(port=redis.port) as proxy:
        client = connect(proxy.host, proxy.port)
        proxy.blackhole()

A fault applies at once, to connections open and to come, until the next call; `pass_through` ends it. Faults
that count bytes count what the server has sent on each connection since the call.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from authsvc.cli.listener import stop_accepting

if TYPE_CHECKING:
    from types import TracebackType

CHUNK = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is done to the bytes on their way."""

    delay: float = 0.0
    silent: bool = False
    rst_after: int | None = None
    cut_after: int | None = None
    bytes_per_second: float | None = None
    corrupt_at: int | None = None
    mask: int = 0xFF


class Link:
    """One accepted connection and the one opened for it."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.answered = 0

    def close(self) -> None:
        """Close both ends in order: what was passed on still arrives."""
        self.client.close()
        self.server.close()

    def reset(self) -> None:
        """Break both ends with RST."""
        for end in (self.client, self.server):
            raw = end.get_extra_info("socket")
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()


class FaultProxy:
    """A listener on a free loopback port in front of `host:port`."""

    def __init__(self, *, port: int, host: str = "127.0.0.1") -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.accepted = 0
        self._target = (host, port)
        self._fault = Fault()
        self._changed = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen."""
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and break what is open."""
        await self.refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def listen(self) -> None:
        """Accept connections again, on the same port, after `refuse`."""
        if self._listener is None:
            self._listener = await asyncio.start_server(self._serve, self.host, self.port)
            self.port = self._listener.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Answer every new connection with RST and break the open ones, as if the process had died."""
        if self._listener is not None:
            await stop_accepting(self._listener)
            self._listener = None
        self.reset()

    def reset(self) -> None:
        """Break the open connections with RST; new ones are welcome."""
        for link in tuple(self._links):
            link.reset()

    def pass_through(self) -> None:
        """Do no harm."""
        self._apply(Fault())

    def delay(self, milliseconds: float) -> None:
        """Hold every piece of data back this long, in each direction."""
        self._apply(Fault(delay=milliseconds / 1000))

    def blackhole(self) -> None:
        """Accept and read, but pass nothing on in either direction; what was held is passed on afterwards."""
        self._apply(Fault(silent=True))

    def rst_after(self, count: int) -> None:
        """Pass `count` bytes of the server's answer on, then RST."""
        self._apply(Fault(rst_after=count))

    def cut_after(self, count: int) -> None:
        """Pass `count` bytes of the server's answer on, then close in order."""
        self._apply(Fault(cut_after=count))

    def trickle(self, bytes_per_second: float) -> None:
        """Pass the server's answer on one byte at a time."""
        self._apply(Fault(bytes_per_second=bytes_per_second))

    def corrupt(self, offset: int, mask: int = 0xFF) -> None:
        """Exclusive-or the server's byte at `offset` with `mask`."""
        self._apply(Fault(corrupt_at=offset, mask=mask))

    def _apply(self, fault: Fault) -> None:
        self._fault = fault
        for link in self._links:
            link.answered = 0
        self._changed.set()
        self._changed = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        link = None
        try:
            await self._hold()
            answers, server = await asyncio.open_connection(*self._target)
            link = Link(writer, server)
            self._links.add(link)
            if self._listener is None:  # accepted as it began to refuse
                link.reset()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._ask(reader, server))
                group.create_task(self._answer(answers, link))
        except* OSError:
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            self._links.discard(link)
            writer.close()
            if link is not None:
                link.close()

    async def _ask(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._hold()
            await asyncio.sleep(self._fault.delay)
            server.write(data)
            await server.drain()
        if server.can_write_eof():
            server.write_eof()

    async def _answer(self, answers: asyncio.StreamReader, link: Link) -> None:
        while data := await answers.read(CHUNK):
            await asyncio.sleep(self._fault.delay)
            await self._pass_on(data, link)
        if link.client.can_write_eof():
            link.client.write_eof()

    async def _pass_on(self, data: bytes, link: Link) -> None:
        """Write one read's worth of the server's answer as the fault says."""
        while data:
            await self._hold()
            fault = self._fault
            size = 1 if fault.bytes_per_second else len(data)
            limit = fault.rst_after if fault.rst_after is not None else fault.cut_after
            if limit is not None:
                size = min(size, limit - link.answered)
            piece, data = data[:size], data[size:]
            link.client.write(_corrupted(piece, link.answered, fault))
            await link.client.drain()
            link.answered += len(piece)
            if limit is not None and link.answered >= limit:
                link.close() if fault.rst_after is None else link.reset()
                return
            if fault.bytes_per_second:
                await asyncio.sleep(1 / fault.bytes_per_second)

    async def _hold(self) -> None:
        """Wait out a silence."""
        while self._fault.silent:
            await self._changed.wait()


def _corrupted(piece: bytes, position: int, fault: Fault) -> bytes:
    if fault.corrupt_at is None or not position <= fault.corrupt_at < position + len(piece):
        return piece
    changed = bytearray(piece)
    changed[fault.corrupt_at - position] ^= fault.mask
    return bytes(changed)
