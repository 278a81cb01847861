"""Signature V4A: keys, region sets, and what an ECDSA signature has to look like."""

import dataclasses
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from authsvc import signing
from authsvc.errors import (
    DuplicateParameter,
    MalformedAuthorization,
    MalformedAuthorizationQuery,
    MultipleMechanisms,
    SecretNotHeld,
    SignatureMismatch,
    UnknownPayloadHash,
    UnsignedHeaders,
)
from authsvc.model import AccessKey, PublicKey, Secret
from authsvc.signing.scope import holds_region
from authsvc.signing.sigv4 import SigV4
from authsvc.signing.sigv4a import ORDER, SigV4A, private_key, public_key, read_point, require_signed_by
from tests import claims
from tests.signers import (
    ACCESS_KEY,
    SECRET_KEY,
    v4_header,
    v4_presigned,
    v4a_header,
    v4a_presigned,
    v4a_private_key,
)

SECRET = Secret(SECRET_KEY)
KEY = public_key(AccessKey(ACCESS_KEY), SECRET)
SCHEME = SigV4A()
SCHEMES = (SigV4(), SCHEME)
SCOPE = "20130524/s3/aws4_request"
# The base point of P-256 (SEC 2 §2.4.2).
BASE_POINT = (
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
refused = partial(claims.refused, SCHEMES)


def proven(request):
    """Prove by the secret key and by the public key alike."""
    claim = signing.read(SCHEMES, request)
    assert claim.scheme == "sigv4a"
    signing.prove(SCHEMES, claim, SECRET)
    signing.prove(SCHEMES, claim, KEY)
    return claim


def unproven(claim):
    for verifier in (SECRET, KEY):
        with pytest.raises(SignatureMismatch) as caught:
            signing.prove(SCHEMES, claim, verifier)
    return caught.value


def test_a_signed_request_is_proven_and_says_what_it_is_good_for():
    claim = proven(v4a_header(regions="us-east-1, eu-*"))
    assert claim.access_key == ACCESS_KEY
    assert (claim.scope.date, claim.scope.region, claim.scope.service) == ("20130524", None, "s3")
    assert claim.scope.region_set == ("us-east-1", "eu-*")
    assert claim.strings_to_sign[0].startswith(f"AWS4-ECDSA-P256-SHA256\n20130524T000000Z\n{SCOPE}\n")
    assert not claim.presigned


def test_a_presigned_request_is_proven_and_says_what_it_is_good_for():
    claim = proven(v4a_presigned(regions="us-east-1,eu-*"))
    assert claim.scope.region_set == ("us-east-1", "eu-*")
    assert claim.presigned
    assert claim.expires_at == claim.signed_at + 600
    assert claim.payload == "unsigned"


def test_s3_encodes_the_path_once_and_other_services_twice():
    proven(v4a_header(target="/b/a%20b//../c"))
    proven(v4a_header(target="/a%20b", service="sts", double=True))
    unproven(signing.read(SCHEMES, v4a_header(target="/a%20b", service="sts")))


@pytest.mark.parametrize("secret", ["other", SECRET_KEY + "\n", ""])
def test_another_secret_proves_nothing(secret):
    claim = signing.read(SCHEMES, v4a_header())
    with pytest.raises(SignatureMismatch) as caught:
        signing.prove(SCHEMES, claim, Secret(secret))
    assert caught.value.detail["string_to_sign"] == claim.strings_to_sign[0]
    assert caught.value.detail["signature_provided"] == claim.signature


def test_another_key_pair_of_the_same_secret_proves_nothing():
    claim = signing.read(SCHEMES, v4a_header())
    with pytest.raises(SignatureMismatch):
        signing.prove(SCHEMES, claim, public_key(AccessKey("AKIDOTHER"), SECRET))


def test_a_public_key_cannot_tell_of_a_scheme_that_needs_the_secret():
    claim = signing.read(SCHEMES, v4_header())
    signing.prove(SCHEMES, claim, SECRET)
    for changed in (claim, claim.changed(signature="0" * 64)):
        with pytest.raises(SecretNotHeld):
            signing.prove(SCHEMES, changed, KEY)


def test_the_hash_mac_and_the_signature_are_not_taken_for_one_another():
    asymmetric, symmetric = v4a_header(), v4_header()
    for claim, other in (
        (signing.read(SCHEMES, asymmetric), "sigv4"),
        (signing.read(SCHEMES, symmetric), "sigv4a"),
    ):
        with pytest.raises(SignatureMismatch):
            signing.prove(SCHEMES, claim.changed(scheme=other), SECRET)


def test_keys_are_the_same_as_the_librarys_own_kdf_makes():
    for access_key, secret in (("A", ""), (ACCESS_KEY, SECRET_KEY), ("k" * 86, "s" * 86), ("ÄK", "ß")):
        ours = private_key(AccessKey(access_key), Secret(secret)).private_numbers()
        assert ours == v4a_private_key(access_key, secret).private_numbers()


# Without a region set, with an empty one, with an empty name, too many, and what is no name.
SETS = ["", ",", "us-east-1,", ",us-east-1", "a,,b", ",".join(["r"] * 65), "us east", "us/east", "é"]


@pytest.mark.parametrize("regions", [None, *SETS])
def test_a_header_has_to_be_good_for_named_regions(regions):
    error = refused(v4a_header(regions=regions), MalformedAuthorization)
    assert "region set" in error.message


@pytest.mark.parametrize("regions", [None, *SETS])
def test_a_presigned_request_has_to_be_good_for_named_regions(regions):
    error = refused(v4a_presigned(regions=regions), MalformedAuthorizationQuery)
    assert "X-Amz-Region-Set" in error.message


def test_the_region_set_has_to_be_signed():
    request = v4a_header(regions=None, unsigned_headers=(("X-Amz-Region-Set", "*"),))
    assert refused(request, UnsignedHeaders).detail == {"headers_not_signed": ["x-amz-region-set"]}


def test_the_region_set_is_given_once():
    refused(v4a_header(headers=(("X-Amz-Region-Set", "eu"),)), DuplicateParameter)
    refused(v4a_presigned(tail="&X-Amz-Region-Set=eu"), DuplicateParameter)
    refused(v4a_presigned(tail="&x-amz-region-set=eu"), DuplicateParameter)
    refused(v4a_presigned(headers=(("X-Amz-Region-Set", "*"),)), DuplicateParameter)
    refused(v4a_header(target="/b/k?X-Amz-Region-Set=eu"), MultipleMechanisms)


def test_another_region_set_is_another_request():
    request = v4a_header(regions="us-east-1")
    headers = tuple((name, "*" if name == "X-Amz-Region-Set" else value) for name, value in request.headers)
    unproven(signing.read(SCHEMES, dataclasses.replace(request, headers=headers)))
    presigned = v4a_presigned(regions="us-east-1")
    target = presigned.target.replace("Region-Set=us-east-1", "Region-Set=us-%2A")
    unproven(signing.read(SCHEMES, dataclasses.replace(presigned, target=target)))


@pytest.mark.parametrize(
    ("name", "region", "holds"),
    [
        ("us-east-1", "us-east-1", True),
        ("us-east-1", "us-east-11", False),
        ("us-east-1", "US-EAST-1", False),
        ("*", "anything", True),
        ("us-*", "us-east-1", True),
        ("us-*", "us-", True),
        ("us-*", "us", False),
        ("us-*", "eu-1", False),
        ("*-1", "eu-1", True),
        ("*-1", "eu-1-2", False),
        ("a*b*c", "abc", True),
        ("a*b*c", "aXbXc", True),
        ("a*b*c", "acb", False),
        ("aa*aa", "aaa", False),
        ("aa*aa", "aaaa", True),
        ("*a*a*a*", "aa", False),
        ("**", "x", True),
        (".*", "x", False),
        ("u[st]", "us", False),
    ],
)
def test_a_star_stands_for_any_characters(name, region, holds):
    assert holds_region((name,), region) is holds
    assert holds_region(("nowhere", name), region) is holds


def test_a_set_of_many_stars_is_matched_in_no_time():
    assert not holds_region(("*a" * 60 + "b",), "a" * 128)


@pytest.mark.parametrize(
    "scope",
    [
        "20130524/us-east-1/s3/aws4_request",
        "20130524/aws4_request",
        "20130524//aws4_request",
        "2013052/s3/aws4_request",
        "20130524/s3/aws5_request",
        "20130524/s3/aws4_request/",
    ],
)
def test_a_credential_has_four_parts(scope):
    refused(v4a_header(scope=scope), MalformedAuthorization)
    refused(v4a_presigned(scope=scope), MalformedAuthorizationQuery)


def test_an_access_key_may_hold_slashes():
    request = v4a_header(access_key="team/20130524")
    assert signing.read(SCHEMES, request).access_key == "team/20130524"


def test_two_algorithms_in_one_request():
    header = v4a_header().headers[-1]
    both = v4_header(unsigned_headers=(header,))
    refused(both, MultipleMechanisms)
    refused(v4_presigned(tail="&X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256"), MultipleMechanisms)
    mixed = v4_presigned()
    refused(dataclasses.replace(mixed, headers=(*mixed.headers, header)), MultipleMechanisms)
    refused(v4a_header(target="/b/k?X-Amz-Signature=0"), MultipleMechanisms)


@pytest.mark.parametrize(
    ("token", "mode"),
    [
        ("UNSIGNED-PAYLOAD", "unsigned"),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "streaming-unsigned-trailer"),
        ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "streaming"),
        ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER", "streaming-trailer"),
    ],
)
def test_no_payload_token_switches_the_check_off(token, mode):
    request = v4a_header("PUT", payload=token)
    claim = proven(request)
    assert claim.payload == mode
    unproven(signing.read(SCHEMES, dataclasses.replace(request, target="/bucket/other")))


