"""A connection answers plain requests as aiohttp would, byte for byte, and leaves it all others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from authsvc.faces.body import MAX_BODY, expect_later, read_body
from authsvc.faces.face import answer, http_refusal, refusal
from tests.served import Runner, Served

HOST = b"Host: authsvc\r\n"
END = b"GET /seen HTTP/1.1\r\nHost: authsvc\r\nConnection: close\r\n\r\n"
PATIENCE = 10


def post(path=b"/seen", body=b'{"a": 1}', *lines):
    return (
        b"POST %b HTTP/1.1\r\n%bContent-Type: application/json\r\n" % (path, HOST)
        + b"".join(line + b"\r\n" for line in lines)
        + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )


def get(path=b"/seen?a=b%20c&d", *lines):
    return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (path, HOST, b"".join(line + b"\r\n" for line in lines))


def chunked(body):
    return b"POST /seen HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
        HOST,
        len(body),
        body,
    )


class World:
    """An application that says all it saw of a request."""

    def __init__(self):
        self.gate = asyncio.Event()
        self.inside = asyncio.Event()
        self.seen = []
        self.closing = False

    def app(self):
        @web.middleware
        async def outermost(request, handler):
            try:
                response = await handler(request)
            except web.HTTPException as error:
                response = http_refusal(error)
            if self.closing:
                response.force_close()
            return response

        app = web.Application(middlewares=[outermost])
        app.router.add_route("*", "/seen", self.see, expect_handler=expect_later)
        app.router.add_route("*", "/seen/{name}", self.see)
        app.router.add_post("/wait", self.wait)
        app.router.add_post("/wait/refused", self.wait)
        app.router.add_post("/refused", self.refuse)
        app.router.add_post("/headed", self.head)
        app.router.add_post("/text", self.write)
        app.router.add_post("/large", self.large)
        app.router.add_post("/streamed", self.stream)
        return app

    async def see(self, request):
        body = await read_body(request, deadline=0.1)
        self.seen.append(body)
        return answer(
            {
                "method": request.method,
                "url": str(request.url),
                "path": request.raw_path,
                "version": str(request.version),
                "headers": [
                    [name.decode("latin-1"), value.decode("latin-1")] for name, value in request.raw_headers
                ],
                "type": request.content_type,
                "length": request.content_length,
                "match": dict(request.match_info),
                "route": request.match_info.route.resource.canonical,
                "keeps": request.keep_alive,
                "remote": request.remote,
                "secure": request.secure,
                "had a body": request.body_exists,
                "body": body.hex(),
            }
        )

    async def wait(self, request):
        self.inside.set()
        await self.gate.wait()
        return await (self.refuse if request.path.endswith("refused") else self.see)(request)

    async def refuse(self, request):
        self.seen.append(await read_body(request))
        return refusal(401, "Unauthorized", "who are you?")

    async def head(self, _request):
        response = answer({"a": 1})
        response.headers["X-More"] = "to say"
        return response

    async def write(self, _request):
        return web.Response(text="plain")

    async def large(self, _request):
        return answer({"much": "x" * 2_000_000})

    async def stream(self, request):
        response = web.StreamResponse(headers={"X-Kind": "streamed"})
        await response.prepare(request)
        await response.write(await request.read())
        return response

    async def fault(self, _request):
        raise RuntimeError


@pytest.fixture
def world():
    return World()


class Hasty(Served):
    """A server whose connections may be idle for a moment only, and that waits for no rest of a body."""

    async def _make_runner(self, **options):
        return Runner(self.app, idle=0.3, rest=0.05, **options)


@asynccontextmanager
async def opened(world, kind=Served):
    async with kind(world.app()) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            yield server, reader, writer
        finally:
            writer.close()


async def answers(world, kind, parts):
    """Send the parts, each a moment after the other, and return all that comes until the connection ends."""
    async with opened(world, kind) as (_, reader, writer):
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.01)
        async with asyncio.timeout(PATIENCE):
            said = await reader.read()
    return re.sub(rb"\r\nDate: [^\r]+", b"", said)


async def response(reader):
    async with asyncio.timeout(PATIENCE):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        return int(head[9:12]), json.loads(await reader.readexactly(length))


EXCHANGES = {
    "a post": [post(), END],
    "the same again": [post(), post(), post(b"/seen", b'{"b": 2}'), post(), END],
    "a get": [get(), get(), END],
    "a part of the path": [
        post(b"/seen/alice"),
        post(b"/seen/alice"),
        post(b"/seen/alice"),
        get(b"/seen/b%2Fob"),
        END,
    ],
    "no body": [post(body=b""), get(b"/seen", b"Content-Length: 0"), END],
    "no length": [post().replace(b"Content-Length: 8\r\n", b"").partition(b"{")[0], END],
    "many at once": [post() + post() + get() + post() + END],
    "others among them": [post() + chunked(b"abc") + post() + END],
    "in pieces": [post()[:200], post()[200:], post()[:-3], post()[-3:] + post()[:-8], post()[-8:], END],
    "head and body": [post()[:-8], post()[-8:], post()[:-8], post()[-8:], END],
    "byte by byte": [post()[:-8], *(bytes([byte]) for byte in post()[-8:]), END],
    "a head in pieces": [post()[:40], post()[40:], post(), END],
    "chunked": [chunked(b"abc"), post(), END],
    "expected": [post(b"/seen", b"abc", b"Expect: 100-continue"), END],
    "expected something else": [post(b"/seen", b"abc", b"Expect: a miracle"), END],
    "to be closed": [post(b"/seen", b"abc", b"Connection: close")],
    "to be kept": [post(b"/seen", b"abc", b"Connection: keep-alive"), END],
    "an older version": [post().replace(b"HTTP/1.1", b"HTTP/1.0")],
    "an older version, kept": [
        post(b"/seen", b"a", b"Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"),
        END,
    ],
    "absolute": [post(b"http://elsewhere/seen"), END],
    "put": [post().replace(b"POST", b"PUT"), END],
    "head": [get().replace(b"GET", b"HEAD"), END],
    "nobody's path": [post(b"/nowhere"), post(b"/nowhere"), post(b"/nowhere"), get(b"/"), END],
    "another method": [get(b"/refused"), post(b"/refused"), END],
    "refused": [post(b"/refused"), post(b"/refused"), post(b"/refused"), END],
    "more headers": [post(b"/headed"), post(b"/headed"), post(b"/headed"), END],
    "no JSON": [post(b"/text"), post(b"/text"), post(b"/text"), END],
    "streamed": [post(b"/streamed"), post(b"/streamed"), post(b"/streamed"), END],
    "compressed": [post(b"/seen", b"abc", b"Content-Encoding: gzip"), END],
    "too long": [post(b"/seen", b"x" * (MAX_BODY + 1)), END],
    "as long as may be": [post(b"/seen", b"x" * MAX_BODY), END],
    "two lengths": [post(b"/seen", b"abc", b"Content-Length: 4"), END],
    "length and chunks": [post(b"/seen", b"abc", b"Transfer-Encoding: chunked"), END],
    "a length with a sign": [post().replace(b"Length: 8", b"Length: +8"), END],
    "a request for a body": [post(b"/seen", END), END],
    "no HTTP": [b"\x16\x03\x01\x02\x00\r\n\r\n"],
    "a control character": [get(b"/seen", b"A: \x00"), END],
    "a line without its end": [get().replace(b"\r\nHost", b"\nHost"), END],
    "lines before it": [b"\r\n\r\n" + get(), END],
    "a folded line": [get(b"/seen", b"A: b\r\n c"), END],
    "bytes that are no text": [get(b"/seen", b"A: \xff\xfe"), post(b"/seen", b"\xff", b"A: \xff"), END],
    "long lines": [get(b"/seen", b"A: " + b"x" * 9000), END],
    "an upgrade": [get(b"/seen", b"Connection: Upgrade", b"Upgrade: websocket"), END],
}


@pytest.mark.parametrize("parts", EXCHANGES.values(), ids=EXCHANGES)
async def test_answers_are_those_of_aiohttp(parts):
    expected = await answers(World(), TestServer, parts)
    assert expected, "aiohttp says something"
    assert await answers(World(), Served, parts) == expected


async def test_a_plain_request_is_no_business_of_aiohttps(world):
    async with opened(world) as (server, reader, writer):
        connections = server.runner.connections
        for _ in range(3):
            writer.write(post())
            assert await response(reader) == (200, seen_of(post()))
        assert (len(connections.open), len(connections.server.connections)) == (1, 0)
        writer.write(chunked(b"abc"))
        assert (await response(reader))[1]["body"] == b"abc".hex()
        assert (len(connections.open), len(connections.server.connections), len(connections)) == (0, 1, 1)
        writer.close()
        async with asyncio.timeout(PATIENCE):
            while len(connections):
                await asyncio.sleep(0.01)


def seen_of(raw):
    """Say what the application sees of a `post()`."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = [line.decode().split(": ", 1) for line in head.split(b"\r\n")[1:]]
    return {
        "method": "POST",
        "url": "http://authsvc/seen",
        "path": "/seen",
        "version": "HttpVersion(major=1, minor=1)",
        "headers": lines,
        "type": "application/json",
        "length": len(body),
        "match": {},
        "route": "/seen",
        "keeps": True,
        "remote": "127.0.0.1",
        "secure": False,
        "had a body": True,
        "body": body.hex(),
    }


