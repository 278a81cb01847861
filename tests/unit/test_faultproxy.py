"""The fault proxy does each kind of harm, and only while it is told to."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.faultproxy import FaultProxy

LONG = 5.0


class Echo:
    """A server that sends everything back, and counts its connections."""

    def __init__(self) -> None:
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError):
            while data := await reader.read(1024):
                writer.write(data)
                await writer.drain()
        writer.close()


@pytest.fixture
async def echo():
    server = Echo()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    yield server
    listener.close()


@pytest.fixture
async def proxy(echo):
    async with FaultProxy(port=echo.port) as proxy:
        yield proxy


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, data: bytes) -> bytes:
        self.writer.write(data)
        return await self.read(len(data))

    async def read(self, count: int) -> bytes:
        async with asyncio.timeout(LONG):
            return await self.reader.readexactly(count)

    async def quiet(self) -> bool:
        """Tell whether nothing arrives for a while."""
        try:
            async with asyncio.timeout(0.05):
                return not await self.reader.read(1)
        except TimeoutError:
            return True


@contextlib.asynccontextmanager
async def connected(proxy: FaultProxy):
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def test_passes_both_ways_and_the_end_of_each(proxy):
    async with connected(proxy) as client:
        assert await client.ask(b"x" * 200_000) == b"x" * 200_000
        client.writer.write_eof()
        assert await client.reader.read() == b""
    assert proxy.accepted == 1


async def test_delay_holds_each_direction(proxy):
    async with connected(proxy) as client:
        proxy.delay(60)
        began = asyncio.get_running_loop().time()
        assert await client.ask(b"late") == b"late"
        assert asyncio.get_running_loop().time() - began >= 0.11


async def test_blackhole_is_silent_and_then_lets_go(proxy):
    async with connected(proxy) as client:
        assert await client.ask(b"one") == b"one"
        proxy.blackhole()
        client.writer.write(b"two")
        assert await client.quiet()
        proxy.pass_through()
        assert await client.read(3) == b"two"


async def test_blackhole_accepts_without_asking_the_server(proxy, echo):
    proxy.blackhole()
    async with connected(proxy) as client:
        client.writer.write(b"anybody?")
        assert await client.quiet()
        assert (proxy.accepted, echo.connections) == (1, 0)


async def test_refuse_breaks_what_is_open_and_listen_brings_the_port_back(proxy):
    async with connected(proxy) as client:
        assert await client.ask(b"one") == b"one"
        await proxy.refuse()
        with pytest.raises(ConnectionResetError):
            await client.read(1)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(proxy.host, proxy.port)
    await proxy.listen()
    async with connected(proxy) as client:
        assert await client.ask(b"two") == b"two"


async def test_reset_spares_new_connections(proxy):
    async with connected(proxy) as first:
        await first.ask(b"one")
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            await first.read(1)
    async with connected(proxy) as second:
        assert await second.ask(b"two") == b"two"


async def test_a_server_that_is_gone_is_a_reset(echo):
    async with FaultProxy(port=echo.port) as inner, FaultProxy(port=inner.port) as outer:
        await inner.refuse()
        async with connected(outer) as client:
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await client.read(1)


async def test_rst_after_some_bytes(proxy):
    async with connected(proxy) as client:
        await client.ask(b"before")
        proxy.rst_after(4)
        client.writer.write(b"abcdef")
        with pytest.raises(ConnectionResetError):
            await client.read(6)


async def test_cut_after_some_bytes(proxy):
    async with connected(proxy) as client:
        await client.ask(b"be")
        proxy.cut_after(4)
        client.writer.write(b"abcdef")
        with pytest.raises(asyncio.IncompleteReadError) as caught:
            await client.read(6)
        assert caught.value.partial == b"abcd"


async def test_a_count_runs_over_several_answers(proxy):
    async with connected(proxy) as client:
        proxy.cut_after(4)
        assert await client.ask(b"abc") == b"abc"
        client.writer.write(b"def")
        assert await client.reader.read() == b"d"


async def test_trickle_comes_byte_by_byte(proxy):
    async with connected(proxy) as client:
        proxy.trickle(500)
        began = asyncio.get_running_loop().time()
        assert await client.ask(b"0123456789") == b"0123456789"
        assert asyncio.get_running_loop().time() - began >= 8 / 500


async def test_corrupt_changes_one_byte(proxy):
    async with connected(proxy) as client:
        proxy.corrupt(2, 0x20)
        assert await client.ask(b"abcdef") == b"abCdef"
        assert await client.ask(b"abcdef") == b"abcdef"


async def test_leaving_ends_what_is_open(echo):
    async with FaultProxy(port=echo.port) as proxy:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        proxy.blackhole()
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(LONG):
            assert await reader.read() == b""
    writer.close()