def test_chunks_are_signed_by_the_algorithm_that_signed_the_request():
    refused(v4a_header("PUT", payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), UnknownPayloadHash)


def test_a_session_token_is_reported():
    token = (("X-Amz-Security-Token", "a/token+=="),)
    assert proven(v4a_header(headers=token)).token == "a/token+=="
    assert proven(v4a_presigned(query="X-Amz-Security-Token=a%2Ftoken")).token == "a/token"


def der(*numbers, length=None):
    """Write a sequence of integers; of ``length`` bytes each, needed or not."""
    written = b""
    for number in numbers:
        size = length or number.bit_length() // 8 + 1
        written += bytes([2, size]) + number.to_bytes(size, "big", signed=True)
    return (bytes([0x30, len(written)]) + written).hex()


def respelt(claim, change):
    """Put another r and s into the claim."""
    numbers = decode_dss_signature(bytes.fromhex(claim.signature))
    return claim.changed(signature=der(*change(*numbers)))


def test_the_second_signature_that_anybody_can_make_of_a_first_proves_it_too():
    """So a signature is no mark of the request it came with; nothing may take it for one."""
    claim = proven(v4a_header())
    twin = respelt(claim, lambda r, s: (r, ORDER - s))
    assert twin.signature != claim.signature
    for verifier in (SECRET, KEY):
        signing.prove(SCHEMES, twin, verifier)