async def test_who_answers_is_remembered_and_that_nobody_does_is_not(world):
    async with opened(world) as (server, reader, writer):
        routes = []
        for request in (post(), post(b"/nowhere")):
            for _ in range(3):
                writer.write(request)
                await response(reader)
            head = server.runner.connections.heads.read(request.partition(b"{")[0])
            routes.append(head.route and head.route.match.route.resource.canonical)
        assert routes == ["/seen", None]


async def test_what_comes_while_one_is_answered_waits_its_turn(world):
    async with opened(world) as (server, reader, writer):
        writer.write(post(b"/wait", b"first"))
        async with asyncio.timeout(PATIENCE):
            await world.inside.wait()
        writer.write(post(b"/seen", b"second") + post(b"/seen", b"third"))
        await asyncio.sleep(0.05)
        assert world.seen == []
        world.gate.set()
        said = [bytes.fromhex((await response(reader))[1]["body"]) for _ in range(3)]
        assert said == world.seen == [b"first", b"second", b"third"]
        assert len(server.runner.connections.open) == 1


async def test_whoever_does_not_read_the_answers_is_not_read_either(world):
    async with opened(world) as (server, reader, writer):
        writer.write(post(b"/large") * 40)
        for number in range(200):
            writer.write(post(b"/seen", b"%d" % number))
        await asyncio.sleep(0.3)
        assert world.seen == []
        (connection,) = server.runner.connections.open
        assert connection.transport.get_write_buffer_size() < 3 * 2_000_000
        for _ in range(40):
            assert len((await response(reader))[1]["much"]) == 2_000_000
        assert [(await response(reader))[1]["body"] for _ in range(200)] == [
            body.hex() for body in world.seen
        ]
        assert len(world.seen) == 200


