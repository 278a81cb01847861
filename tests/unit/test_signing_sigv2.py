"""Signature V2 of the Query APIs: what it says, what proves it, and which versions and spellings it refuses."""

import dataclasses
import re

import pytest

from authsvc import signing
from authsvc.errors import (
    DuplicateParameter,
    Malformed,
    MalformedParameters,
    MissingParameter,
    MultipleMechanisms,
    ObsoleteVersion,
    SignatureMismatch,
    Unsigned,
    UnsignedHeaders,
)
from authsvc.model import Secret
from authsvc.signing import SignedRequest
from authsvc.signing.cloudstack import CloudStack
from authsvc.signing.s3v2 import S3V2
from authsvc.signing.sigv2 import SigV2, signature
from authsvc.signing.sigv4 import SigV4
from tests import claims
from tests.signers import ACCESS_KEY, SECRET_KEY, query_api, v4_header

SECRET = Secret(SECRET_KEY)
SCHEME = SigV2()
SCHEMES = (SigV4(), S3V2(), SCHEME, CloudStack())


def proven(request):
    claim = signing.read(SCHEMES, request)
    SCHEME.prove(claim, SECRET)
    return claim


def refused(request, kind):
    error = claims.refused(SCHEMES, request, kind)
    assert error.scheme in {None, "sigv2"}
    return error


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_a_claim_says(method):
    claim = proven(query_api(method))
    assert (claim.scheme, claim.access_key, claim.algorithm) == ("sigv2", ACCESS_KEY, "HmacSHA256")
    assert (claim.signed_at, claim.expires_at, claim.presigned) == (1369353600.0, None, False)
    assert (claim.signed_headers, claim.unsigned_query) == (("host",), ())
    assert (claim.payload, claim.scope, claim.token, claim.canonical_request) == ("none", None, None, None)


def test_an_end_in_place_of_a_time():
    claim = proven(query_api(without=["Timestamp"], Expires="2013-05-24T01:00:00.5Z"))
    assert (claim.signed_at, claim.expires_at, claim.presigned) == (None, 1369357200.5, True)


def test_the_older_digest_is_told_by_its_name():
    assert proven(query_api(digest="sha1")).algorithm == "HmacSHA1"
    request = query_api(digest="sha1")
    other = dataclasses.replace(request, target=request.target.replace("HmacSHA1", "HmacSHA256"))
    with pytest.raises(SignatureMismatch):
        proven(other)


def test_a_session_token_is_reported():
    assert proven(query_api(SecurityToken="a/token+==")).token == "a/token+=="


