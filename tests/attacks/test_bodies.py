"""What arrives as a body: sizes that lie, bodies that break off, and none that is parsed before it has to be."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from tests.attacks.rows import called
from tests.signers import v4_header
from tests.standins import TOKEN

PACKAGE = Path(__file__).parents[2] / "authsvc"
XML_PARSERS = {
    "signing/envelope.py": "SOAP envelopes; the parser knows no DTD, entity or network, and a DOCTYPE is refused",
    "signing/c14n.py": "canonical form of elements that the envelope's parser made; parses a constant only",
    "signing/wssecurity.py": "names of elements that the envelope's parser made; parses nothing",
    "signing/possession.py": "the canonical Body that a signature was proven over",
}
"""Modules that touch XML at all, each with the reason why that is safe."""


def head(*lines, token=TOKEN, path="/v1/verify"):
    known = [f"Authorization: Bearer {token}"] if token else []
    text = "\r\n".join([f"POST {path} HTTP/1.1", "Host: authsvc", *known, *lines])
    return text.encode() + b"\r\n\r\n"


def status_of(answer):
    """Return the status; nothing where the other side just closes. Of what is no HTTP the library knows no version."""
    return answer.partition(b" ")[2][:3]


BROKEN_CHUNKS = {
    "size-lie": b"ffffffff\r\nabc",
    "size-beyond-64-bits": b"fffffffffffffffff\r\nabc",
    "negative": b"-1\r\nabc\r\n0\r\n\r\n",
    "no-hexadecimal": b"zz\r\nabc\r\n0\r\n\r\n",
    "underscores": b"1_0\r\nabc\r\n0\r\n\r\n",
    "blank-before": b" 3\r\nabc\r\n0\r\n\r\n",
    "empty": b"\r\nabc\r\n0\r\n\r\n",
    "longer-than-said": b"1\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("chunks", [called(5, name, chunks) for name, chunks in BROKEN_CHUNKS.items()])
async def test_a_chunk_that_lies_is_no_body(gate, chunks):
    answer = await gate.raw(head("Transfer-Encoding: chunked") + chunks, close=True)
    assert status_of(answer) in {b"400", b"413", b""}
    assert gate.directory.asked == 0


@pytest.mark.parametrize("cut", [called(6, f"after-{size}", size) for size in (0, 1, 3, 10, 40)])
async def test_a_body_that_breaks_off_is_no_body(gate, cut):
    body = json.dumps({"method": "GET", "target": "/", "headers": []}).encode()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    for request in (
        head("Transfer-Encoding: chunked") + chunked[:cut],
        head(f"Content-Length: {len(body)}") + body[:cut],
    ):
        answer = await gate.raw(request, close=True)
        assert status_of(answer) in {b"400", b""}
    assert gate.directory.asked == 0


@pytest.mark.parametrize(
    "lines",
    [
        called(6, "both-lengths", ("Content-Length: 5", "Transfer-Encoding: chunked")),
        called(6, "two-lengths", ("Content-Length: 5", "Content-Length: 6")),
        called(6, "length-plus", ("Content-Length: +5",)),
        called(6, "length-negative", ("Content-Length: -5",)),
        called(6, "length-arabic", ("Content-Length: \u0665",)),
        called(6, "chunked-twice", ("Transfer-Encoding: chunked, chunked",)),
        called(6, "chunked-not-last", ("Transfer-Encoding: chunked, gzip",)),
        called(6, "folded-header", ("Content-Length: 5", " 6")),
        called(6, "blank-before-colon", ("Content-Length : 5",)),
    ],
)
async def test_a_length_is_told_in_one_way(gate, lines):
    answer = await gate.raw(head(*lines) + b"hello", close=True)
    assert status_of(answer)[:1] in {b"4", b""}
    assert gate.directory.asked == 0


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        called(24, "huge", ("Content-Length: 99999999999",), b"413"),
        called(24, "one-too-many", ("Content-Length: 65537",), b"413"),
        called(24, "huge-and-expecting", ("Content-Length: 99999999999", "Expect: 100-continue"), b"413"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/verify", "/v1/verify/batch", "/v1/users/lookup", "/v1/forget"])
async def test_a_length_beyond_the_limit_is_refused_from_the_head_alone(gate, lines, status, path):
    """Not a byte of the body is sent: the answer comes without it."""
    answer = await gate.raw(head(*lines, path=path))
    assert answer.startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize("token", [called(24, "no-caller", ""), called(24, "unknown-caller", "asv_unknown")])
async def test_who_asks_is_known_before_the_body_is_read(gate, token):
    for lines in (("Content-Length: 99999999999",), ("Content-Length: 100", "Expect: 100-continue")):
        answer = await gate.raw(head(*lines, token=token))
        assert answer.startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("chunk", [called(24, "chunks-without-end", b"8000\r\n" + b" " * 0x8000 + b"\r\n")])
async def test_chunks_without_end_are_cut_at_the_limit(gate, chunk):
    answer = await gate.raw(head("Transfer-Encoding: chunked") + chunk * 3)
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "document",
    [
        called(24, "deep", b"[" * 30000 + b"]" * 30000),
        called(24, "deep-objects", b'{"a":' * 9000 + b"1" + b"}" * 9000),
        called(24, "long-number", b'{"method":' + b"9" * 60000 + b"}"),
        called(24, "many-names", b"{" + b",".join(b'"%d":1' % n for n in range(6000)) + b"}"),
        called(
            24,
            "long-header",
            json.dumps({"method": "GET", "target": "/", "headers": [["a" * 60000, ""]]}).encode(),
        ),
        called(24, "many-questions", b'{"requests":[' + b",".join([b"1"] * 9000) + b"]}"),
        called(25, "not-json", b"<?xml version='1.0'?>"),
        called(25, "not-utf-8", b'{"method":"\xff"}'),
        called(25, "utf-16", '{"method":"GET"}'.encode("utf-16")),
        called(25, "bom", b"\xef\xbb\xbf{}"),
        called(25, "nan", b'{"method":NaN}'),
        called(25, "twice", b'{"method":"GET","method":"PUT","target":"/","headers":[]}'),
        called(25, "empty", b""),
        called(25, "nul", b"\0"),
        called(25, "list", b"[]"),
        called(25, "null", b"null"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/verify", "/v1/verify/batch", "/v1/users/lookup"])
async def test_no_document_is_too_odd_to_be_refused(gate, document, path):
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    async with gate.http.post(path, data=document, headers=headers) as response:
        assert response.status == 400
        assert (await response.json())["error"]["code"] == "MalformedRequest"
    assert gate.directory.asked == 0


@pytest.mark.parametrize("count", [called(24, "many-headers", 5000)])
async def test_a_question_may_be_long_within_its_limit(gate, count):
    question = {"method": "GET", "target": "/", "headers": [["a", ""]] * count}
    await gate.refuses(question, "AccessDenied", 403)


@pytest.mark.parametrize(
    "body", [called(29, "entity", b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>')]
)
async def test_the_xml_of_a_signed_request_is_never_read(gate, body):
    """As the body of a signed request it is bytes: hashed, never parsed."""
    await gate.refuses(v4_header("PUT", body=body), "XAmzContentSHA256Mismatch", 400)


@pytest.mark.parametrize("row", [called(29, "no-parser", XML_PARSERS)])
def test_xml_is_parsed_nowhere_else(row):
    parsers = {"xml", "lxml", "defusedxml", "xmltodict", "html5lib", "bs4"}
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in imported(node)
        if name.split(".")[0] in parsers and name not in {"xml.sax.saxutils", "xml.sax"}
    }
    assert found == set(row)


def imported(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
