"""S3's Signature V2: what is read, what is refused, and what it leaves unsigned."""

import dataclasses
from functools import partial

import pytest

from authsvc import signing
from authsvc.errors import (
    DuplicateParameter,
    MalformedAuthorizationQuery,
    MalformedParameters,
    MissingDate,
    MultipleMechanisms,
    SignatureMismatch,
    UnknownMechanism,
    Unsigned,
    UnsignedHeaders,
)
from authsvc.model import Secret
from authsvc.signing import SignedRequest
from authsvc.signing.s3v2 import S3V2, SUB_RESOURCES, signature
from authsvc.signing.sigv4 import SigV4
from tests import claims
from tests.signers import ACCESS_KEY, SECRET_KEY, v2_header, v2_presigned, v2_signature

SECRET = Secret(SECRET_KEY)
SCHEME = S3V2()
SCHEMES = (SigV4(), SCHEME)
DATE = "Tue, 27 Mar 2007 19:36:42 +0000"
DATED = (("Date", DATE),)
EXPIRES = "1175139620"
refused = partial(claims.refused, SCHEMES)


def proven(request, scheme=SCHEME):
    claim = signing.read((SigV4(), scheme), request)
    scheme.prove(claim, SECRET)
    return claim


def get(target, resource, *, headers=DATED, **rest):
    return v2_header("GET", target, f"GET\n\n\n{DATE}\n{resource}", headers=headers, **rest)


def test_what_a_claim_of_the_header_says():
    text = f"PUT\n\ntext/plain\n{DATE}\nx-amz-acl:private\n/b/k?uploadId=x"
    headers = (*DATED, ("Content-Type", "text/plain"), ("X-Amz-Acl", "private"), ("Host", "h"))
    claim = proven(v2_header("PUT", "/b/k?uploadId=x&prefix=p&Marker", text, headers=headers))
    assert claim.scheme == "s3v2"
    assert claim.access_key == ACCESS_KEY
    assert (claim.signed_at, claim.expires_at, claim.presigned) == (1175024202.0, None, False)
    assert claim.signed_headers == ("content-type", "date", "x-amz-acl")
    assert claim.unsigned_query == ("prefix", "Marker")
    assert (claim.payload, claim.scope, claim.token, claim.algorithm) == ("none", None, None, None)


def test_what_a_presigned_claim_says():
    text = f"GET\n\n\n{EXPIRES}\n/b/k?versionId=1"
    claim = proven(v2_presigned("GET", "/b/k", text, query="versionId=1&a%20b=c"))
    assert (claim.signed_at, claim.expires_at, claim.presigned) == (None, 1175139620.0, True)
    assert claim.access_key == ACCESS_KEY
    assert claim.unsigned_query == ("a%20b",)
    assert claim.signed_headers == ()


def test_the_amazon_date_empties_the_date_line():
    text = "GET\n\n\n\nx-amz-date:20070327T193642Z\n/b/k"
    for extra in ((), (("Date", "anything"),)):
        headers = (("X-Amz-Date", "20070327T193642Z"), *extra)
        claim = proven(v2_header("GET", "/b/k", text, headers=headers))
        assert claim.signed_at == 1175024202.0
        assert claim.signed_headers == ("x-amz-date",)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("Date", ""),),
        (("Date", "Bad Date"),),
        (("Date", "Tue, 07 Jul 1950 21:53:04 GMT"),),
        (("Date", EXPIRES),),
        (("Date", DATE), ("X-Amz-Date", "yesterday")),
    ],
)
def test_a_date_that_is_none(headers):
    error = refused(get("/b/k", "/b/k", headers=headers), MissingDate)
    assert error.message == "AWS authentication requires a valid Date or x-amz-date header"


@pytest.mark.parametrize(
    "value", ["AWS", "AWS HAHAHA", "AWS :sig", "AWS ak:", "AWS ak:sig sig", "AWS ak: sig", "AWS aké:sig"]
)
def test_an_authorization_that_cannot_be_read(value):
    request = SignedRequest(method="GET", target="/", headers=(*DATED, ("Authorization", value)))
    error = refused(request, UnknownMechanism)
    assert error.message == "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature"
    assert error.detail == {"argument_name": "Authorization"}
    assert error.scheme == "s3v2"


@pytest.mark.parametrize("value", ["AWSak:sig", "aws ak:sig", "AWS4 ak:sig", "GOOG1 ak:sig"])
def test_other_mechanisms_are_left_alone(value):
    request = SignedRequest(method="GET", target="/", headers=(*DATED, ("Authorization", value)))
    assert not SCHEME.recognises(request)
    refused(request, UnknownMechanism)