@pytest.mark.parametrize("path", ["/", "/services/Cloud/", "/a%20b", "/a//b/../c"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_path_is_signed_as_it_is_sent(method, path):
    request = query_api(method, path)
    proven(request)
    other = dataclasses.replace(request, target=request.target.replace(path, path + "x", 1))
    with pytest.raises(SignatureMismatch):
        proven(other)


AWKWARD = {
    "Filter.1.Value": "a b+c~d*e/é\U0001f600",
    "Filter": "",
    "Filter.1": "x",
    "Filter-1": "=&;",
    "Filter 1": "y",
    "Filter[1]": "z",
    "filter": "%2F",
    "é": "1",
}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_awkward_names_and_values(method):
    """Names are sorted before they are encoded: an encoded ``[`` or space sorts elsewhere than a plain one."""
    proven(query_api(method, **AWKWARD))


def test_a_plus_is_a_space():
    request = query_api(Note="a b")
    proven(dataclasses.replace(request, target=request.target.replace("a%20b", "a+b")))


@pytest.mark.parametrize(
    ("sent", "signed"),
    [
        ("ec2.example.com", "ec2.example.com"),
        ("EC2.Example.com:8773", "ec2.example.com:8773"),
        ("EC2.Example.com:8773", "ec2.example.com"),
        ("EC2.Example.com:8773", "EC2.Example.com:8773"),
        ("[2001:DB8::1]:8773", "[2001:db8::1]"),
        ("[2001:db8::1]:8773", "[2001:db8::1]:8773"),
    ],
)
def test_hosts_that_clients_sign(sent, signed):
    proven(query_api(host=sent, signed_host=signed))


@pytest.mark.parametrize(
    ("sent", "signed"),
    [
        ("ec2.example.com", "ec2.example.com:8773"),
        ("ec2.example.com:8773", "ec2.example.com:8774"),
        ("evil.example.com", "ec2.example.com"),
        ("[2001:db8::1]", "[2001:db8:"),
    ],
)
def test_hosts_that_nobody_signed(sent, signed):
    with pytest.raises(SignatureMismatch):
        proven(query_api(host=sent, signed_host=signed))


def test_no_host_and_two_hosts():
    error = refused(query_api(host=""), UnsignedHeaders)
    assert error.detail == {"headers_not_signed": ["host"]}
    request = query_api()
    refused(dataclasses.replace(request, headers=request.headers * 2), DuplicateParameter)


@pytest.mark.parametrize("version", ["0", "1"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_older_versions_are_refused_by_name(version, method):
    error = refused(query_api(method, SignatureVersion=version), ObsoleteVersion)
    assert error.message.startswith(f"SignatureVersion {version} can be forged")
    assert error.access_key == ACCESS_KEY


def test_version_0_names_no_version():
    refused(query_api(without=["SignatureVersion", "SignatureMethod"]), ObsoleteVersion)


@pytest.mark.parametrize("version", ["3", "4", "02", "2 ", "٢", ""])
def test_versions_nobody_knows(version):
    error = refused(query_api(SignatureVersion=version), MalformedParameters)
    assert error.detail == {"argument_name": "SignatureVersion"}


@pytest.mark.parametrize("name", ["SignatureMethod", "Timestamp"])
def test_a_parameter_that_is_missing(name):
    for request in (query_api(without=[name]), query_api(**{name: ""})):
        error = refused(request, MissingParameter)
        assert error.message == f"The request must contain the parameter {name}"
        assert error.detail == {"argument_name": name}
        assert error.access_key == ACCESS_KEY


def test_a_signature_that_is_missing():
    request = query_api()
    target = re.sub(r"&Signature=[^&]*", "", request.target)
    assert refused(dataclasses.replace(request, target=target), MissingParameter)
    raw = request.target.replace("%2B", "+").replace("&Signature=", "&Signature=+")
    assert "%2B" in refused(dataclasses.replace(request, target=raw), MalformedParameters).message


@pytest.mark.parametrize("method", ["HmacSHA512", "HmacMD5", "hmacsha256", "none", "HmacSHA256 "])
def test_digests_nobody_signs_with(method):
    error = refused(query_api(SignatureMethod=method), MalformedParameters)
    assert error.detail == {"argument_name": "SignatureMethod"}


@pytest.mark.parametrize("name", ["Timestamp", "Expires"])
@pytest.mark.parametrize(
    "text",
    ["yesterday", "1369353600", "20130524T000000Z", "2013-05-24", "2013-02-30T00:00:00Z", "2013-05-24 00:00:00Z",
     "2013-05-24T00:00:00+0000", "2013-05-24T24:00:00Z", "٢013-05-24T00:00:00Z", "2013-05-24T00:00:00.Z",
     "1950-01-01T00:00:00Z", "9" * 400, "nan"],
)  # fmt: skip
def test_times_that_are_none(name, text):
    without = {"Timestamp", "Expires"} - {name}
    error = refused(query_api(without=without, **{name: text}), MalformedParameters)
    assert error.detail == {"argument_name": name}


def test_a_time_without_a_zone_is_utc():
    assert proven(query_api(Timestamp="2013-05-24T00:00:00")).signed_at == 1369353600.0
    assert proven(query_api(Timestamp="2013-05-24T00:00:00.250Z")).signed_at == 1369353600.25


def test_a_time_and_an_end():
    error = refused(query_api(Expires="2013-05-24T01:00:00Z"), DuplicateParameter)
    assert error.message == "the parameter Timestamp cannot be used together with the parameter Expires"


@pytest.mark.parametrize("key", ["", "a b", "é", "k" * 257])
def test_keys_that_are_none(key):
    refused(query_api(AWSAccessKeyId=key), MalformedParameters)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "extra",
    [
        "&Action=TerminateInstances",
        "&action=TerminateInstances",
        "&AWSAccessKeyId=B",
        "&awsaccesskeyid=B",
        "&Signature=x",
        "&%53ignature=x",
        "&timestamp=x",
        "&Version=2010-08-31",
    ],
)
def test_a_name_given_twice(method, extra):
    refused(query_api(method, extra=extra), DuplicateParameter)


def test_a_name_given_in_the_query_and_in_the_form():
    request = query_api("POST")
    refused(dataclasses.replace(request, target="/?Action=TerminateInstances"), DuplicateParameter)


def test_a_parameter_put_on_afterwards():
    for method in ("GET", "POST"):
        with pytest.raises(SignatureMismatch):
            proven(query_api(method, extra="&Force=true"))
    with pytest.raises(SignatureMismatch):
        proven(dataclasses.replace(query_api("POST"), target="/?Force=true"))


@pytest.mark.parametrize("extra", ["&a=%FF", "&%FF=a", "&é=1"])
def test_what_is_no_text(extra):
    refused(query_api(extra=extra), MalformedParameters)
    if "é" not in extra:
        refused(query_api("POST", extra=extra), MalformedParameters)
        refused(query_api("POST", extra="&a=%4"), MalformedParameters)


def test_a_form_that_is_not_posted():
    refused(dataclasses.replace(query_api("POST"), method="PUT"), MalformedParameters)


def test_another_method_and_another_secret():
    request = query_api()
    for method in ("HEAD", "get"):
        with pytest.raises(SignatureMismatch):
            proven(dataclasses.replace(request, method=method))
    for secret in (Secret("x"), Secret(""), Secret("\udc80")):
        with pytest.raises(SignatureMismatch):
            SCHEME.prove(SCHEME.read(request), secret)


@pytest.mark.parametrize(
    "target",
    ["/?Action=X&AWSAccessKeyId=ak&Signature=s", "/?%41ction=X&%41WSAccessKeyId=ak",
     "/b/k?AWSAccessKeyId=ak&Signature=s&Expires=1&Signature%56ersion=2"],
)  # fmt: skip
def test_requests_it_recognises(target):
    request = SignedRequest(method="GET", target=target, headers=())
    assert [scheme.name for scheme in SCHEMES if scheme.recognises(request)] == ["sigv2"]


@pytest.mark.parametrize(
    "target",
    ["/", "/?Action=X", "/?Action=X&SignatureVersion=2&Signature=x", "/b/k?AWSAccessKeyId=ak&Signature=s&Expires=1",
     "/?awsaccesskeyid=ak&SignatureVersion=2", "/client/api?apiKey=k&signature=s&signatureVersion=3"],
)  # fmt: skip
def test_requests_it_leaves_alone(target):
    assert not SCHEME.recognises(SignedRequest(method="GET", target=target, headers=()))


def test_without_a_mark_nothing_is_signed():
    refused(SignedRequest(method="GET", target="/?Action=X", headers=()), Unsigned)


def test_two_signatures():
    request = query_api()
    for value in ("Bearer x", v4_header().header("authorization"), "AWS ak:c2ln"):
        both = dataclasses.replace(request, headers=(*request.headers, ("Authorization", value)))
        with pytest.raises(MultipleMechanisms):
            signing.read(SCHEMES, both)


def test_a_mismatch_says_what_was_signed_and_never_the_signature():
    claim = SCHEME.read(query_api(SecurityToken="hush", MasterUserPassword="hush", extra="&a=1"))
    with pytest.raises(SignatureMismatch) as caught:
        SCHEME.prove(claim, SECRET)
    detail = caught.value.detail
    assert set(detail) == {"string_to_sign", "signature_provided"}
    assert "SecurityToken=(concealed)&" in detail["string_to_sign"]
    assert "hush" not in repr(detail)
    assert signature(SECRET, claim.strings_to_sign[0]) not in repr(detail)


def test_reading_refuses_a_claim_of_another_digest():
    claim = SCHEME.read(query_api()).changed(algorithm=None)
    with pytest.raises(SignatureMismatch):
        SCHEME.prove(claim, SECRET)
    assert issubclass(ObsoleteVersion, Malformed)


def test_a_session_token_that_is_not_signed():
    request = query_api()
    headers = (*request.headers, ("X-Amz-Security-Token", "t"))
    error = refused(dataclasses.replace(request, headers=headers), UnsignedHeaders)
    assert error.detail == {"headers_not_signed": ["x-amz-security-token"]}
