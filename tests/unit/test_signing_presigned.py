"""Signature V4 in the query: what is read, what is refused, and in which words."""

import dataclasses
import hashlib
from functools import partial

import pytest

from authsvc import signing
from authsvc.errors import (
    DuplicateParameter,
    MalformedAuthorizationQuery,
    MultipleMechanisms,
    SignatureMismatch,
    UnknownPayloadHash,
    Unsigned,
    UnsignedHeaders,
)
from authsvc.model import Secret
from authsvc.signing.s3v2 import S3V2
from authsvc.signing.sigv4 import SigV4
from tests import claims
from tests.signers import ACCESS_KEY, EMPTY, HOST, SECRET_KEY, STAMP, v4_presigned

SECRET = Secret(SECRET_KEY)
SCHEME = SigV4()
SCHEMES = (SCHEME, S3V2())
PINNED = hashlib.sha256(b"pinned").hexdigest()
STS = "20130524/us-east-1/sts/aws4_request"
refused = partial(claims.refused, SCHEMES)


def proven(request):
    claim = signing.read(SCHEMES, request)
    signing.prove(SCHEMES, claim, SECRET)
    return claim


def retargeted(request, old, new):
    assert old in request.target
    return dataclasses.replace(request, target=request.target.replace(old, new))


def test_what_a_claim_says():
    claim = proven(v4_presigned(query="versionId=7", headers=(("Range", "bytes=0-9"),)))
    assert claim.scheme == "sigv4"
    assert claim.access_key == ACCESS_KEY
    assert claim.presigned
    assert (claim.signed_at, claim.expires_at) == (1369353600.0, 1369354200.0)
    assert claim.signed_headers == ("host", "range")
    assert claim.unsigned_query == ()
    assert (claim.payload, claim.body_sha256, claim.token) == ("unsigned", None, None)


@pytest.mark.parametrize("expires", ["1", "604800", "000600"])
def test_lifetimes_from_a_second_to_a_week(expires):
    assert proven(v4_presigned(expires=expires)).expires_at == 1369353600.0 + int(expires)


def test_only_s3_wants_a_lifetime():
    """aws4 and aws4fetch presign without one for other services; such a request is as fresh as its date."""
    claim = proven(v4_presigned(expires=None, scope=STS, line=EMPTY, double=True))
    assert (claim.presigned, claim.signed_at, claim.expires_at) == (True, 1369353600.0, None)
    assert refused(v4_presigned(expires=None), MalformedAuthorizationQuery).message == MISSING


WEEK = (
    "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
    "604800 seconds"
)
MISSING = (
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
    "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
)


@pytest.mark.parametrize(
    ("expires", "said"),
    [
        ("604801", WEEK),
        ("9" * 400, WEEK),
        ("0", "X-Amz-Expires must be non-negative"),
        ("000000", "X-Amz-Expires must be non-negative"),
        ("-1", "X-Amz-Expires must be non-negative"),
        ("-604801", "X-Amz-Expires must be non-negative"),
        ("600abc", "X-Amz-Expires should be a number"),
        ("+600", "X-Amz-Expires should be a number"),
        (" 600", "X-Amz-Expires should be a number"),
        ("600\n", "X-Amz-Expires should be a number"),
        ("6_0", "X-Amz-Expires should be a number"),
        ("٦٠٠", "X-Amz-Expires should be a number"),
        ("6e2", "X-Amz-Expires should be a number"),
        ("0x258", "X-Amz-Expires should be a number"),
        ("600.0", "X-Amz-Expires should be a number"),
        ("nan", "X-Amz-Expires should be a number"),
        ("", MISSING),
        (None, MISSING),
    ],
)
def test_lifetimes_that_are_none(expires, said):
    assert refused(v4_presigned(expires=expires), MalformedAuthorizationQuery).message == said


PARAMETERS = ("X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature")


@pytest.mark.parametrize("name", [*PARAMETERS, "X-Amz-Algorithm"])
def test_a_parameter_that_is_missing(name):
    gone = retargeted(v4_presigned(), f"{name}=", "gone=")
    assert refused(gone, MalformedAuthorizationQuery).message == MISSING


@pytest.mark.parametrize("name", [*PARAMETERS, "X-Amz-Algorithm", "X-Amz-Expires", "X-Amz-Security-Token"])
@pytest.mark.parametrize("spelt", [str, str.lower, lambda name: name.replace("-", "%2D")])
def test_a_parameter_given_twice_in_any_spelling(name, spelt):
    request = v4_presigned(query="X-Amz-Security-Token=t", tail=f"&{spelt(name)}=x")
    refused(request, DuplicateParameter)


@pytest.mark.parametrize(
    "name", ["X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Algorithm", "X-Amz-SignedHeaders"]
)
def test_the_case_of_a_name_counts(name):
    request = retargeted(v4_presigned(), name, name.lower())
    assert refused(request, MalformedAuthorizationQuery).message == MISSING


