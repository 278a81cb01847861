"""Signature V4A, stage by stage, against the AWS common runtime's own suite (``sigv4a.json`` says which)."""

import dataclasses
import hashlib
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from authsvc.errors import SignatureMismatch
from authsvc.model import AccessKey, Secret
from authsvc.signing import SignedRequest
from authsvc.signing.canonical import string_to_sign
from authsvc.signing.chunks import (
    canonical_trailer,
    chunk_string_to_sign,
    padded,
    trailer_string_to_sign,
    unpadded,
)
from authsvc.signing.sigv4a import ALGORITHM, SigV4A, private_key, public_key, require_signed_by

SUITE = json.loads(Path(__file__).with_name("sigv4a.json").read_text(encoding="utf-8"))
SECRET = Secret(SUITE["secret_key"])
KEY = public_key(AccessKey(SUITE["access_key"]), SECRET)
CREDENTIAL = f"{SUITE['access_key']}/{SUITE['scope']}"
# The suite has one service, signed in either way; what it does not normalise is signed as S3 is.
S3, GENERIC = SigV4A(s3_services=frozenset({"service"})), SigV4A()


def named(case):
    return case["name"]


def header_request(case):
    payload = (("x-amz-content-sha256", case["payload"]),) if "payload" in case else ()
    authorization = (
        f"{ALGORITHM} Credential={CREDENTIAL}, SignedHeaders={case['signed_headers']}, "
        f"Signature={case['signature']}"
    )
    return SignedRequest(
        method=case["method"],
        target=case["target"],
        headers=(
            ("Host", SUITE["host"]),
            *map(tuple, case["headers"]),
            *payload,
            ("Authorization", authorization),
            ("X-Amz-Date", SUITE["timestamp"]),
            ("X-Amz-Region-Set", SUITE["region_set"]),
        ),
        body=case["body"].encode() if "body" in case else None,
    )


def query_request(case):
    parameters = {
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": CREDENTIAL,
        "X-Amz-Date": SUITE["timestamp"],
        "X-Amz-SignedHeaders": case["signed_headers"],
        "X-Amz-Expires": SUITE["expires"],
        "X-Amz-Region-Set": SUITE["region_set"],
        "X-Amz-Signature": case["signature"],
    }
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    mark = "&" if "?" in case["target"] else "?"
    return SignedRequest(
        method="GET",
        target=f"{case['target']}{mark}{query}",
        headers=(("Host", SUITE["host"]), *map(tuple, case["headers"])),
    )


def proven(scheme, request):
    claim = scheme.read(request)
    scheme.prove(claim, SECRET)
    scheme.prove_by_public_key(claim, KEY)
    with pytest.raises(SignatureMismatch):
        scheme.prove(claim, Secret("another"))
    return claim


def test_the_suite_is_all_there():
    assert [len(SUITE[part]) for part in ("header", "query", "keys")] == [37, 8, 2]


@pytest.mark.parametrize("case", SUITE["keys"], ids=lambda case: case["access_key"])
def test_key_derivation(case):
    access_key, secret = AccessKey(case["access_key"]), Secret(case["secret_key"])
    assert public_key(access_key, secret).point.hex() == f"04{case['x']}{case['y']}"
    numbers = private_key(access_key, secret).private_numbers().public_numbers
    assert (f"{numbers.x:064x}", f"{numbers.y:064x}") == (case["x"], case["y"])


@pytest.mark.parametrize("case", SUITE["header"], ids=named)
def test_signed_in_the_header(case):
    claim = proven(S3 if case["s3"] else GENERIC, header_request(case))
    assert claim.scope.region_set == ("us-east-1",)


@pytest.mark.parametrize("case", SUITE["query"], ids=named)
def test_presigned(case):
    claim = proven(GENERIC, query_request(case))
    assert claim.scope.region_set == ("us-east-1",)
    assert claim.expires_at == claim.signed_at + 3600


def test_the_canonical_request_and_the_string_to_sign_of_a_form():
    form = next(case for case in SUITE["header"] if "body" in case)
    signed = {"signed_headers": "content-length;content-type;host;x-amz-content-sha256"}
    request = query_request(form | signed)
    payload = ("x-amz-content-sha256", form["payload"])
    claim = GENERIC.read(
        dataclasses.replace(
            request, method="POST", headers=(*request.headers, payload), body=form["body"].encode()
        )
    )
    assert claim.canonical_request == SUITE["canonical_query_request"]
    digest = hashlib.sha256(SUITE["canonical_query_request"].encode()).hexdigest()
    assert claim.strings_to_sign == (
        f"AWS4-ECDSA-P256-SHA256\n20150830T123600Z\n20150830/service/aws4_request\n{digest}",
    )


CHUNKS = SUITE["chunks"]
OF_THE_REQUEST = {key: CHUNKS[key] for key in ("timestamp", "scope")} | {"algorithm": ALGORITHM}


def signed_by(access_key, secret):
    key = private_key(AccessKey(access_key), Secret(secret))
    return lambda text: key.sign(text.encode(), ec.ECDSA(SHA256())).hex()


def test_a_body_in_chunks_with_a_trailer():
    """Signatures are new each time, so the suite publishes the strings to sign around them."""
    holder = SUITE["keys"][1]
    sign = signed_by(holder["access_key"], holder["secret_key"])
    key = public_key(AccessKey(holder["access_key"]), Secret(holder["secret_key"]))
    seed = string_to_sign(**OF_THE_REQUEST, canonical_request=CHUNKS["canonical_request"])
    previous = sign(seed)
    require_signed_by(key, previous, seed)
    for size, digest in zip(CHUNKS["sizes"], CHUNKS["chunk_sha256"], strict=True):
        text = chunk_string_to_sign(
            **OF_THE_REQUEST, previous_signature=previous, chunk=CHUNKS["byte"].encode() * size
        )
        assert text == (
            f"AWS4-ECDSA-P256-SHA256-PAYLOAD\n20130524T000000Z\n20130524/s3/aws4_request\n{previous}\n"
            f"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n{digest}"
        )
        sent = padded(sign(text))
        assert len(sent) == 144
        previous = unpadded(sent)
        require_signed_by(key, previous, text)
    text = trailer_string_to_sign(
        **OF_THE_REQUEST,
        previous_signature=previous,
        trailer=canonical_trailer(map(tuple, CHUNKS["trailer"])),
    )
    assert text == (
        f"AWS4-ECDSA-P256-SHA256-TRAILER\n20130524T000000Z\n20130524/s3/aws4_request\n{previous}\n"
        f"{CHUNKS['trailer_sha256']}"
    )
    require_signed_by(key, unpadded(padded(sign(text))), text)
