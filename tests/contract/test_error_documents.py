"""What each refusal looks like to the client that signed: code, status, message and fields, scheme by scheme."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import time
from datetime import UTC, datetime

import pytest

from authsvc.directory.memory import MemoryDirectory
from authsvc.model import Secret
from tests.signers import (
    ACCESS_KEY,
    EMPTY,
    SECRET_KEY,
    query_api,
    v2_header,
    v2_presigned,
    v4_form,
    v4_header,
    v4_presigned,
)
from tests.standins import AUTHORIZED, SystemClock, World, credential

S3 = {"service": "s3", "region": "us-east-1"}
EC2 = {"service": "ec2"}
CHUNKED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


@pytest.fixture
async def client():
    world = World()
    signer = dataclasses.replace(credential(ACCESS_KEY, name="erin"), verifier=Secret(SECRET_KEY))
    off = dataclasses.replace(credential("OFFKEY", name="bob"), verifier=Secret(SECRET_KEY))
    off = dataclasses.replace(
        off,
        principal=dataclasses.replace(
            off.principal, key=dataclasses.replace(off.principal.key, allowed=False)
        ),
    )
    world.directory = MemoryDirectory(SystemClock(), (signer, off))
    async with world.client(headers=AUTHORIZED) as client:
        yield client


def stamp(ahead=0.0):
    return datetime.fromtimestamp(time.time() + ahead, UTC).strftime("%Y%m%dT%H%M%SZ")


def iso(ahead=0.0):
    return datetime.fromtimestamp(time.time() + ahead, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def http(ahead=0.0):
    return datetime.fromtimestamp(time.time() + ahead, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


def scope(ahead=0.0, *, region="us-east-1", service="s3", terminator="aws4_request"):
    return f"{stamp(ahead)[:8]}/{region}/{service}/{terminator}"


def header(method="GET", target="/bucket/key", *, ahead=0.0, **rest):
    return v4_header(method, target, **{"stamp": stamp(ahead), "scope": scope(ahead)} | rest)


def presigned(*, ahead=0.0, **rest):
    return v4_presigned(**{"stamp": stamp(ahead), "scope": scope(ahead)} | rest)


def with_authorization(value, **rest):
    request = header(**rest)
    return dataclasses.replace(request, headers=(*request.headers[:-1], ("Authorization", value)))


def replaced(request, name, value):
    headers = tuple((one, value if one.lower() == name else old) for one, old in request.headers)
    return dataclasses.replace(request, headers=headers)


def beside(request, name, value):
    return dataclasses.replace(request, headers=(*request.headers, (name, value)))


def credential_of(text):
    return with_authorization(f"AWS4-HMAC-SHA256 Credential={text}, SignedHeaders=host, Signature={EMPTY}")


async def told(client, request, expect=None):
    """Ask the native face about a request; return the refusal and everything the answer says besides."""
    question = {
        "method": request.method,
        "target": request.target,
        "headers": [list(pair) for pair in request.headers],
        "body": None if request.body is None else base64.b64encode(request.body).decode(),
        "body_sha256": request.body_sha256,
        "bucket": request.bucket,
        "expect": expect,
    }
    response = await client.post("/v1/verify", json=question)
    assert response.status == 200, await response.text()
    answer = await response.json()
    assert not answer["authenticated"]
    return answer["error"]


V4_ROWS = {
    "no date": (
        lambda: header(date=""),
        (403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header"),
        set(),
    ),
    "a date that is none": (
        lambda: replaced(header(), "x-amz-date", "yesterday"),
        (403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header"),
        set(),
    ),
    "skew": (
        lambda: header(ahead=-901),
        (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
        {"request_time", "server_time", "max_allowed_skew_milliseconds"},
    ),
    "a header without a space": (
        lambda: with_authorization("AWS4-HMAC-SHA256"),
        (400, "InvalidArgument", "Authorization header is invalid -- one and only one ' ' (space) required."),
        {"argument_name"},
    ),
    "an unknown type": (
        lambda: with_authorization("Bearer x"),
        (400, "InvalidArgument", "Unsupported Authorization Type"),
        {"argument_name"},
    ),
    "a missing component": (
        lambda: with_authorization("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host"),
        (400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the authorization header requires three"),
        set(),
    ),
    "a malformed credential": (
        lambda: credential_of("a/b"),
        (400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the Credential is mal-formed; expecting"),
        set(),
    ),
    "a malformed date in the scope": (
        lambda: credential_of("a/2013-5-24/us-east-1/s3/aws4_request"),
        (400, "AuthorizationHeaderMalformed", 'The authorization header is malformed; incorrect date format "2013-5-24"'),
        set(),
    ),
    "another terminator": (
        lambda: credential_of(f"a/{scope(terminator='aws5_request')}"),
        (400, "AuthorizationHeaderMalformed", 'The authorization header is malformed; incorrect terminal "aws5_request"'),
        set(),
    ),
    "another day in the scope": (
        lambda: header(scope=scope(-86400 * 2)),
        (400, "AuthorizationHeaderMalformed", "The authorization header is malformed; Invalid credential date."),
        set(),
    ),
    "another region": (
        lambda: header(scope=scope(region="eu-1")),
        (400, "AuthorizationHeaderMalformed", "the credential scope is malformed; the region 'eu-1' is wrong"),
        {"region"},
    ),
    "another service": (
        lambda: header(scope=scope(service="ec2")),
        (400, "AuthorizationHeaderMalformed", "the credential scope is malformed; the service 'ec2' is wrong"),
        {"service"},
    ),
    "an unknown key": (
        lambda: header(access_key="NOBODY"),
        (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
        {"aws_access_key_id"},
    ),
    "an unsigned header": (
        lambda: header(unsigned_headers=[("X-Amz-Acl", "public-read")]),
        (403, "AccessDenied", "There were headers present in the request which were not signed"),
        {"headers_not_signed"},
    ),
    "an unsigned host": (
        lambda: header(signed="x-amz-content-sha256;x-amz-date"),
        (403, "AccessDenied", "There were headers present in the request which were not signed"),
        {"headers_not_signed"},
    ),
    "a wrong signature": (
        lambda: dataclasses.replace(header(), method="HEAD"),
        (403, "SignatureDoesNotMatch", "The request signature we calculated does not match"),
        {"string_to_sign", "string_to_sign_bytes", "canonical_request", "canonical_request_bytes", "signature_provided"},
    ),
    "another body": (
        lambda: dataclasses.replace(header("PUT"), body_sha256=hashlib.sha256(b"x").hexdigest()),
        (400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match"),
        {"client_computed_content_sha256", "s3_computed_content_sha256"},
    ),
    "no payload hash": (
        lambda: header(payload=None, line=EMPTY),
        (400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256"),
        set(),
    ),
    "a payload hash that is none": (
        lambda: header(payload="x"),
        (400, "InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD"),
        {"argument_name"},
    ),
    "a token nobody issued": (
        lambda: header(headers=[("X-Amz-Security-Token", "t")]),
        (400, "InvalidToken", "The provided token is malformed or otherwise invalid."),
        set(),
    ),
    "a token nobody signed": (
        lambda: header(unsigned_headers=[("X-Amz-Security-Token", "t")]),
        (403, "AccessDenied", "There were headers present in the request which were not signed"),
        {"headers_not_signed"},
    ),
    "two mechanisms": (
        lambda: beside(presigned(), "Authorization", "AWS4-HMAC-SHA256 x"),
        (400, "InvalidArgument", "Only one auth mechanism allowed"),
        set(),
    ),
    "two headers": (
        lambda: beside(header(), "Authorization", "AWS4-HMAC-SHA256 x"),
        (400, "InvalidArgument", "Only one auth mechanism allowed"),
        {"argument_name"},
    ),
    "a broken escape": (
        lambda: header(target="/bucket/%"),
        (400, "InvalidURI", "Couldn't parse the specified URI."),
        set(),
    ),
    "a key that is off": (
        lambda: header(access_key="OFFKEY"),
        (403, "AccountProblem", "There is a problem with your account"),
        {"reason"},
    ),
    "chunks without a length": (
        lambda: header("PUT", payload=CHUNKED),
        (411, "MissingContentLength", "You must provide the Content-Length HTTP header."),
        set(),
    ),
    "chunks where nothing is uploaded": (
        lambda: header(payload=CHUNKED, headers=[("X-Amz-Decoded-Content-Length", "0")]),
        (400, "InvalidRequest", "a payload in chunks is accepted for PutObject and UploadPart alone"),
        set(),
    ),
    "a trailer that is no checksum": (
        lambda: header(
            "PUT",
            payload=f"{CHUNKED}-TRAILER",
            headers=[("X-Amz-Decoded-Content-Length", "0"), ("X-Amz-Trailer", "x-amz-acl")],
        ),
        (400, "InvalidRequest", "The value specified in the x-amz-trailer header is not supported"),
        set(),
    ),
    "a payload that is cut": (
        lambda: header("PUT", payload=CHUNKED, headers=[("X-Amz-Decoded-Content-Length", "3")], body=b"3;chunk-sig"),
        (400, "IncompleteBody", "The request body terminated unexpectedly"),
        set(),
    ),
    "a small chunk that another one follows": (
        lambda: header(
            "PUT",
            payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            headers=[("X-Amz-Decoded-Content-Length", "6")],
            body=b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n",
        ),
        (400, "InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes"),
        {"chunk"},
    ),
    "a trailer nobody announced": (
        lambda: header(
            "PUT",
            payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            headers=[("X-Amz-Decoded-Content-Length", "3")],
            body=b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
        ),
        (400, "MalformedTrailerError", "The request contained trailing data that was not well-formed"),
        set(),
    ),
}  # fmt: skip
PRESIGNED_ROWS = {
    "a missing parameter": (
        lambda: presigned(expires=None),
        (400, "AuthorizationQueryParametersError", "Query-string authentication version 4 requires the X-Amz-Algorithm"),
        set(),
    ),
    "another algorithm": (
        lambda: presigned(algorithm="AWS4-HMAC-SHA512"),
        (400, "AuthorizationQueryParametersError", 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256'),
        set(),
    ),
    "a malformed credential": (
        lambda: presigned(scope="us-east-1/s3/aws4_request"),
        (400, "AuthorizationQueryParametersError", "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed"),
        set(),
    ),
    "a date that is none": (
        lambda: presigned(stamp="yesterday"),
        (400, "AuthorizationQueryParametersError", "X-Amz-Date must be in the ISO8601 Long Format"),
        set(),
    ),
    "another day in the scope": (
        lambda: presigned(scope=scope(-86400 * 2)),
        (400, "AuthorizationQueryParametersError", "Invalid credential date"),
        set(),
    ),
    "a lifetime of more than a week": (
        lambda: presigned(expires="604801"),
        (400, "AuthorizationQueryParametersError", "X-Amz-Expires must be less than a week (in seconds)"),
        set(),
    ),
    "a negative lifetime": (
        lambda: presigned(expires="-1"),
        (400, "AuthorizationQueryParametersError", "X-Amz-Expires must be non-negative"),
        set(),
    ),
    "a lifetime that is no number": (
        lambda: presigned(expires="600abc"),
        (400, "AuthorizationQueryParametersError", "X-Amz-Expires should be a number"),
        set(),
    ),
    "another region": (
        lambda: presigned(scope=scope(region="eu-1")),
        (400, "AuthorizationQueryParametersError", "the credential scope is malformed; the region 'eu-1' is wrong"),
        {"region"},
    ),
    "expired": (
        lambda: presigned(ahead=-601),
        (403, "AccessDenied", "Request has expired"),
        {"x_amz_expires", "expires", "server_time"},
    ),
    "not yet valid": (
        lambda: presigned(ahead=1000),
        (403, "AccessDenied", "Request is not yet valid"),
        {"server_time"},
    ),
    "a wrong signature": (
        lambda: presigned(tail="&x=1"),
        (403, "SignatureDoesNotMatch", "The request signature we calculated does not match"),
        {"string_to_sign", "string_to_sign_bytes", "canonical_request", "canonical_request_bytes", "signature_provided"},
    ),
    "an unsigned header": (
        lambda: presigned(unsigned_headers=[("X-Amz-Copy-Source", "/secret/k")]),
        (403, "AccessDenied", "There were headers present in the request which were not signed"),
        {"headers_not_signed"},
    ),
    "no signature at all": (
        lambda: dataclasses.replace(header(), headers=(("Host", "h"),)),
        (403, "AccessDenied", "the request carries no signature"),
        {"anonymous"},
    ),
}  # fmt: skip
V2_ROWS = {
    "no date": (
        lambda: v2_header("GET", "/b/k", ""),
        (403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header"),
        set(),
    ),
    "skew": (
        lambda: v2_header("GET", "/b/k", "", headers=[("Date", http(1000))]),
        (403, "RequestTimeTooSkewed", "The difference between the request time"),
        {"request_time", "server_time", "max_allowed_skew_milliseconds"},
    ),
    "a header that is none": (
        lambda: dataclasses.replace(header(), headers=(("Date", http()), ("Authorization", "AWS HAHAHA"))),
        (400, "InvalidArgument", "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature"),
        {"argument_name"},
    ),
    "a wrong signature": (
        lambda: v2_header("GET", "/b/k", "something else", headers=[("Date", http())]),
        (403, "SignatureDoesNotMatch", "The request signature we calculated does not match"),
        {"string_to_sign", "string_to_sign_bytes", "signature_provided"},
    ),
    "an unknown key": (
        lambda: v2_header("GET", "/b/k", "", headers=[("Date", http())], access_key="NOBODY"),
        (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist"),
        {"aws_access_key_id"},
    ),
    "expired": (
        lambda: v2_presigned("GET", "/b/k", "", expires="1175139620"),
        (403, "AccessDenied", "Request has expired"),
        {"expires", "server_time"},
    ),
    "a long life": (
        lambda: v2_presigned("GET", "/b/k", "", expires=str(int(time.time()) + 604900)),
        (403, "AccessDenied", "the request is valid for longer than is accepted here"),
        {"max_seconds"},
    ),
    "an end that is none": (
        lambda: v2_presigned("GET", "/b/k", "", expires="nan"),
        (403, "AccessDenied", "Invalid date (should be seconds since epoch)"),
        set(),
    ),
    "a token nobody issued": (
        lambda: v2_header("GET", "/b/k", "", headers=[("Date", http()), ("X-Amz-Security-Token", "t")]),
        (400, "InvalidToken", "The provided token is malformed"),
        set(),
    ),
}  # fmt: skip
FORM_ROWS = {
    "a missing field": (
        lambda: v4_form(stamp=stamp(), scope=scope(), without=["key"]),
        (400, "InvalidArgument", "Bucket POST must contain a field named 'key'.  If it is specified, please check"),
        {"argument_name"},
    ),
    "another region": (
        lambda: v4_form(stamp=stamp(), scope=scope(region="eu-1"), expiration=iso(600)),
        (400, "InvalidArgument", "the region 'eu-1' is wrong; expecting 'us-east-1'"),
        {"argument_name"},
    ),
    "another service": (
        lambda: v4_form(stamp=stamp(), scope=scope(service="ec2"), expiration=iso(600)),
        (400, "InvalidArgument", 'Error parsing the X-Amz-Credential parameter; incorrect service "ec2"'),
        {"argument_name"},
    ),
    "no form": (
        lambda: v4_form(boundary="b", cut=40),
        (403, "AccessDenied", "the request carries no signature"),
        {"anonymous"},
    ),
    "a form that is cut": (
        lambda: v4_form(file=None, cut=-20),
        (400, "MalformedPOSTRequest", "the form breaks off before its file"),
        set(),
    ),
    "a policy that is none": (
        lambda: v4_form(policy="e30="),
        (400, "InvalidPolicyDocument", "Invalid Policy: Policy missing expiration."),
        set(),
    ),
    "a condition that does not hold": (
        lambda: v4_form(stamp=stamp(), scope=scope(), expiration=iso(600), target="/other"),
        (403, "AccessDenied", 'Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "bucket"]'),
        set(),
    ),
    "a wrong signature": (
        lambda: v4_form(stamp=stamp(), scope=scope(), expiration=iso(600), fields=[("x-amz-signature", "0")], without=["x-amz-signature"], uncovered=[("X-Amz-Signature", "0")]),
        (403, "SignatureDoesNotMatch", "The request signature we calculated does not match"),
        {"string_to_sign", "string_to_sign_bytes", "signature_provided"},
    ),
    "too many bytes": (
        lambda: v4_form(stamp=stamp(), scope=scope(), expiration=iso(600),
                        conditions=[["starts-with", "$key", ""], ["content-length-range", 0, 3]]),
        (400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"),
        {"proposed_size", "max_size_allowed"},
    ),
    "too few bytes": (
        lambda: v4_form(stamp=stamp(), scope=scope(), expiration=iso(600),
                        conditions=[["starts-with", "$key", ""], ["content-length-range", 5, 9]]),
        (400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size"),
        {"proposed_size", "min_size_allowed"},
    ),
}  # fmt: skip
EC2_ROWS = {
    "no signature at all": (
        lambda: dataclasses.replace(header(), target="/?Action=X", headers=(("Host", "h"),)),
        (403, "MissingAuthenticationToken", "the request carries no signature"),
        {"anonymous"},
    ),
    "a missing component": (
        lambda: with_authorization("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host"),
        (400, "IncompleteSignature", "The authorization header is malformed;"),
        set(),
    ),
    "an unknown key": (
        lambda: query_api(Timestamp=iso(), AWSAccessKeyId="NOBODY"),
        (403, "InvalidClientTokenId", "The AWS Access Key Id you provided does not exist"),
        {"aws_access_key_id"},
    ),
    "a wrong signature": (
        lambda: query_api(Timestamp=iso(), extra="&x=1"),
        (403, "SignatureDoesNotMatch", "The request signature we calculated does not match"),
        {"string_to_sign", "signature_provided"},
    ),
    "a wrong signature of V4": (
        lambda: header("POST", "/", scope=scope(service="ec2"), payload=None, line=EMPTY, body=b"Action=X"),
        (403, "SignatureDoesNotMatch", "The request signature we calculated does not match"),
        {"string_to_sign", "canonical_request", "signature_provided"},
    ),
    "skew": (
        lambda: query_api(Timestamp=iso(-901)),
        (400, "RequestExpired", "The difference between the request time"),
        {"request_time", "server_time", "max_allowed_skew_milliseconds"},
    ),
    "expired": (
        lambda: query_api(without=["Timestamp"], Expires=iso(-1)),
        (400, "RequestExpired", "Request has expired"),
        {"expires", "server_time"},
    ),
    "a long life": (
        lambda: query_api(without=["Timestamp"], Expires=iso(604900)),
        (401, "AuthFailure", "the request is valid for longer than is accepted here"),
        {"max_seconds"},
    ),
    "a time that is none": (
        lambda: query_api(Timestamp="yesterday"),
        (400, "InvalidParameterValue", "Timestamp must be a time such as"),
        {"argument_name"},
    ),
    "a time and an end": (
        lambda: query_api(Timestamp=iso(), Expires=iso(60)),
        (400, "InvalidParameterCombination", "the parameter Timestamp cannot be used together with"),
        {"argument_name"},
    ),
    "a missing parameter": (
        lambda: query_api(without=["Timestamp"]),
        (400, "MissingParameter", "The request must contain the parameter Timestamp"),
        {"argument_name"},
    ),
    "version 1": (
        lambda: query_api(SignatureVersion="1"),
        (400, "InvalidParameterValue", "SignatureVersion 1 can be forged and is not accepted"),
        {"argument_name"},
    ),
    "a digest that is off": (
        lambda: query_api(Timestamp=iso(), digest="sha1"),
        (401, "AuthFailure", "HmacSHA1 is not accepted here"),
        set(),
    ),
    "a token nobody issued": (
        lambda: query_api(Timestamp=iso(), SecurityToken="t"),
        (403, "InvalidClientTokenId", "The provided token is malformed"),
        set(),
    ),
    "a token nobody signed": (
        lambda: beside(query_api(Timestamp=iso()), "X-Amz-Security-Token", "t"),
        (400, "IncompleteSignature", "There were headers present in the request which were not signed"),
        {"headers_not_signed"},
    ),
    "two mechanisms": (
        lambda: beside(query_api(Timestamp=iso()), "Authorization", "Bearer x"),
        (400, "InvalidParameterCombination", "Only one auth mechanism allowed"),
        set(),
    ),
    "a key that is off": (
        lambda: query_api(Timestamp=iso(), AWSAccessKeyId="OFFKEY"),
        (403, "AccountProblem", "There is a problem with your account"),
        {"reason"},
    ),
}  # fmt: skip
ROWS = [
    pytest.param(expect, *row, id=f"{table}: {name}")
    for table, expect, rows in (
        ("V4", S3, V4_ROWS),
        ("presigned", S3, PRESIGNED_ROWS),
        ("V2", S3, V2_ROWS),
        ("form", S3, FORM_ROWS),
        ("EC2", EC2, EC2_ROWS),
    )
    for name, row in rows.items()
]


@pytest.mark.parametrize(("expect", "request_", "said", "fields"), ROWS)
async def test_a_client_is_told_what_it_knows(*, client, expect, request_, said, fields):
    error = await told(client, request_(), expect)
    status, code, message = said
    assert (error["status"], error["code"]) == (status, code), error
    assert error["message"].startswith(message)
    assert set(error["detail"]) == fields
    assert SECRET_KEY not in repr(error)


async def test_the_fields_say_what_they_are_named_after(client):
    skewed = (await told(client, header(ahead=-901), S3))["detail"]
    assert skewed["max_allowed_skew_milliseconds"] == 900000
    assert skewed["request_time"] < skewed["server_time"]
    assert (await told(client, header(scope=scope(region="eu-1")), S3))["detail"]["region"] == "us-east-1"
    assert (await told(client, presigned(ahead=-601), S3))["detail"]["x_amz_expires"] == 600
    wrong = (await told(client, dataclasses.replace(header(), method="HEAD"), S3))["detail"]
    for name in ("string_to_sign", "canonical_request"):
        assert bytes.fromhex(wrong[f"{name}_bytes"]).decode() == wrong[name]
    other = dataclasses.replace(header("PUT"), body_sha256=hashlib.sha256(b"x").hexdigest())
    assert (await told(client, other, S3))["detail"] == {
        "client_computed_content_sha256": EMPTY,
        "s3_computed_content_sha256": other.body_sha256,
    }
