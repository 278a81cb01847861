"""Reading a body that is slow, broken off, or too long."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from authsvc.faces.body import MAX_BODY, expect_later, read_body
from authsvc.faces.face import http_refusal


@pytest.fixture
async def client():
    async def echo(request):
        try:
            return web.Response(body=await read_body(request, deadline=0.05))
        except web.HTTPException as error:
            return http_refusal(error)

    app = web.Application()
    app.router.add_post("/", echo, expect_handler=expect_later)
    async with TestClient(TestServer(app)) as client:
        yield client


async def sent(client, *parts):
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\n")
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.005)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    writer.close()
    return int(head.split()[1])


async def test_a_body_comes_whole_or_in_pieces(client):
    async def pieces():
        for number in range(5):
            yield bytes([number]) * number
            await asyncio.sleep(0.001)

    assert await (await client.post("/", data=b"whole")).read() == b"whole"
    assert await (await client.post("/")).read() == b""
    assert await (await client.post("/", data=pieces())).read() == b"\1\2\2\3\3\3\4\4\4\4"
    assert await (await client.post("/", data=b"x" * MAX_BODY, expect100=True)).read() == b"x" * MAX_BODY


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ((b"Content-Length: 10\r\n\r\n12345",), 408),
        ((b"Content-Length: 10\r\n\r\n",), 408),
        ((b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nabc"), 408),
        ((b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nabcde\r\nzz\r\n"), 408),
        ((b"Content-Length: 65537\r\n\r\n",), 413),
        ((b"Transfer-Encoding: chunked\r\n\r\n", b"10001\r\n", b"x" * 65537), 413),
        ((b"Expect: a miracle\r\nContent-Length: 10\r\n\r\n",), 417),
        ((b"Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",), 415),
    ],
)
async def test_any_other_body_is_refused(client, parts, status):
    assert await sent(client, *parts) == status
