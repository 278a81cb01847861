"""Reading a request's body: after its caller is known, within our own time and our own size."""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

MAX_BODY: Final = 64 * 1024
"""Bytes; more is 413."""

BODY_DEADLINE: Final = 5.0
"""Seconds from the first look at the body to its end; later is 408."""

_BROKEN = (web.RequestPayloadError, HttpProcessingError, aiohttp.ClientError, ConnectionError)


async def expect_later(_request: web.Request) -> None:
    """Answer ``Expect: 100-continue`` with nothing yet: ``read_body`` says "continue" once it wants the body."""


async def read_body(request: web.Request, *, deadline: float = BODY_DEADLINE) -> bytes:
    """Return the whole body.

    Raises:
        HTTPRequestEntityTooLarge: It is, or says it is, longer than ``MAX_BODY``.
        HTTPRequestTimeout: It did not arrive within ``deadline`` seconds.
        HTTPBadRequest: It broke off, or its chunks cannot be read.
        HTTPUnsupportedMediaType: It is compressed.
        HTTPExpectationFailed: Something else than "continue" is expected.
    """
    headers = request.headers
    if "Content-Encoding" in headers:
        raise web.HTTPUnsupportedMediaType(reason="the body must not be compressed")
    content = request.content
    if not content.is_eof() and (request.content_length or 0) > MAX_BODY:
        raise web.HTTPRequestEntityTooLarge(MAX_BODY)
    if "Expect" in headers:
        await _continue(request)
    try:
        if content.is_eof():
            body = content.read_nowait()
            _check_size(body)
            return body
        async with asyncio.timeout(deadline):
            return await _gather(content)
    except TimeoutError:
        raise web.HTTPRequestTimeout(reason="the body did not arrive in time") from None
    except _BROKEN:
        raise web.HTTPBadRequest(reason="the body cannot be read to its end") from None


async def _gather(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    while chunk := await content.readany():
        body += chunk
        _check_size(body)
    return bytes(body)


def _check_size(body: bytes | bytearray) -> None:
    if len(body) > MAX_BODY:
        raise web.HTTPRequestEntityTooLarge(MAX_BODY)


async def _continue(request: web.Request) -> None:
    if request.headers["Expect"].lower() != "100-continue":
        raise web.HTTPExpectationFailed
    if request.version >= aiohttp.HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # as aiohttp's own handler does: the answer has not begun
