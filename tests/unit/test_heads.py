"""Heads that are taken for plain are those that aiohttp's parser reads so, and ends where we do."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser
from hypothesis import example, given
from hypothesis import strategies as st

from authsvc.cli.heads import LONGEST, MOST, Heads
from authsvc.faces.body import MAX_BODY

POST = b"POST /v1/verify HTTP/1.1\r\nHost: authsvc\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n"
GET = b"GET /client/api?command=getUser&signature=a%2Bb HTTP/1.1\r\nHost: authsvc\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: authsvc\r\n\r\n"


@pytest.fixture(scope="module")
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def heads(loop):
    return Heads(loop)


def line(text, head=POST):
    return head.replace(b"\r\n", b"\r\n" + text + b"\r\n", 1)


@pytest.mark.parametrize(
    ("raw", "length"),
    [
        (POST, 7),
        (GET, 0),
        (line(b"Connection: keep-alive"), 7),
        (POST.replace(b"Length: 7", b"Length: 0"), 0),
        (POST.replace(b"Content-Length: 7\r\n", b""), 0),
        (POST.replace(b"Length: 7", b"Length: %d" % MAX_BODY), MAX_BODY),
        (GET.replace(b"GET", b"POST"), 0),
        (line(b"Content-Encoding: deflate"), None),
        (line(b"Content-Encoding: gzip"), None),
        (line(b"Connection: close"), None),
        (line(b"Connection: upgrade\r\nUpgrade: websocket"), None),
        (line(b"Expect: 100-continue"), None),
        (line(b"Expect: a miracle"), None),
        (line(b"Transfer-Encoding: chunked"), None),
        (line(b"Transfer-Encoding: identity"), None),
        (line(b"Content-Length: 7"), None),
        (line(b"Content-Length: 8"), None),
        (line(b"Host : authsvc"), None),
        (line(b"A: \0"), None),
        (line(b"A: " + b"x" * 9000), None),
        (line(b"\r\n".join(b"A%d: x" % number for number in range(200))), None),
        (POST.replace(b"Content-Length: 7", b"Transfer-Encoding: chunked"), None),
        (POST.replace(b"Length: 7", b"Length: %d" % (MAX_BODY + 1)), None),
        (POST.replace(b"Length: 7", b"Length: +7"), None),
        (POST.replace(b"Length: 7", b"Length: 0x7"), None),
        (POST.replace(b"Length: 7", b"Length: 7, 7"), None),
        (POST.replace(b"Length: 7", b"Length: -7"), None),
        (POST.replace(b"Length: 7", b"Length:"), None),
        (POST.replace(b"HTTP/1.1", b"HTTP/1.0"), None),
        (POST.replace(b"HTTP/1.1", b"HTTP/2.0"), None),
        (POST.replace(b"POST", b"HEAD"), None),
        (POST.replace(b"POST", b"PUT"), None),
        (POST.replace(b"POST", b"post"), None),
        (POST.replace(b"/v1", b"http://authsvc/v1"), None),
        (POST.replace(b"/v1/verify", b"*"), None),
        (b"CONNECT authsvc:443 HTTP/1.1\r\nHost: authsvc\r\n\r\n", None),
        (POST.replace(b"authsvc\r\n", b"authsvc\n\n"), None),
        (POST.replace(b"authsvc\r\n", b"authsvc\n\r\n"), None),
        (POST[:-2], None),
        (b"\r\n" + POST, 7),
        (b"\r\n\r\n", None),
        (b"", None),
        (GET + NEXT, None),
        (POST + b"{}", None),
        (b"\x16\x03\x01\r\n\r\n", None),
    ],
)
def test_a_head_is_plain_or_it_is_not(heads, raw, length):
    for _ in range(2):
        head = heads.read(raw)
        assert (None if head is None else head.body) == length


def is_known(heads, raw):
    return heads.read(raw) is heads.read(raw)


def test_a_head_that_comes_again_and_has_a_body_is_read_no_more(heads):
    first, second = heads.read(POST), heads.read(POST)
    assert first is not second
    assert heads.read(bytes(bytearray(POST))) is second
    assert heads.read(line(b"A: b")) is not second


def test_neither_a_long_one_nor_one_without_a_body_is_remembered(heads):
    for raw in (GET, line(b"A: " + b"x" * LONGEST)):
        for _ in range(3):
            assert not is_known(heads, raw)


def test_no_more_heads_are_remembered_than_there_is_room_for(heads):
    for raw in (POST, POST):
        first = heads.read(raw)
    for number in range(MOST - 1):
        for _ in range(2):
            heads.read(line(b"A: %d" % number))
    assert heads.read(POST) is first
    for _ in range(2):
        last = heads.read(line(b"A: last"))
    assert heads.read(POST) is not first
    assert heads.read(line(b"A: last")) is last


def test_heads_that_come_once_displace_none(heads):
    for raw in (POST, POST):
        known = heads.read(raw)
    for number in range(5 * MOST):
        heads.read(line(b"A: %d" % number))
    assert heads.read(POST) is known
    again = line(b"A: again")
    heads.read(again)
    heads.read(again)
    assert is_known(heads, again)


def test_what_came_once_is_forgotten_among_many(heads):
    heads.read(POST)
    for number in range(MOST):
        heads.read(line(b"A: %d" % number))
    assert heads.read(POST) is not heads.read(POST)


def as_aiohttp_reads(loop, raw):
    """Return aiohttp's messages and their bodies."""
    parser = HttpRequestParser(BaseProtocol(loop), loop, 2**16, payload_exception=web.RequestPayloadError)
    messages, _, _ = parser.feed_data(raw)
    return [
        (message, payload.read_nowait() if payload.is_eof() else b"unfinished")
        for message, payload in messages
    ]


PIECES = (
    *(b"", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\n\n", b" ", b"\t", b":", b",", b";", b"0", b"1", b"a", b"\0", b"\x80"),
    *(b"\r\nContent-Length: 3", b"\r\nTransfer-Encoding: chunked", b"\r\nConnection: close", b"Content-Length"),
)  # fmt: skip
EDITS = st.lists(st.tuples(st.integers(0, len(POST)), st.integers(0, 3), st.sampled_from(PIECES)), max_size=4)


@given(base=st.sampled_from([POST, GET]), edits=EDITS)
@example(base=POST, edits=[(24, 1, b"\n"), (38, 1, b"\n\n")])
def test_where_a_plain_request_ends_aiohttp_ends_it_too(loop, base, edits):
    raw = base
    for place, dropped, put in edits:
        raw = raw[:place] + put + raw[place + dropped :]
    raw = raw[: raw.find(b"\r\n\r\n") + 4]
    head = Heads(loop).read(raw)
    if head is None:
        return
    body = b"GET / HTTP/1.1\r\n\r\n".ljust(head.body, b"x")[: head.body]
    first, second = as_aiohttp_reads(loop, raw + body + NEXT)
    assert (repr(first[0]), first[1]) == (repr(head.message), body)
    assert second[0].path == "/next"