def test_an_access_key_may_hold_colons():
    assert proven(get("/b/k", "/b/k", access_key="a:b")).access_key == "a:b"


def test_every_amazon_header_is_signed():
    text = f"PUT\n\n\n{DATE}\nx-amz-acl:private\nx-amz-meta-a:1,2  3\n/b/k"
    pairs = (("X-Amz-Meta-A", " 1"), ("x-amz-acl", "private"), ("x-amz-meta-a", "2  3 "))
    request = v2_header("PUT", "/b/k", text, headers=(*DATED, *pairs))
    assert proven(request).signed_headers == ("date", "x-amz-acl", "x-amz-meta-a")
    for extra in (("x-amz-copy-source", "/secret/k"), ("x-amz-meta-b", "")):
        with pytest.raises(SignatureMismatch):
            proven(dataclasses.replace(request, headers=(*request.headers, extra)))


@pytest.mark.parametrize("name", ["X_Amz_Copy_Source", "x-amz_acl"])
def test_aliases_of_amazon_headers(name):
    error = refused(get("/b/k", "/b/k", headers=(*DATED, (name, "x"))), UnsignedHeaders)
    assert error.detail == {"headers_not_signed": [name.lower()]}
    presigned = v2_presigned("GET", "/b/k", f"GET\n\n\n{EXPIRES}\n/b/k", headers=((name, "x"),))
    refused(presigned, UnsignedHeaders)


@pytest.mark.parametrize(
    "name", ["Date", "X-Amz-Date", "Content-Type", "Content-MD5", "X-Amz-Security-Token"]
)
def test_headers_that_decide_and_are_given_twice(name):
    headers = (*DATED, (name, DATE), (name, DATE))
    error = refused(get("/b/k", "/b/k", headers=headers), DuplicateParameter)
    assert error.detail == {"argument_name": name.lower()}


@pytest.mark.parametrize(
    ("target", "resource"),
    [
        ("/", "/"),
        ("/b/k", "/b/k"),
        ("/b//x/../k", "/b//x/../k"),
        ("/b/a%2fb%20c+d", "/b/a%2fb%20c+d"),
        ("/b/é", "/b/é"),
        ("/b/k?acl", "/b/k?acl"),
        ("/b/k?acl=", "/b/k?acl"),
        ("/b/k?prefix=p&versionId=1&acl", "/b/k?acl&versionId=1"),
        ("/b/k?uploadId=a%2Bb%3D%3D&partNumber=1", "/b/k?partNumber=1&uploadId=a+b=="),
        (
            "/b/k?response-content-disposition=attachment%3B%20filename%3D%22%C3%A9%20%26.txt%22",
            '/b/k?response-content-disposition=attachment; filename="é &.txt"',
        ),
        ("/b/k?response-content-type=a+b", "/b/k?response-content-type=a b"),
        ("/b/k?ACL&Acl=1", "/b/k"),
        ("/b/k?%61cl", "/b/k?acl"),
        ("/b/k?&&acl&", "/b/k?acl"),
    ],
)
def test_resources(target, resource):
    request = get(target, resource)
    assert proven(request).strings_to_sign[0].splitlines()[-1] == resource


@pytest.mark.parametrize(
    ("sent", "signed"),
    [
        ("/b/k?acl=", "/b/k?acl="),
        ("/b/k", "/b/k?acl"),
        ("/b/k?acl", "/b/k"),
        ("/b/a%2Fb", "/b/a/b"),
        ("/b/a%20b", "/b/a b"),
        ("/b/k?versionId=1&acl", "/b/k?versionId=1&acl"),
        ("/b/k?versionId=a%2Fb", "/b/k?versionId=a%2Fb"),
        ("/b/x/../k", "/b/k"),
    ],
)
def test_resources_nobody_signed(sent, signed):
    with pytest.raises(SignatureMismatch):
        proven(get(sent, signed))


@pytest.mark.parametrize("sent", ["/bucket", "/bucket/"])
@pytest.mark.parametrize("signed", ["/bucket", "/bucket/"])
@pytest.mark.parametrize("query", ["", "?acl"])
def test_the_root_of_a_bucket_with_and_without_its_slash(sent, signed, query):
    claim = proven(get(f"{sent}{query}", f"{signed}{query}"))
    assert claim.strings_to_sign[0].endswith(f"\n{sent}{query}")
    assert len(claim.strings_to_sign) == 2


@pytest.mark.parametrize(
    ("sent", "signed"), [("/b/k", "/b/k/"), ("/b/k/", "/b/k"), ("/", "//"), ("/b", "/b//")]
)
def test_no_other_slash_is_forgiven(sent, signed):
    with pytest.raises(SignatureMismatch):
        proven(get(sent, signed))


