"""Signature V4A: many signatures fit one text, and none is made of nothing; the region set is part of the text."""

from __future__ import annotations

import dataclasses

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from tests.attacks.conftest import BOBS_KEY
from tests.attacks.rows import called
from tests.signers import ACCESS_KEY, P256_ORDER, v4a_header, v4a_presigned

N = P256_ORDER


def der(r, s):
    return encode_dss_signature(r, s).hex()


def with_signature(request, make):
    head, mark, made = request.header("authorization").rpartition("Signature=")
    headers = tuple(
        (name, head + mark + make(made) if name == "Authorization" else value)
        for name, value in request.headers
    )
    return dataclasses.replace(request, headers=headers)


def halves(made):
    return decode_dss_signature(bytes.fromhex(made))


JUNK = {
    "zeros": lambda _: der(0, 0),
    "r-zero": lambda made: der(0, halves(made)[1]),
    "s-zero": lambda made: der(halves(made)[0], 0),
    "r-order": lambda made: der(N, halves(made)[1]),
    "s-order": lambda made: der(halves(made)[0], N),
    "r-beyond": lambda made: der(halves(made)[0] + N, halves(made)[1]),
    "s-beyond": lambda made: der(halves(made)[0], halves(made)[1] + N),
    "ones": lambda _: der(1, 1),
    "negative": lambda _: "30060201ff0201ff",
    "swapped": lambda made: der(*reversed(halves(made))),
    "upper-case": str.upper,
    "more-after": lambda made: made + "00",
    "cut": lambda made: made[:-2],
    "half-a-byte": lambda made: made[:-1],
    "long-form-length": lambda made: "3081" + made[2:],
    "indefinite-length": lambda made: "3080" + made[4:] + "0000",
    "padded-r": lambda made: f"30{len(made) // 2 - 1:02x}02{int(made[6:8], 16) + 1:02x}00{made[8:]}",
    "raw": lambda made: "".join(f"{half:064x}" for half in halves(made)),
    "base64": lambda _: "MEUCIQ==",
    "stars": lambda made: made + "**",
    "hmac": lambda _: "ab" * 32,
    "unicode": lambda _: "é" * 72,
    "very-long": lambda _: "30" * 5000,
}


@pytest.mark.parametrize("make", [called(33, name, make) for name, make in JUNK.items()])
async def test_what_is_no_signature_is_refused(gate, make):
    right = v4a_header()
    await gate.admits(right)
    wrong = with_signature(right, make)
    assert wrong != right
    await gate.refuses(wrong, "SignatureDoesNotMatch", 403)


@pytest.mark.parametrize(
    "again", [called(33, "malleable", lambda made: der(halves(made)[0], N - halves(made)[1]))]
)
async def test_the_other_signature_of_the_same_text_is_as_good(gate, again):
    """By ECDSA's nature, and allowed by the specification: so nothing here takes a signature for a fingerprint."""
    right = v4a_header()
    other = with_signature(right, again)
    assert other != right
    await gate.admits(other)


SETS = {
    "elsewhere": "us-west-2",
    "prefix": "us-east-1a",
    "in-capitals": "US-EAST-1",
    "star-elsewhere": "eu-*",
    "star-too-long": "us-east-1*x",
    "question-mark": "us-east-?",
    "expression": "us-east-[0-9]",
    "dots": "us.east.1",
}


@pytest.mark.parametrize("regions", [called(14, f"v4a-{name}", regions) for name, regions in SETS.items()])
async def test_a_region_set_without_this_region_is_refused(gate, regions):
    here = {"expect": {"service": "s3", "region": "us-east-1"}}
    await gate.admits(v4a_header(regions="us-east-1"), **here)
    await gate.admits(v4a_header(regions="eu-1, us-*"), **here)
    await gate.refuses(v4a_header(regions=regions), "AuthorizationHeaderMalformed", 400, **here)
    await gate.refuses(v4a_presigned(regions=regions), "AuthorizationQueryParametersError", 400, **here)


@pytest.mark.parametrize("regions", [called(14, "v4a-widened", "*")])
async def test_a_region_set_is_signed(gate, regions):
    right = v4a_header(regions="us-west-2")
    headers = tuple((n, regions if n == "X-Amz-Region-Set" else v) for n, v in right.headers)
    await gate.refuses(dataclasses.replace(right, headers=headers), "SignatureDoesNotMatch", 403)
    unsigned = v4a_header(regions=None, unsigned_headers=[("X-Amz-Region-Set", regions)])
    await gate.refuses(unsigned, "AccessDenied", 403)
    twice = dataclasses.replace(right, headers=(*right.headers, ("x-amz-region-set", regions)))
    await gate.refuses(twice, "InvalidArgument", 400)
    presigned = v4a_presigned(regions="us-west-2")
    widened = dataclasses.replace(presigned, target=presigned.target.replace("us-west-2", quoted(regions)))
    await gate.refuses(widened, "SignatureDoesNotMatch", 403)


def quoted(text):
    return text.replace("*", "%2A")


@pytest.mark.parametrize("sign", [called(3, "v4a", v4a_header)])
async def test_the_key_pair_is_of_the_access_key_too(gate, sign):
    right = sign()
    headers = tuple((name, value.replace(ACCESS_KEY, BOBS_KEY)) for name, value in right.headers)
    await gate.refuses(dataclasses.replace(right, headers=headers), "SignatureDoesNotMatch", 403)


@pytest.mark.parametrize(
    "change",
    [
        called(2, "v4a-token", {"payload": "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"}),
        called(2, "v4a-unsigned", {"payload": "UNSIGNED-PAYLOAD"}),
        called(2, "v4a-trailer", {"payload": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}),
    ],
)
async def test_no_payload_token_switches_the_signature_off(gate, change):
    right = v4a_header("PUT", headers=[("x-amz-decoded-content-length", "0")], **change)
    await gate.admits(right)
    await gate.refuses(with_signature(right, lambda _: "ab" * 71), "SignatureDoesNotMatch", 403)


@pytest.mark.parametrize(
    "payload",
    [called(2, "v4a-hmac-token", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")],
)
async def test_a_stream_is_signed_by_the_algorithm_that_signed_its_head(gate, payload):
    await gate.refuses(v4a_header("PUT", payload=payload), "InvalidArgument", 400)