@pytest.mark.parametrize(
    "change",
    [
        lambda r, s: (0, s),
        lambda r, s: (r, 0),
        lambda r, s: (0, 0),
        lambda r, s: (1, 1),
        lambda r, s: (ORDER, s),
        lambda r, s: (r, ORDER),
        lambda r, s: (r + ORDER, s),
        lambda r, s: (r, s + ORDER),
        lambda r, s: (-r, s),
        lambda r, s: (r, -s),
        lambda r, s: (r - ORDER, s),
        lambda r, s: (r, s - ORDER),
        lambda r, s: (r % ORDER + 1, s),
        lambda r, s: (s, r),
        lambda r, s: (r, s, 1),
        lambda r, s: (r,),
    ],
)
def test_r_and_s_are_two_numbers_from_one_to_below_the_order(change):
    claim = signing.read(SCHEMES, v4a_header())
    assert respelt(claim, lambda r, s: (r, s)) == claim
    unproven(respelt(claim, change))


@pytest.mark.parametrize(
    "spelling",
    [
        str.upper,
        lambda made: made + "00",
        lambda made: made + "*",
        lambda made: made.ljust(146, "*"),
        lambda made: made[:-2],
        lambda made: made[2:],
        lambda made: made[:-1],
        lambda made: " " + made,
        lambda _: "",
        lambda _: "0" * 64,
        lambda _: "3000",
        lambda _: "30" * 72,
        lambda made: made.replace("0", "٠"),
        # long form of the length, where the short one is to be used
        lambda made: "3081" + made[2:],
        # of indefinite length (BER)
        lambda made: "3080" + made[4:] + "0000",
        lambda made: "31" + made[2:],
        # zeros in front that no number needs
        lambda made: der(*decode_dss_signature(bytes.fromhex(made)), length=34),
    ],
)
def test_a_signature_has_one_spelling(spelling):
    claim = signing.read(SCHEMES, v4a_header())
    error = unproven(claim.changed(signature=spelling(claim.signature)))
    assert "DER" in error.message


def test_a_wrong_signature_says_no_more_than_that():
    error = unproven(signing.read(SCHEMES, v4a_header()).changed(signature="3006020101020101"))
    assert "DER" not in error.message


def test_a_public_key_is_a_point_of_the_curve():
    assert read_point(bytes.fromhex(BASE_POINT)) == PublicKey(bytes.fromhex(BASE_POINT))
    for wrong in (
        b"",
        b"\x00",
        b"\x00" * 65,
        bytes.fromhex(BASE_POINT)[:-1],
        bytes.fromhex(BASE_POINT)[:-1] + b"\x00",
        b"\x03" + bytes.fromhex(BASE_POINT)[1:33],
        b"\x02" * 65,
    ):
        with pytest.raises(ValueError):
            read_point(wrong)


def test_the_stages_stand_on_their_own():
    made = v4a_private_key("A", "S")
    key = public_key(AccessKey("A"), Secret("S"))
    require_signed_by(key, made.sign(b"text", ec.ECDSA(SHA256())).hex(), "text")
    with pytest.raises(SignatureMismatch):
        require_signed_by(key, made.sign(b"other", ec.ECDSA(SHA256())).hex(), "text")
