"""Payloads in chunks, checked by us where the store sends them along: each chunk proven before the next is looked at."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac

import pytest

from tests.attacks.rows import called
from tests.signers import EMPTY, SECRET_KEY, STAMP, v4_header

SCOPE = "20130524/us-east-1/s3/aws4_request"
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
WITH_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
CRC = "x-amz-checksum-crc32"
BIG = b"x" * 8192


def key():
    made = ("AWS4" + SECRET_KEY).encode()
    for part in SCOPE.split("/"):
        made = hmac.digest(made, part.encode(), "sha256")
    return made


def signature(kind, previous, *lines):
    text = "\n".join((f"AWS4-HMAC-SHA256-{kind}", STAMP, SCOPE, previous, *lines))
    return hmac.digest(key(), text.encode(), "sha256").hex()


def head(payload, length, trailers=None):
    headers = [("X-Amz-Decoded-Content-Length", str(length))]
    if trailers:
        headers.append(("X-Amz-Trailer", trailers))
    return v4_header("PUT", payload=payload, headers=headers)


def framed(request, parts):
    """Frame the parts, each signed on from the one before; return frames and the last signature."""
    previous = request.header("authorization").rpartition("=")[2]
    frames = []
    for data in (*parts, b""):
        previous = signature("PAYLOAD", previous, EMPTY, hashlib.sha256(data).hexdigest())
        frames.append(b"%x;chunk-signature=%b\r\n%b\r\n" % (len(data), previous.encode(), data))
    return frames, previous


def upload(parts=(BIG, b"abc"), length=None):
    request = head(SIGNED, sum(map(len, parts)) if length is None else length)
    frames, _ = framed(request, parts)
    return request, frames


def with_body(request, body):
    return dataclasses.replace(request, body=body)


@pytest.mark.parametrize(
    "parts", [called(5, "one", (b"abc",)), called(5, "two", (BIG, b"abc")), called(5, "none", ())]
)
async def test_a_payload_as_it_was_signed(gate, parts):
    request, frames = upload(parts)
    answer = await gate.admits(with_body(request, b"".join(frames)))
    assert answer["signature"]["payload"] == "streaming"


LIES = {
    "size-lie": lambda frames: b"ffffffff" + frames[0][4:],
    "size-beyond-64-bits": lambda frames: b"f" * 17 + frames[0][4:],
    "size-negative": lambda frames: b"-1" + frames[0][4:],
    "size-plus": lambda frames: b"+" + b"".join(frames),
    "size-underscored": lambda frames: b"2_000" + frames[0][4:] + frames[1] + frames[2],
    "size-empty": lambda frames: frames[0][4:],
    "size-arabic": lambda frames: "٢".encode() + b"".join(frames)[1:],
    "no-signature": lambda frames: frames[0].replace(b";chunk-signature=", b";x=") + frames[1] + frames[2],
    "line-feeds": lambda frames: b"".join(frames).replace(b"\r\n", b"\n"),
    "no-end": lambda frames: frames[0] + frames[1],
    "more-after": lambda frames: b"".join(frames) + b"more",
    "another-payload-after": lambda frames: b"".join(frames) * 2,
    "raw": lambda _frames: BIG,
    "nothing": lambda _frames: b"\r\n",
}


@pytest.mark.parametrize("lie", [called(5, name, lie) for name, lie in LIES.items()])
async def test_a_frame_that_lies_is_no_payload(gate, lie):
    request, frames = upload()
    answer = await gate.ask(with_body(request, lie(frames)))
    assert answer["authenticated"] is False
    assert answer["error"]["code"] in {"IncompleteBody", "MalformedTrailerError", "SignatureDoesNotMatch"}
    assert answer["error"]["status"] in {400, 403}


@pytest.mark.parametrize(
    "cut", [called(6, f"at-{at}", at) for at in (0, 1, 4, 30, 90, 100, 8000, 8283, 8285, 8400)]
)
async def test_a_payload_cut_off_is_no_payload(gate, cut):
    request, frames = upload()
    body = b"".join(frames)[:cut]
    if body:
        answer = await gate.ask(with_body(request, body))
        assert answer["authenticated"] is False
        assert answer["error"]["code"] == "IncompleteBody"
        assert answer["error"]["status"] == 400
    else:
        await gate.refuses(with_body(request, body), "IncompleteBody", 400)


CHANGES = {
    "a-byte": lambda frames: frames[0].replace(b"xxx", b"xxy", 1) + frames[1] + frames[2],
    "a-byte-of-the-last": lambda frames: frames[0] + frames[1].replace(b"abc", b"abd") + frames[2],
    "swapped": lambda frames: frames[1] + frames[0] + frames[2],
    "one-left-out": lambda frames: frames[1] + frames[2],
    "one-twice": lambda frames: frames[0] + frames[0] + frames[1] + frames[2],
    "end-signed-by-nobody": lambda frames: (
        frames[0] + frames[1] + b"0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n"
    ),
}


@pytest.mark.parametrize("change", [called(5, f"chunk-{name}", change) for name, change in CHANGES.items()])
async def test_a_chunk_in_another_place_is_nobodys(gate, change):
    request, frames = upload()
    answer = await gate.ask(with_body(request, change(frames)))
    assert answer["authenticated"] is False
    assert answer["error"]["code"] in {"SignatureDoesNotMatch", "InvalidChunkSizeError", "IncompleteBody"}


@pytest.mark.parametrize("length", [called(5, "said-more", 9000), called(5, "said-less", 5)])
async def test_the_length_that_was_signed_is_the_length(gate, length):
    request, frames = upload(length=length)
    await gate.refuses(with_body(request, b"".join(frames)), "IncompleteBody", 400)


@pytest.mark.parametrize("parts", [called(5, "small-before-the-last", (b"x" * 100, BIG))])
async def test_a_small_chunk_is_the_last(gate, parts):
    request, frames = upload(parts)
    await gate.refuses(with_body(request, b"".join(frames)), "InvalidChunkSizeError", 400)


LENGTHS = {
    "none": None,
    "negative": "-1",
    "plus": "+5",
    "arabic": "٥",
    "text": "abc",
    "float": "1e3",
    "empty": "",
    "huge": "9" * 30,
}


@pytest.mark.parametrize("length", [called(25, f"length-{name}", text) for name, text in LENGTHS.items()])
async def test_a_length_is_digits(gate, length):
    headers = [] if length is None else [("X-Amz-Decoded-Content-Length", length)]
    await gate.refuses(v4_header("PUT", payload=SIGNED, headers=headers), "MissingContentLength", 411)


@pytest.mark.parametrize(
    "method", [called(2, f"stream-by-{name}", name) for name in ("GET", "HEAD", "DELETE", "POST")]
)
async def test_only_an_upload_has_a_stream(gate, method):
    headers = [("X-Amz-Decoded-Content-Length", "0")]
    await gate.refuses(v4_header(method, payload=SIGNED, headers=headers), "InvalidRequest", 400)


TRAILERS = {
    "right": (b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n", None),
    "none": (b"\r\n", "MalformedTrailerError"),
    "other-name": (b"x-amz-checksum-sha1:AAAAAA==\r\n\r\n", "MalformedTrailerError"),
    "one-more": (b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-acl:public-read\r\n\r\n", "MalformedTrailerError"),
    "twice": (
        b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-checksum-crc32:BBBBBB==\r\n\r\n",
        "MalformedTrailerError",
    ),
    "no-colon": (b"x-amz-checksum-crc32\r\n\r\n", "MalformedTrailerError"),
    "no-end": (b"x-amz-checksum-crc32:AAAAAA==", "IncompleteBody"),
    "no-end-of-line": (b"x-amz-checksum-crc32:AAAAAA==\r", "IncompleteBody"),
    "nothing": (b"", "IncompleteBody"),
}


@pytest.mark.parametrize(
    ("trailer", "code"), [called(6, f"trailer-{name}", *pair) for name, pair in TRAILERS.items()]
)
async def test_a_trailer_is_what_was_announced(gate, trailer, code):
    request = head(UNSIGNED, 3, CRC)
    body = b"3\r\nabc\r\n0\r\n" + trailer
    if code is None:
        await gate.admits(with_body(request, body))
        return
    await gate.refuses(with_body(request, body), code, 400)


@pytest.mark.parametrize("made", [called(6, "trailer-unsigned", "0" * 64)])
async def test_a_trailer_signed_by_nobody_is_refused(gate, made):
    request = head(WITH_TRAILER, 3, CRC)
    frames, previous = framed(request, (b"abc",))
    value = b"x-amz-checksum-crc32:AAAAAA==\r\n"
    right = signature("TRAILER", previous, hashlib.sha256(b"x-amz-checksum-crc32:AAAAAA==\n").hexdigest())
    body = b"".join(frames).removesuffix(b"\r\n") + value
    await gate.admits(with_body(request, body + b"x-amz-trailer-signature:%b\r\n\r\n" % right.encode()))
    wrong = body + b"x-amz-trailer-signature:%b\r\n\r\n" % made.encode()
    await gate.refuses(with_body(request, wrong), "SignatureDoesNotMatch", 403)
    changed = wrong.replace(made.encode(), right.encode()).replace(b"AAAAAA", b"AAAAAB")
    await gate.refuses(with_body(request, changed), "SignatureDoesNotMatch", 403)


@pytest.mark.parametrize(
    "names",
    [
        called(1, "trailer-acl", "x-amz-acl"),
        called(1, "trailer-twice", f"{CRC},{CRC}"),
        called(1, "trailer-empty", ","),
    ],
)
async def test_no_header_comes_as_a_trailer(gate, names):
    answer = await gate.ask(head(UNSIGNED, 3, names))
    assert answer["authenticated"] is False
    assert answer["error"]["status"] == 400
