"""Whatever comes in, V4A reads it or says Malformed; of what was signed, no byte may be another."""

import contextlib
import dataclasses
import re

from hypothesis import assume, given
from hypothesis import strategies as st

from authsvc.errors import Malformed, SignatureMismatch
from authsvc.model import AccessKey, PublicKey, Secret
from authsvc.signing import SignedRequest
from authsvc.signing.scope import holds_region
from authsvc.signing.sigv4 import SigV4
from authsvc.signing.sigv4a import SigV4A, public_key, read_point
from tests.signers import ACCESS_KEY, SECRET_KEY, STAMP, v4a_header, v4a_presigned

SECRET = Secret(SECRET_KEY)
KEY = public_key(AccessKey(ACCESS_KEY), SECRET)
V4, V4A = SigV4(), SigV4A()
HEADER, PRESIGNED = v4a_header(regions="us-*,eu-1"), v4a_presigned(regions="us-*,eu-1")

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r\n"), max_size=12)
PARTS = st.one_of(
    TEXTS,
    st.sampled_from(
        ["", "*", ",", "us-east-1", "a,,b", "host", "host;x-amz-date", STAMP, "3006020101020101"]
    ),
    st.sampled_from(
        ["AK/20130524/s3/aws4_request", "AK/20130524/eu/s3/aws4_request", "/20130524/s3/aws4_request"]
    ),
)
AUTHORIZATIONS = st.builds(
    "AWS4-ECDSA-P256-SHA256 Credential={}, SignedHeaders={}, Signature={}".format, PARTS, PARTS, PARTS
)


def without_line_breaks(text):
    return re.sub(r"[\x00-\x20\x7f#\ud800-\udfff]", "", text)


@given(
    authorization=AUTHORIZATIONS,
    headers=st.lists(
        st.tuples(st.sampled_from(["X-Amz-Region-Set", "X-Amz-Date", "X-Amz-Content-Sha256", "Date"]), PARTS),
        max_size=4,
    ),
)
def test_a_header_is_read_or_malformed(authorization, headers):
    with contextlib.suppress(Malformed):
        V4A.read(
            SignedRequest(
                method="GET",
                target="/b/k",
                headers=(("Host", "h"), *headers, ("Authorization", authorization)),
            )
        )


@given(
    given_=st.fixed_dictionaries(
        {},
        optional={
            name: PARTS.map(without_line_breaks)
            for name in (
                "X-Amz-Credential",
                "X-Amz-Date",
                "X-Amz-Expires",
                "X-Amz-SignedHeaders",
                "X-Amz-Region-Set",
                "X-Amz-Signature",
                "X-Amz-Security-Token",
            )
        },
    )
)
def test_a_query_is_read_or_malformed(given_):
    query = "&".join(["X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256", *(f"{n}={v}" for n, v in given_.items())])
    with contextlib.suppress(Malformed):
        V4A.read(SignedRequest(method="GET", target=f"/b/k?{query}", headers=(("Host", "h"),)))


def flipped(text, place, bit):
    """Change one bit of one character, and keep it something that HTTP can carry."""
    place %= len(text)
    changed = chr(ord(text[place]) ^ (1 << bit))
    assume(" " < changed < "\x7f" and changed != "#")
    return text[:place] + changed + text[place + 1 :]


def refused(request):
    """Say whether it is refused, by reading or by proof, by the secret key and by the public one."""
    try:
        claim = V4A.read(request) if V4A.recognises(request) else None
    except Malformed:
        return True
    if claim is None or claim.access_key != ACCESS_KEY:
        return True  # it is looked up under another access key, and somebody else's public key proves nothing of ours
    for prove, verifier in ((V4A.prove, SECRET), (V4A.prove_by_public_key, KEY)):
        try:
            prove(claim, verifier)
        except SignatureMismatch:
            continue
        return False
    return True


def same_claim(one, other):
    """Say whether two requests are two spellings of one: escapes and white space have some."""
    try:
        return V4A.read(one) == V4A.read(other)
    except Malformed:
        return False


@given(which=st.integers(0, 4), place=st.integers(0, 10_000), bit=st.integers(0, 6))
def test_no_bit_of_a_header_may_be_another(which, place, bit):
    headers = list(HEADER.headers)
    name, value = headers[which]
    headers[which] = (name, flipped(value, place, bit))
    changed = dataclasses.replace(HEADER, headers=tuple(headers))
    assert refused(changed) or same_claim(changed, HEADER)


@given(place=st.integers(0, 10_000), bit=st.integers(0, 6))
def test_no_bit_of_a_target_may_be_another(place, bit):
    target = "/" + flipped(PRESIGNED.target[1:], place, bit)
    changed = dataclasses.replace(PRESIGNED, target=target)
    assert refused(changed) or same_claim(changed, PRESIGNED)


@given(signature=st.one_of(st.binary(max_size=80).map(bytes.hex), TEXTS))
def test_no_other_signature_is_one(signature):
    claim = V4A.read(HEADER).changed(signature=signature)
    for prove, verifier in ((V4A.prove, SECRET), (V4A.prove_by_public_key, KEY)):
        try:
            prove(claim, verifier)
        except SignatureMismatch:
            continue
        raise AssertionError("proven")


@given(point=st.binary(max_size=70))
def test_bytes_are_a_point_of_the_curve_or_refused(point):
    with contextlib.suppress(ValueError):
        assert read_point(point) == PublicKey(point)


NAMES = st.text("ab*-", max_size=8)


@given(name=NAMES, region=st.text("ab-", max_size=8))
def test_a_star_is_what_a_regular_expression_takes_it_for(name, region):
    like = re.fullmatch(re.escape(name).replace(r"\*", ".*"), region) is not None
    assert holds_region((name,), region) is like


@given(request=st.sampled_from([HEADER, PRESIGNED]))
def test_the_other_algorithm_does_not_take_it_for_its_own(request):
    assert V4A.recognises(request)
    assert not V4.recognises(request)