@pytest.mark.parametrize(
    ("target", "resource"),
    [("/", "/bkt/"), ("/k", "/bkt/k"), ("/?acl", "/bkt/?acl"), ("/bkt/k", "/bkt/bkt/k")],
)
def test_a_bucket_that_came_from_the_host(target, resource):
    claim = proven(get(target, resource, bucket="bkt"))
    assert len(claim.strings_to_sign) == 1
    with pytest.raises(SignatureMismatch):
        proven(get(target, resource))


def test_the_list_of_sub_resources_is_a_choice():
    request = get("/b/k?acl&newest=1", "/b/k?acl&newest=1")
    with pytest.raises(SignatureMismatch):
        proven(request)
    newer = S3V2(sub_resources=SUB_RESOURCES | {"newest"})
    assert proven(request, newer).unsigned_query == ()
    older = S3V2(sub_resources=frozenset({"acl"}))
    assert proven(get("/b/k?acl&policy", "/b/k?acl"), older).unsigned_query == ("policy",)


def test_a_signed_parameter_given_twice():
    for target in ("/b/k?acl&acl", "/b/k?versionId=1&version%49d=2"):
        refused(get(target, "/b/k?acl"), DuplicateParameter)


@pytest.mark.parametrize(
    "query",
    [
        "partNumber=1%26uploadId%3Dx",
        "response-content-type=a%26acl",
        "response-content-type=a%26x%26acl%3D1",
        "versionId=a%0Ab",
        "versionId=%FF",
    ],
)
def test_values_that_read_in_two_ways(query):
    """``?partNumber=1&uploadId=x`` and ``?partNumber=1%26uploadId%3Dx`` are signed alike once decoded."""
    refused(get(f"/b/k?{query}", "/b/k?partNumber=1&uploadId=x"), MalformedParameters)


@pytest.mark.parametrize("expires", ["0", "1", "2147483647", "0000000001"])
def test_ends_that_are_read(expires):
    text = f"GET\n\n\n{expires}\n/b/k"
    assert proven(v2_presigned("GET", "/b/k", text, expires=expires)).expires_at == float(expires)


@pytest.mark.parametrize(
    "expires",
    [
        "2147483648",
        "9" * 400,
        "-1",
        "+1",
        "1.5",
        "1e12",
        "nan",
        "inf",
        "0x10",
        "%201",
        "1_0",
        "%D9%A1",
        DATE[:3],
    ],
)
def test_ends_that_are_none(expires):
    text = f"GET\n\n\n{expires}\n/b/k"
    error = refused(v2_presigned("GET", "/b/k", text, expires=expires), MissingDate)
    assert error.message == "Invalid date (should be seconds since epoch)"


@pytest.mark.parametrize("query", ["AWSAccessKeyId=ak", "AWSAccessKeyId=&Signature=x&Expires=1"])
def test_a_parameter_that_is_missing(query):
    request = SignedRequest(method="GET", target=f"/b/k?{query}", headers=())
    error = refused(request, MalformedAuthorizationQuery)
    assert error.message.startswith("Query-string authentication requires the Signature, Expires and")


@pytest.mark.parametrize("name", ["AWSAccessKeyId", "Expires", "Signature", "%41WSAccessKeyId"])
def test_a_parameter_given_twice(name):
    text = f"GET\n\n\n{EXPIRES}\n/b/k"
    refused(v2_presigned("GET", "/b/k", text, tail=f"&{name}=1"), DuplicateParameter)


def test_query_signatures_of_ec2_are_another_scheme():
    query = "Action=X&AWSAccessKeyId=ak&Signature=x&SignatureVersion=2&SignatureMethod=HmacSHA256"
    for target in (f"/?{query}&Expires=1", f"/?{query.replace('nVersion', '%6EVersion')}"):
        request = SignedRequest(method="GET", target=target, headers=())
        assert not SCHEME.recognises(request)
    refused(request, Unsigned)


def test_cloudstack_signatures_are_another_scheme():
    target = "/client/api?command=listZones&apiKey=k&signature=s&signatureVersion=3&expires=1"
    assert not SCHEME.recognises(SignedRequest(method="GET", target=target, headers=()))


@pytest.mark.parametrize(
    "query", ["AWSAccessKeyId=B", "Signature=x", "AWSAccessKeyId=B&Signature=x&Expires=1"]
)
def test_a_signature_in_header_and_query(query):
    refused(get(f"/b/k?{query}", "/b/k"), MultipleMechanisms)


def test_a_lone_expires_beside_a_header_is_a_parameter_like_others():
    assert proven(get("/b/k?Expires=1", "/b/k")).unsigned_query == ("Expires",)