async def test_what_comes_too_early_is_bounded(world):
    async with opened(world) as (_, _reader, writer):
        writer.write(post(b"/wait"))
        async with asyncio.timeout(PATIENCE):
            await world.inside.wait()
        much = 48 * 2**20  # more than sockets hold
        writer.write(b"x" * much)
        await asyncio.sleep(0.3)
        assert writer.transport.get_write_buffer_size() > much / 2
        writer.transport.abort()


async def test_who_has_not_read_an_answer_gets_no_other(world):
    async with opened(world) as (_, reader, writer):
        for _ in range(8):
            writer.write(post(b"/large"))
            await asyncio.sleep(0.02)
        writer.write(post())
        await asyncio.sleep(0.1)
        assert world.seen == []
        for _ in range(8):
            assert (await response(reader))[0] == 200
        assert (await response(reader))[1] == seen_of(post())


class Written(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self):
        super().__init__()
        self.answers = []

    def write(self, data):
        self.answers.append(data)

    def is_closing(self):
        return False

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass

    def close(self):
        pass


async def test_what_comes_between_an_answer_and_the_next_request_is_in_its_place(world):
    async with Served(world.app()) as server:
        connection = server.runner.connections()
        transport = Written()
        connection.connection_made(transport)
        connection.data_received(post(b"/seen", b"1") + post(b"/seen", b"2"))
        while not transport.answers:
            await asyncio.sleep(0)
        connection.data_received(post(b"/seen", b"3"))
        async with asyncio.timeout(PATIENCE):
            while len(transport.answers) < 3:
                await asyncio.sleep(0)
        assert world.seen == [b"1", b"2", b"3"]


@pytest.mark.parametrize("path", [b"/wait", b"/wait/refused"])
async def test_who_leaves_is_answered_to_nobody_and_remembered_by_nobody(world, caplog, path):
    async with opened(world) as (server, _, writer):
        writer.write(post(path))
        async with asyncio.timeout(PATIENCE):
            await world.inside.wait()
        writer.transport.abort()
        async with asyncio.timeout(PATIENCE):
            while len(server.runner.connections):
                await asyncio.sleep(0.01)
        world.gate.set()
        async with asyncio.timeout(PATIENCE):
            while not world.seen:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
    assert not caplog.records


async def test_an_idle_connection_is_ended_and_a_busy_one_is_not(world):
    async with opened(world, Hasty) as (_, reader, writer):
        writer.write(post(b"/wait"))
        await asyncio.sleep(0.8)
        world.gate.set()
        assert (await response(reader))[0] == 200
        for _ in range(5):
            await asyncio.sleep(0.15)
            writer.write(post())
            assert (await response(reader))[0] == 200
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""


async def test_who_connects_and_says_nothing_is_ended_too(world):
    async with opened(world, Hasty) as (_, reader, _writer):
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""