def test_a_query_all_in_lower_case_is_no_signature():
    request = v4_presigned()
    folded = request.target.replace("X-Amz-", "x-amz-")
    refused(dataclasses.replace(request, target=folded), Unsigned)


@pytest.mark.parametrize("algorithm", ["AWS4-HMAC-SHA512", "aws4-hmac-sha256", "AWS4-HMAC-SHA256 ", "x"])
def test_another_algorithm(algorithm):
    error = refused(v4_presigned(algorithm=algorithm), MalformedAuthorizationQuery)
    assert error.message == 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"'


def test_the_asymmetric_algorithm_is_another_scheme():
    refused(v4_presigned(algorithm="AWS4-ECDSA-P256-SHA256"), Unsigned)
    assert SCHEME.recognises(v4_presigned(algorithm="AWS4-HMAC-SHA256"))
    both = v4_presigned(tail="&X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256")
    refused(both, DuplicateParameter)


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (
            "20130524/us-east-1/s3/aws5_request",
            (
                'Error parsing the X-Amz-Credential parameter; incorrect terminal "aws5_request". '
                'This endpoint uses "aws4_request".'
            ),
        ),
        (
            "x/us-east-1/s3/aws4_request",
            (
                'Error parsing the X-Amz-Credential parameter; incorrect date format "x". '
                'This date in the credential must be in the format "yyyyMMdd".'
            ),
        ),
        (
            "us-east-1/s3/aws4_request",
            (
                "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "
                '"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
            ),
        ),
        (
            "20130525/us-east-1/s3/aws4_request",
            'Invalid credential date "20130525". This date is not the same as X-Amz-Date: "20130524".',
        ),
    ],
)
def test_a_credential_that_cannot_be_read(scope, said):
    assert refused(v4_presigned(scope=scope), MalformedAuthorizationQuery).message == said


@pytest.mark.parametrize(
    "stamp", ["20130524", "20130532T000000Z", "Fri, 24 May 2013 00:00:00 GMT", "٢٠١٣٠٥٢٤T000000Z"]
)
def test_a_date_that_is_none(stamp):
    error = refused(v4_presigned(stamp=stamp), MalformedAuthorizationQuery)
    assert error.message == "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""


@pytest.mark.parametrize("signed", [";", "Host", "host;host", "x;host", "host;absent", "host;"])
def test_a_list_of_signed_headers_that_is_none(signed):
    error = refused(v4_presigned(signed=signed), MalformedAuthorizationQuery)
    assert error.message.startswith("Error parsing the X-Amz-SignedHeaders parameter; the SignedHeaders list")


def test_bytes_that_are_no_text():
    request = retargeted(v4_presigned(), f"X-Amz-Credential={ACCESS_KEY}", "X-Amz-Credential=%FF")
    assert refused(request, MalformedAuthorizationQuery).message == "X-Amz-Credential is not UTF-8"


def test_raw_separators_in_the_query():
    """``;`` in the list of headers divides header names, never parameters."""
    request = v4_presigned(headers=(("Range", "bytes=0-1"),))
    proven(retargeted(request, "host%3Brange", "host;range"))
    proven(retargeted(request, "%2F20130524%2F", "/20130524/"))


def test_host_has_to_be_signed():
    request = v4_presigned(headers=(("Range", "x"),), signed="range")
    assert refused(request, UnsignedHeaders).detail == {"headers_not_signed": ["host"]}


@pytest.mark.parametrize("name", ["x-amz-copy-source", "x-amz-acl", "X_Amz_Copy_Source", "x-amz-meta-a"])
def test_an_amazon_header_put_on_afterwards(name):
    error = refused(v4_presigned("PUT", unsigned_headers=((name, "/secret/k"),)), UnsignedHeaders)
    assert error.detail == {"headers_not_signed": [name.lower()]}
    assert error.access_key == ACCESS_KEY


def test_a_parameter_put_on_afterwards():
    for tail in ("&response-content-type=text%2Fhtml", "&acl", "&x-amz-acl=public-read", "&k=a"):
        with pytest.raises(SignatureMismatch):
            proven(v4_presigned(query="k=b", tail=tail))


def test_hoisted_headers_are_signed_parameters():
    proven(v4_presigned("PUT", query="x-amz-acl=public-read&x-amz-meta-a=b%20c"))


def test_other_parameters_may_repeat_and_are_signed_in_order():
    proven(v4_presigned(query="k=b&k=a"))


@pytest.mark.parametrize("value", ["Bearer x", "AWS4-HMAC-SHA256 x", "AWS ak:sig", "Basic eA==", ""])
def test_an_authorization_beside_the_query(value):
    request = v4_presigned(unsigned_headers=(("Authorization", value),))
    refused(request, MultipleMechanisms)


def test_a_v2_signature_beside_the_query():
    refused(v4_presigned(tail="&AWSAccessKeyId=B&Signature=x&Expires=1"), MultipleMechanisms)