@pytest.mark.parametrize("value", ["Bearer x", "AWS ak:sig", "AWS4-HMAC-SHA256 x"])
def test_an_authorization_beside_the_query(value):
    text = f"GET\n\n\n{EXPIRES}\n/b/k"
    request = v2_presigned("GET", "/b/k", text, headers=(("Authorization", value),))
    refused(request, MultipleMechanisms)


def test_two_authorization_headers():
    request = get("/b/k", "/b/k")
    refused(dataclasses.replace(request, headers=(*request.headers, request.headers[-1])), MultipleMechanisms)


def test_presigned_parameters_that_stand_for_headers():
    text = f"PUT\n\n\n{EXPIRES}\nx-amz-acl:private\nx-amz-meta-a:b c\nx-amz-security-token:t\n/b/k"
    query = "x-amz-acl=private&X-Amz-Meta-A=b%20c+&x-amz-security-token=t"
    claim = proven(v2_presigned("PUT", "/b/k", text, query=query))
    assert claim.unsigned_query == ()
    assert claim.token == "t"
    same = (("x-amz-acl", "private"),)
    proven(v2_presigned("PUT", "/b/k", text, query=query, headers=same))
    other = (("x-amz-acl", "public-read"),)
    refused(v2_presigned("PUT", "/b/k", text, query=query, headers=other), DuplicateParameter)


def test_presigned_parameters_that_stand_for_headers_are_checked():
    text = f"PUT\n\n\n{EXPIRES}\nx-amz-meta-a:1\nx-amz-meta-b:2\n/b/k"
    split = "x-amz-meta-a=1%0Ax-amz-meta-b:2"
    refused(v2_presigned("PUT", "/b/k", text, query=split), MalformedParameters)
    refused(v2_presigned("PUT", "/b/k", text, query="x-amz-meta-a=1&X-Amz-Meta-A=2"), DuplicateParameter)
    bare = f"PUT\n\n\n{EXPIRES}\n/b/k"
    with pytest.raises(SignatureMismatch):
        proven(v2_presigned("PUT", "/b/k", bare, tail="&x-amz-acl=public-read"))
    assert proven(v2_presigned("PUT", "/b/k", bare, query="x-amz-é=1")).unsigned_query == ("x-amz-é",)


def test_such_parameters_beside_a_header_are_not_signed():
    assert proven(get("/b/k?x-amz-acl=public-read", "/b/k")).unsigned_query == ("x-amz-acl",)


def test_a_session_token_is_reported():
    text = f"GET\n\n\n{DATE}\nx-amz-security-token:t\n/b/k"
    headers = (*DATED, ("X-Amz-Security-Token", "t"))
    assert proven(v2_header("GET", "/b/k", text, headers=headers)).token == "t"
    text = f"GET\n\n\n{EXPIRES}\nx-amz-security-token:t\n/b/k"
    headers = (("X-Amz-Security-Token", "t"),)
    assert proven(v2_presigned("GET", "/b/k", text, headers=headers)).token == "t"


def test_a_mismatch_says_what_was_signed_and_never_the_signature():
    headers = (*DATED, ("X-Amz-Security-Token", "hush"))
    claim = SCHEME.read(get("/b/k", "/other", headers=headers))
    with pytest.raises(SignatureMismatch) as caught:
        SCHEME.prove(claim, SECRET)
    detail = caught.value.detail
    assert detail == {
        "string_to_sign": f"GET\n\n\n{DATE}\nx-amz-security-token:(concealed)\n/b/k",
        "signature_provided": claim.signature,
    }
    assert signature(SECRET, claim.strings_to_sign[0]) not in repr(detail)


@pytest.mark.parametrize("made", ["", "é", "x", "="])
def test_signatures_that_are_none(made):
    claim = SCHEME.read(get("/b", "/b")).changed(signature=made)
    with pytest.raises(SignatureMismatch):
        SCHEME.prove(claim, SECRET)
    with pytest.raises(SignatureMismatch):
        SCHEME.prove(claim, Secret("\udc80"))


def test_a_post_policy_is_no_string_to_sign():
    """The signature of a form's policy must not pass for that of a request, whatever the request."""
    policy = "eyJleHBpcmF0aW9uIjogIjIwMDcifQ=="
    for request in (get("/b/k", "/b/k"), get("/", "/")):
        value = f"AWS {ACCESS_KEY}:{v2_signature(policy)}"
        headers = (*request.headers[:-1], ("Authorization", value))
        with pytest.raises(SignatureMismatch):
            proven(dataclasses.replace(request, headers=headers))
