"""Payloads in chunks: what announces them, and what is no payload that was signed."""

import dataclasses
import hashlib
import hmac

import pytest

from authsvc import signing
from authsvc.errors import (
    DuplicateParameter,
    IncompleteBody,
    InvalidChunkSize,
    MalformedTrailer,
    MissingDecodedLength,
    NotAnUpload,
    SecretNotHeld,
    SignatureMismatch,
    UnknownPayloadHash,
    UnknownTrailer,
    UnsignedHeaders,
)
from authsvc.model import AccessKey, Secret
from authsvc.signing.chunks import padded
from authsvc.signing.sigv4 import SigV4, signing_key
from authsvc.signing.sigv4a import SigV4A, private_key, public_key
from tests.signers import ACCESS_KEY, EMPTY, SECRET_KEY, STAMP, v4_header, v4a_header

SECRET = Secret(SECRET_KEY)
SCHEMES = (SigV4(), SigV4A())
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
WITH_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SCOPE = "20130524/us-east-1/s3/aws4_request"
CRC = "x-amz-checksum-crc32"


def upload(payload=SIGNED, length="16", *, trailers=None, headers=(), method="PUT", target="/b/k", **rest):
    if length is not None:
        headers = (*headers, ("X-Amz-Decoded-Content-Length", length))
    if trailers is not None:
        headers = (*headers, ("X-Amz-Trailer", trailers))
    return v4_header(method, target, headers=headers, payload=payload, **rest)


def refused(request, kind):
    with pytest.raises(kind) as caught:
        signing.read(SCHEMES, request)
    assert type(caught.value) is kind
    assert caught.value.access_key == ACCESS_KEY
    return caught.value


def objected(request, kind):
    """The request can be read, and what is wrong with it waits for the proof."""
    claim = signing.read(SCHEMES, request)
    signing.prove(SCHEMES, claim, SECRET)
    assert type(claim.objection) is kind
    return claim.objection


@pytest.mark.parametrize(
    ("payload", "mode", "algorithm"),
    [
        (SIGNED, "streaming", "AWS4-HMAC-SHA256"),
        (WITH_TRAILER, "streaming-trailer", "AWS4-HMAC-SHA256"),
        (UNSIGNED, "streaming-unsigned-trailer", None),
    ],
)
def test_what_is_said_of_chunks(payload, mode, algorithm):
    claim = signing.read(SCHEMES, upload(payload))
    assert claim.payload == mode
    assert claim.chunks.algorithm == algorithm
    assert claim.chunks.seed == claim.signature
    assert (claim.chunks.timestamp, claim.chunks.scope) == (STAMP, SCOPE)
    assert (claim.chunks.decoded_length, claim.chunks.trailer_names) == (16, ())
    assert (claim.chunks.first_string_to_sign_prefix is None) == (algorithm is None)


def test_other_payloads_have_no_chunks():
    for payload in (EMPTY, "UNSIGNED-PAYLOAD"):
        assert signing.read(SCHEMES, upload(payload)).chunks is None


@pytest.mark.parametrize("length", [None, "", "-1", "+1", "1.0", "0x10", "1_0", "٢", "9" * 16, "16,16"])
@pytest.mark.parametrize("payload", [SIGNED, WITH_TRAILER, UNSIGNED])
def test_a_length_that_is_missing_or_none(payload, length):
    objected(upload(payload, length), MissingDecodedLength)


def test_two_lengths():
    refused(upload(headers=[("X-Amz-Decoded-Content-Length", "1")]), DuplicateParameter)


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/b/k"), ("HEAD", "/b/k"), ("DELETE", "/b/k"), ("POST", "/b/k?uploads"), ("put", "/b/k"), ("PUT", "/"),
     ("PUT", "/b/k?acl"), ("PUT", "/b/k?tagging="), ("PUT", "/b/k?%61cl"), ("PUT", "/b?policy")],
)  # fmt: skip
def test_requests_that_upload_nothing(method, target):
    for payload in (SIGNED, WITH_TRAILER, UNSIGNED):
        objected(upload(payload, method=method, target=target), NotAnUpload)


@pytest.mark.parametrize("target", ["/b/k", "/b/k?partNumber=1&uploadId=x", "/k", "/b/k?x-id=PutObject"])
def test_requests_that_upload(target):
    claim = signing.read(SCHEMES, upload(target=target))
    assert claim.chunks
    assert claim.objection is None


def test_trailers_that_are_announced():
    names = "X-Amz-Checksum-SHA256 , x-amz-checksum-crc32"
    claim = signing.read(SCHEMES, upload(WITH_TRAILER, trailers=names))
    assert claim.chunks.trailer_names == (CRC, "x-amz-checksum-sha256")


