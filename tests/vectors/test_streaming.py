"""Payloads signed in chunks, stage by stage, against the two examples of AWS's documentation."""

import hashlib

import pytest

from authsvc.errors import SignatureMismatch
from authsvc.model import Secret
from authsvc.signing import SignedRequest, prove_chunks, read
from authsvc.signing.chunks import canonical_trailer
from authsvc.signing.encoding import require_same
from authsvc.signing.sigv4 import SigV4, signature, signing_key
from authsvc.signing.streaming import decode

SECRET = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SCHEME = SigV4()
SIGNING_KEY = "dbb893acc010964918f1fd433add87c70e8b0db6be30c1fbeafefa5ec6ba8378"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
DATA = (b"a" * 65536, b"a" * 1024, b"")
DIGESTS = (
    "bf718b6f653bebc184e1479f1935b8da974d701b893afcf49e701f3e2f9f9c5a",
    "2edc986847e209b4016e141a6dc8716d3207350f416969382d431539bf292e4a",
    EMPTY,
)
SIGNED = "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class"
SIGNED_WITH_TRAILER = "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer"
TRAILER = ("x-amz-checksum-crc32c", "sOO8/Q==")


def upload(token, signed, made, *headers, body=None):
    """Return the documentation's PUT of /examplebucket/chunkObject.txt."""
    authorization = (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={signed},Signature={made}"
    )
    return SignedRequest(
        method="PUT",
        target="/examplebucket/chunkObject.txt",
        headers=(
            ("Host", "s3.amazonaws.com"),
            ("x-amz-date", "20130524T000000Z"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("x-amz-content-sha256", token),
            ("Content-Encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "66560"),
            ("Content-Length", "66824"),
            *headers,
            ("Authorization", authorization),
        ),
        body=body,
    )


def framed(signatures, *lines):
    parts = [
        f"{len(data):x};chunk-signature={made}\r\n".encode() + data + (b"\r\n" if data else b"")
        for data, made in zip(DATA, signatures, strict=True)
    ]
    return b"".join(parts) + b"".join(line.encode() + b"\r\n" for line in lines) + b"\r\n"


PLAIN_SIGNATURES = (
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
)
TRAILER_SIGNATURES = (
    "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
    "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
    "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
)
TRAILER_SIGNATURE = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"
TRAILER_DIGEST = "1e376db7e1a34a8ef1c4bcee131a2d60a1cb62503747488624e10995f448d774"

PLAIN = upload(
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    SIGNED,
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    body=framed(PLAIN_SIGNATURES),
)
WITH_TRAILER = upload(
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    SIGNED_WITH_TRAILER,
    "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    ("x-amz-trailer", "x-amz-checksum-crc32c"),
    body=framed(TRAILER_SIGNATURES, ":".join(TRAILER), f"x-amz-trailer-signature:{TRAILER_SIGNATURE}"),
)
EXAMPLES = {"plain": (PLAIN, PLAIN_SIGNATURES), "trailer": (WITH_TRAILER, TRAILER_SIGNATURES)}


@pytest.fixture(params=EXAMPLES)
def example(request):
    sent, signatures = EXAMPLES[request.param]
    return SCHEME.read(sent), signatures


def test_the_request_is_signed(example):
    claim, _ = example
    SCHEME.prove(claim, SECRET)


def test_the_signing_key(example):
    claim, _ = example
    assert signing_key(SECRET, claim.scope).hex() == SIGNING_KEY


def test_each_string_to_sign(example):
    claim, signatures = example
    for data, digest, previous in zip(DATA, DIGESTS, (claim.signature, *signatures), strict=False):
        assert claim.chunks.string_to_sign(previous, data) == (
            "AWS4-HMAC-SHA256-PAYLOAD\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"
            f"{previous}\n{EMPTY}\n{digest}"
        )


def test_the_first_one_but_for_its_hash(example):
    claim, _ = example
    assert claim.chunks.first_string_to_sign_prefix == (
        "AWS4-HMAC-SHA256-PAYLOAD\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"
        f"{claim.signature}\n{EMPTY}\n"
    )


def test_each_signature(example):
    claim, signatures = example
    previous = claim.signature
    for data, made in zip(DATA, signatures, strict=True):
        text = claim.chunks.string_to_sign(previous, data)
        assert signature(bytes.fromhex(SIGNING_KEY), text) == made
        previous = made


def test_the_trailer():
    claim = SCHEME.read(WITH_TRAILER)
    canonical = canonical_trailer([TRAILER])
    assert hashlib.sha256(canonical.encode()).hexdigest() == TRAILER_DIGEST
    text = claim.chunks.trailer_string_to_sign(TRAILER_SIGNATURES[-1], dict([TRAILER]))
    assert text == (
        "AWS4-HMAC-SHA256-TRAILER\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"
        f"{TRAILER_SIGNATURES[-1]}\n{TRAILER_DIGEST}"
    )
    assert signature(bytes.fromhex(SIGNING_KEY), text) == TRAILER_SIGNATURE


def test_the_whole_payload(example):
    claim, _ = example
    key = bytes.fromhex(SIGNING_KEY)

    def prove(text, presented):
        require_same(presented, signature(key, text))

    assert decode(claim.chunks, claim.chunks.body, prove) == b"a" * 66560


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_payload_that_came_along_is_proven(name):
    claim = read([SCHEME], EXAMPLES[name][0])
    prove_chunks([SCHEME], claim, SECRET)
    with pytest.raises(SignatureMismatch):
        prove_chunks([SCHEME], claim, Secret("x"))