@pytest.mark.parametrize("name", ["X-Amz-Content-Sha256", "x-amz-content-sha256", "X-Amz-Content-SHA256"])
@pytest.mark.parametrize(("line", "mode"), [(PINNED, "signed"), ("UNSIGNED-PAYLOAD", "unsigned")])
def test_a_payload_pinned_in_the_query(name, line, mode):
    claim = proven(v4_presigned("PUT", query=f"{name}={line}", line=line))
    assert claim.payload == mode
    assert claim.body_sha256 == (PINNED if mode == "signed" else None)


@pytest.mark.parametrize(("line", "mode"), [(PINNED, "signed"), ("UNSIGNED-PAYLOAD", "unsigned")])
def test_a_payload_pinned_in_a_signed_header(line, mode):
    claim = proven(v4_presigned("PUT", headers=(("X-Amz-Content-Sha256", line),), line=line))
    assert claim.payload == mode


@pytest.mark.parametrize(
    "token", ["STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "x", ""]
)
def test_streaming_is_not_presigned(token):
    header = v4_presigned("PUT", headers=(("X-Amz-Content-Sha256", token),), line=token)
    refused(header, UnknownPayloadHash)
    refused(v4_presigned("PUT", query=f"X-Amz-Content-Sha256={token}", line=token), UnknownPayloadHash)


def test_a_payload_header_that_is_not_signed_may_only_repeat_the_line():
    repeated = (("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"),)
    assert proven(v4_presigned("PUT", unsigned_headers=repeated)).payload == "unsigned"
    for value in (PINNED, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
        request = v4_presigned("PUT", unsigned_headers=(("X-Amz-Content-Sha256", value),))
        detail = refused(request, UnsignedHeaders).detail
        assert detail == {"headers_not_signed": ["x-amz-content-sha256"]}


def test_a_payload_pinned_twice_has_to_agree():
    query, other = f"X-Amz-Content-Sha256={PINNED}", (("X-Amz-Content-Sha256", EMPTY),)
    refused(v4_presigned("PUT", query=query, headers=other, line=PINNED), UnsignedHeaders)
    same = (("X-Amz-Content-Sha256", PINNED),)
    proven(v4_presigned("PUT", query=query, headers=same, line=PINNED))


def test_other_services_sign_the_body():
    claim = proven(v4_presigned("GET", "/", query="Action=X", scope=STS, line=EMPTY))
    assert (claim.payload, claim.body_sha256) == ("signed", EMPTY)
    with pytest.raises(SignatureMismatch):
        proven(v4_presigned("GET", "/", query="Action=X", scope=STS, line="UNSIGNED-PAYLOAD"))
    body = {"body": b"pinned"}
    assert proven(v4_presigned("POST", "/", scope=STS, line=PINNED, **body)).body_sha256 == PINNED


def test_a_session_token_is_reported():
    assert proven(v4_presigned(query="X-Amz-Security-Token=the%20token")).token == "the token"
    assert proven(v4_presigned(query="X-Amz-Security-Token=")).token == ""
    assert proven(v4_presigned(headers=(("X-Amz-Security-Token", "t"),))).token == "t"
    with pytest.raises(SignatureMismatch):
        proven(v4_presigned(tail="&X-Amz-Security-Token=t"))
    both = v4_presigned(query="X-Amz-Security-Token=t", headers=(("X-Amz-Security-Token", "t"),))
    refused(both, DuplicateParameter)


def test_a_token_in_the_query_is_concealed_in_a_mismatch():
    claim = SCHEME.read(v4_presigned(query="X-Amz-Security-Token=hush"))
    with pytest.raises(SignatureMismatch) as caught:
        SCHEME.prove(claim, Secret("wrong"))
    shown = caught.value.detail["canonical_request"]
    assert "hush" not in shown
    assert "X-Amz-Security-Token=(concealed)&X-Amz-SignedHeaders=host\n" in shown


def test_head_and_get_are_two_signatures():
    with pytest.raises(SignatureMismatch):
        proven(dataclasses.replace(v4_presigned("GET"), method="HEAD"))


def test_another_host():
    with pytest.raises(SignatureMismatch):
        proven(dataclasses.replace(v4_presigned(), headers=(("Host", "evil"), ("X-Forwarded-Host", HOST[1]))))


def test_the_time_is_signed():
    with pytest.raises(SignatureMismatch):
        proven(retargeted(v4_presigned(), STAMP, "20130524T000001Z"))
    with pytest.raises(SignatureMismatch):
        proven(retargeted(v4_presigned(), "X-Amz-Expires=600", "X-Amz-Expires=601"))


def test_a_session_token_of_s3_express_is_reported():
    assert proven(v4_presigned(query="X-Amz-S3session-Token=t")).token == "t"
    for query in (
        "X-Amz-S3session-Token=t&X-Amz-Security-Token=t",
        "X-Amz-S3session-Token=t&x-amz-s3session-token=t",
    ):
        refused(v4_presigned(query=query), DuplicateParameter)