@pytest.mark.parametrize(
    "names",
    ["x-amz-acl", "host", f"{CRC},{CRC}", f"{CRC},{CRC.upper()}", f"{CRC},", "x-amz-trailer-signature",
     "x-amz-checksum-", "x-amz-checksum-ü", "x-amz-checksum-" + "a" * 33],
)  # fmt: skip
def test_trailers_nobody_may_announce(names):
    for payload in (WITH_TRAILER, UNSIGNED):
        objected(upload(payload, trailers=names), UnknownTrailer)


def test_trailers_where_there_are_none():
    objected(upload(SIGNED, trailers=CRC), UnknownTrailer)


@pytest.mark.parametrize("name", ["X-Amz-Trailer", "X-Amz-Decoded-Content-Length"])
def test_what_announces_chunks_has_to_be_signed(name):
    request = upload(WITH_TRAILER, None if "Length" in name else "16", unsigned_headers=[(name, "1")])
    error = refused(request, UnsignedHeaders)
    assert error.detail == {"headers_not_signed": [name.lower()]}


def test_chunks_are_signed_by_the_algorithm_of_the_request():
    refused(upload("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), UnknownPayloadHash)


# Payloads that come along

BIG = b"x" * 8192
KEY = signing_key(SECRET, signing.read(SCHEMES, upload()).scope)


def made(text):
    return hmac.new(KEY, text.encode(), "sha256").hexdigest()


def frames(claim, *data, trailers=None, sign=made):
    """Frame and sign; a trailer's value may be None to leave it out of what is sent."""
    algorithm = claim.chunks.algorithm
    previous, body = claim.signature, b""
    for piece in (*data, b""):
        text = f"{algorithm}-PAYLOAD\n{STAMP}\n{claim.chunks.scope}\n{previous.rstrip('*')}\n{EMPTY}\n{hashlib.sha256(piece).hexdigest()}"
        head = f"{len(piece):x}"
        if algorithm:
            previous = sign(text)
            head += f";chunk-signature={previous}"
        body += head.encode() + b"\r\n" + piece + (b"\r\n" if piece else b"")
    if trailers is not None:
        lines = "".join(f"{name}:{value}\n" for name, value in sorted(trailers.items())) or "\n"
        body += "".join(f"{name}:{value}\r\n" for name, value in trailers.items()).encode()
        if algorithm:
            digest = hashlib.sha256(lines.encode()).hexdigest()
            text = f"{algorithm}-TRAILER\n{STAMP}\n{claim.chunks.scope}\n{previous.rstrip('*')}\n{digest}"
            body += f"x-amz-trailer-signature:{sign(text)}\r\n".encode()
    return body + b"\r\n"


def with_body(request, body):
    return signing.read(SCHEMES, dataclasses.replace(request, body=body))


def proven(request, body):
    signing.prove_chunks(SCHEMES, with_body(request, body), SECRET)


def broken(request, body, kind):
    with pytest.raises(kind) as caught:
        proven(request, body)
    assert type(caught.value) is kind


def test_without_a_payload_nothing_is_asked():
    signing.prove_chunks(SCHEMES, signing.read(SCHEMES, upload()), SECRET)
    signing.prove_chunks(SCHEMES, signing.read(SCHEMES, v4_header(body=b"")), SECRET)


@pytest.mark.parametrize("data", [(), (b"a" * 5,), (BIG,), (BIG, BIG, b"tail")])
def test_payloads_that_were_signed(data):
    request = upload(length=str(sum(map(len, data))))
    proven(request, frames(signing.read(SCHEMES, request), *data))
    request = upload(WITH_TRAILER, str(sum(map(len, data))), trailers=CRC)
    proven(request, frames(signing.read(SCHEMES, request), *data, trailers={CRC: "AAAAAA=="}))


def test_trailers_that_are_none():
    request = upload(WITH_TRAILER, "1")
    proven(request, frames(signing.read(SCHEMES, request), b"x", trailers={}))


def test_a_payload_without_signatures():
    request = upload(UNSIGNED, "3", trailers=CRC)
    body = frames(signing.read(SCHEMES, request), b"abc", trailers={CRC: "AAAAAA=="})
    proven(request, body)
    broken(request, body.replace(b"\r\nabc", b";chunk-signature=" + b"0" * 64 + b"\r\nabc"), IncompleteBody)
    broken(request, body[:-20], IncompleteBody)
    broken(request, body.replace(b"3\r\n", b"2\r\n"), IncompleteBody)


def test_a_payload_without_signatures_is_whole():
    request = upload(UNSIGNED, "3", trailers=CRC)
    body = frames(signing.read(SCHEMES, request), b"abc", trailers={CRC: "AAAAAA=="})
    for end in range(1, len(body) - 2):
        with pytest.raises((IncompleteBody, MalformedTrailer)):
            proven(request, body[:end])


def test_every_byte_of_a_payload_counts():
    """A flipped bit anywhere in framing, data or trailers is refused; upper case in a size or name means the same."""
    request = upload(WITH_TRAILER, "12", trailers=CRC)
    body = frames(signing.read(SCHEMES, request), b"abcdefghijkl", trailers={CRC: "AAAAAA=="})
    proven(request, body)
    value = body.index(b"AAAAAA==")
    for place in range(len(body) - 2):
        for bit in range(8):
            other = bytearray(body)
            other[place] ^= 1 << bit
            if bytes(other).lower() == body.lower() and not value <= place < value + 8:
                continue
            with pytest.raises((SignatureMismatch, IncompleteBody)):
                proven(request, bytes(other))


@pytest.mark.parametrize("cut", range(1, 230, 7))
def test_a_payload_that_is_cut(cut):
    request = upload(length="8")
    body = frames(signing.read(SCHEMES, request), b"abcdefgh")
    with pytest.raises((IncompleteBody, SignatureMismatch)):
        proven(request, body[: len(body) - 4 - cut])


def test_a_size_that_lies():
    request = upload(length="8")
    body = frames(signing.read(SCHEMES, request), b"abcdefgh")
    broken(request, body.replace(b"8;", b"ffffffff;", 1), IncompleteBody)
    broken(request, body.replace(b"8;", b"ffffffffffffffffffff;", 1), IncompleteBody)
    for length in ("7", "9"):
        other = upload(length=length)
        broken(other, frames(signing.read(SCHEMES, other), b"abcdefgh"), IncompleteBody)


def test_chunks_in_another_order():
    request = upload(length=str(2 * 8192))
    claim = signing.read(SCHEMES, request)
    first, second = b"a" * 8192, b"b" * 8192
    body = frames(claim, first, second)
    swapped = body.replace(first, b"?").replace(second, first).replace(b"?", second)
    broken(request, swapped, SignatureMismatch)
    third = body[body.index(b"2000;", 10) : body.rindex(b"0;")]
    broken(request, body.replace(third, b""), SignatureMismatch)


def test_a_small_chunk_that_another_one_follows():
    request = upload(length=str(8191 + 5))
    body = frames(signing.read(SCHEMES, request), b"x" * 8191, b"abcde")
    broken(request, body, InvalidChunkSize)


@pytest.mark.parametrize(
    "trailers",
    [{}, {"x-amz-checksum-sha1": "x"}, {CRC: "AAAAAA==", "x-amz-checksum-sha1": "x"}, {CRC: "AAAAAA==", "x-amz-acl": "p"}],
)  # fmt: skip
def test_trailers_that_were_not_announced(trailers):
    request = upload(WITH_TRAILER, "1", trailers=CRC)
    broken(request, frames(signing.read(SCHEMES, request), b"x", trailers=trailers), MalformedTrailer)


def test_trailers_that_are_not_signed():
    request = upload(WITH_TRAILER, "1", trailers=CRC)
    claim = signing.read(SCHEMES, request)
    body = frames(claim, b"x", trailers={CRC: "AAAAAA=="})
    head, _, _ = body.rpartition(b"x-amz-trailer-signature")
    broken(request, head + b"\r\n", MalformedTrailer)
    broken(request, body.replace(b"AAAAAA==", b"BAAAAA=="), SignatureMismatch)
    broken(request, body.replace(f"{CRC}:".encode(), f"{CRC}:A\r\n{CRC}:".encode()), MalformedTrailer)
    broken(upload(SIGNED, "1"), body, SignatureMismatch)


def test_a_payload_of_the_asymmetric_variant_is_proven_by_either_key():
    request = v4a_header(
        "PUT",
        "/b/k",
        headers=[("X-Amz-Decoded-Content-Length", "3")],
        payload="STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
    )
    claim = signing.read(SCHEMES, request)
    private = private_key(AccessKey(ACCESS_KEY), SECRET)

    def sign(text):
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        return padded(private.sign(text.encode(), ec.ECDSA(hashes.SHA256())).hex())

    body = frames(claim, b"abc", sign=sign)
    for held in (SECRET, public_key(AccessKey(ACCESS_KEY), SECRET)):
        signing.prove_chunks(SCHEMES, with_body(request, body), held)
        with pytest.raises(SignatureMismatch):
            signing.prove_chunks(SCHEMES, with_body(request, body.replace(b"abc", b"abd")), held)


def test_a_public_key_tells_nothing_of_chunks_signed_with_the_secret_key():
    request = upload(length="1")
    claim = with_body(request, frames(signing.read(SCHEMES, request), b"x"))
    with pytest.raises(SecretNotHeld):
        signing.prove_chunks(SCHEMES, claim, public_key(AccessKey(ACCESS_KEY), SECRET))