async def test_the_last_answer_before_the_end_says_so(world):
    async with opened(world) as (_, reader, writer):
        writer.write(post())
        await response(reader)
        world.closing = True
        writer.write(post() + post())
        async with asyncio.timeout(PATIENCE):
            said = await reader.read()
        assert said.count(b"HTTP/1.1 200 OK") == said.count(b"Connection: close") == 1


async def test_the_end_of_the_server_ends_what_is_idle_and_what_is_under_way(world):
    async with opened(world) as (server, reader, writer):
        _, idle = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(post(b"/wait"))
        async with asyncio.timeout(PATIENCE):
            await world.inside.wait()
        await server.close()
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
        assert not server.runner.connections.open
        world.gate.set()
        await asyncio.sleep(0.01)
        assert world.seen == []
        idle.close()


@pytest.mark.parametrize("turns", range(6))
async def test_who_comes_while_the_server_ends_is_ended_too(world, turns):
    """However many turns of the loop lie between a connection's coming and the end."""
    async with Served(world.app()) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as caller:
            for _ in range(turns):
                await asyncio.sleep(0)
            await server.close()
            for _ in range(6):
                await asyncio.sleep(0)
            assert not server.runner.connections.open
            caller.settimeout(PATIENCE)
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.to_thread(caller.recv, 1) == b""


class Alone(World):
    """The same without a middleware that answers whatever happens, as the port for operators has none."""

    def app(self):
        app = web.Application()
        app.router.add_post("/seen", self.see)
        app.router.add_post("/fault", self.fault)
        app.router.add_post("/broken", self.break_off)
        app.router.add_post("/unsent", self.unsent)
        return app

    async def break_off(self, _request):
        raise ConnectionResetError

    async def unsent(self, _request):
        return web.Response(headers={"A": "\n"})


@pytest.mark.parametrize(
    "parts",
    [[post(b"/nowhere"), post(b"/nowhere"), END], [get(b"/seen"), post(), END], [post(), END]],
    ids=["nobody's path", "another method", "no refusal"],
)
async def test_what_the_library_refuses_is_said_in_its_words(parts):
    assert await answers(Alone(), Served, parts) == await answers(Alone(), TestServer, parts)


@pytest.mark.parametrize("path", [b"/fault", b"/broken"])
async def test_a_fault_that_nobody_caught_is_answered_and_logged_and_ends_the_connection(caplog, path):
    async with opened(Alone()) as (_, reader, writer):
        with caplog.at_level(logging.ERROR):
            writer.write(post(path) + post())
            async with asyncio.timeout(PATIENCE):
                said = await reader.read()
    assert said.startswith(b"HTTP/1.1 500 ")
    assert said.count(b"HTTP/1.1") == said.count(b"Connection: close") == 1
    assert [record.message for record in caplog.records] == ["a fault of ours"]


async def test_an_answer_that_cannot_be_sent_ends_the_connection(caplog):
    async with opened(Alone()) as (_, reader, writer):
        with caplog.at_level(logging.ERROR):
            writer.write(post(b"/unsent"))
            async with asyncio.timeout(PATIENCE):
                assert await reader.read() == b""
    assert [record.message for record in caplog.records] == ["an answer could not be sent"]


async def test_an_answer_is_dated(world):
    async with opened(world) as (_, reader, writer):
        for pause in (0, 2):
            await asyncio.sleep(pause)
            writer.write(post())
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.search(rb"Length: (\d+)", head)[1]))
            dated = parsedate_to_datetime(re.search(rb"Date: ([^\r]+)", head)[1].decode())
            assert abs(datetime.now(UTC) - dated) < timedelta(seconds=1.5)


async def test_the_rest_of_a_body_may_come_late(world):
    async with opened(world, Hasty) as (server, reader, writer):
        writer.write(post(b"/wait")[:-1])
        async with asyncio.timeout(PATIENCE):
            await world.inside.wait()  # aiohttp does not wait for it to call whoever answers
        assert not server.runner.connections.open
        writer.write(post()[-1:])
        world.gate.set()
        assert (await response(reader))[1]["body"] == b'{"a": 1}'.hex()


async def test_what_came_in_time_is_not_given_up_later(world):
    async with opened(world, Hasty) as (server, reader, writer):
        writer.write(post()[:-1])
        await asyncio.sleep(0.01)
        writer.write(post()[-1:])
        assert (await response(reader))[0] == 200
        await asyncio.sleep(0.1)
        assert len(server.runner.connections.open) == 1


async def test_a_body_that_never_comes_is_told_so(world):
    async with opened(world, Hasty) as (_, reader, writer):
        writer.write(post()[:-1])
        assert (await response(reader))[0] == 408
