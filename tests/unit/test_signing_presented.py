"""A string to sign without its request: what is read, and everything else that is not."""

from __future__ import annotations

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.errors import Malformed, MissingDate, SignatureMismatch, UnknownString
from authsvc.model import Secret
from authsvc.signing import Scope, presented, prove
from authsvc.signing.s3v2 import S3V2
from authsvc.signing.sigv4 import SigV4

HASH = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
V4 = f"AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/s3/aws4_request\n{HASH}"
PUPPY = (
    "GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/awsexamplebucket1/photos/puppy.jpg"  # AWS, RESTAuthentication
)
PUPPY_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def read(text, signature="s"):
    return presented.read(access_key="AK", text=text, signature=signature)


def test_a_v4_string_says_when_and_for_what():
    claim = read(V4)
    assert (claim.scheme, claim.access_key, claim.presented) == ("sigv4", "AK", True)
    assert claim.signed_at == 1440938160
    assert claim.expires_at is None
    assert claim.scope == Scope(date="20150830", region="us-east-1", service="s3")
    assert claim.strings_to_sign == (V4,)


def test_a_v2_string_says_when():
    claim = read(PUPPY)
    assert (claim.scheme, claim.signed_at, claim.presigned) == ("s3v2", 1175024202, False)


def test_the_published_example_of_v2_is_proven():
    claim = read(PUPPY, "qgk2+6Sv9/oM7G3qLEjTH1a1l1g=")
    prove((SigV4(), S3V2()), claim, Secret(PUPPY_SECRET))
    with pytest.raises(SignatureMismatch):
        prove((SigV4(), S3V2()), read(PUPPY, "Qgk2+6Sv9/oM7G3qLEjTH1a1l1g="), Secret(PUPPY_SECRET))


@pytest.mark.parametrize(
    ("text", "signed_at", "expires_at"),
    [
        ("PUT\n\n\n1175139620\n/b/k", None, 1175139620),
        ("PUT\n\n\n\nx-amz-date:Tue, 27 Mar 2007 21:20:26 +0000\n/b/k", 1175030426, None),
        (
            "PUT\nmd5\ntype\n\nx-amz-acl:private\nx-amz-date:20070327T212026Z\nx-amz-meta-a:b:c\n/b/k",
            1175030426,
            None,
        ),
        ("PUT\n\n\n\n/b/k", None, None),
        ("PUT\n\n\n\nx-amz-date:\n/b/k", None, None),
        ("PUT\n\n\n\nx-amz-meta-a:a\x85b\u2028c\n/b/k", None, None),
    ],
)
def test_the_time_of_a_v2_string_is_reported_wherever_it_stands(text, signed_at, expires_at):
    claim = read(text)
    assert (claim.signed_at, claim.expires_at) == (signed_at, expires_at)
    assert claim.presigned == (expires_at is not None)


def test_a_session_token_in_a_v2_string_is_reported():
    assert read("PUT\n\n\n\nx-amz-security-token:abc\n/b/k").token == "abc"
    assert read(PUPPY).token is None


POLICY = base64.b64encode(
    json.dumps({"expiration": "2030-01-01T00:00:00Z", "conditions": []}).encode()
).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        POLICY,
        POLICY + "\n\n\n\n/",
        V4 + "\n",
        V4 + "0",
        V4.replace("SHA256", "SHA1"),
        V4.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256-PAYLOAD") + f"\n{HASH}\n{HASH}",
        V4.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        V4.replace("\n", "\r\n"),
        V4.replace("aws4_request", "aws5_request"),
        V4.replace("/s3/", "/s3/x/"),
        V4.replace("/us-east-1/", "//"),
        V4.replace("20150830/", "20150831/"),
        V4.replace("20150830", "20150230"),
        V4.replace("20150830", "２０１５０８３０"),
        V4.replace("T123600Z", "T253600Z"),
        V4.replace(HASH, HASH.upper()),
        V4.replace(HASH, HASH[1:]),
        "GET\n\n\n/b/k",
        "get\n\n\n\n/b/k",
        "GET \n\n\n\n/b/k",
        "GET\n\n\n\nb/k",
        "GET\n\n\n\nx-goog-acl:private\n/b/k",
        "GET\n\n\n\nx-amz-acl\n/b/k",
        "GET\n\n\n\n/b/k\n",
        "GET\nec2.amazonaws.com\n/\nAWSAccessKeyId=AK&Action=DescribeInstances",
        "apikey=ak&command=listzones",
    ],
)
def test_nothing_else_that_can_be_signed_passes_for_a_request(text):
    with pytest.raises(UnknownString):
        read(text)


@pytest.mark.parametrize(
    "date", ["yesterday", "2147483648", "99999999999", "-5", "1e9", "Tue, 31 Feb 2007 19:36:42 GMT"]
)
def test_a_date_that_cannot_be_read_is_said_so(date):
    with pytest.raises(MissingDate):
        read(f"GET\n\n\n{date}\n/b/k")


@given(st.binary(max_size=300))
def test_either_alphabet_gives_back_the_bytes(raw):
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert presented.decode(encode(raw).decode()).encode("utf-8", "surrogateescape") == raw


@pytest.mark.parametrize(
    "token",
    [
        "YQ",
        "YQ=",
        "YQ===",
        "YQ==YQ==",
        "YR==",  # bits beyond the last byte
        " YQ==",
        "YQ==\n",
        "Y Q==",
        "+_8=",  # both alphabets
        "%2B8=",
        "=",
        "é",
        "\udc80",
    ],
)
def test_base64_is_read_strictly(token):
    with pytest.raises(Malformed) as caught:
        presented.decode(token)
    assert caught.value.detail["field"] == "token"


@given(st.text())
def test_any_text_is_read_or_refused_by_name(text):
    for shape in (text, f"AWS4{text}", f"GET\n{text}", f"GET\n\n\n{text}\nx-amz-date:{text}\n/{text}"):
        with contextlib.suppress(Malformed):
            read(shape)


@given(st.binary(max_size=60).filter(lambda raw: b"\n" not in raw))
def test_bytes_that_are_no_utf8_sign_as_the_bytes_they_were(raw):
    import hashlib
    import hmac

    string = b"GET\n\n\n\nx-amz-meta-name:" + raw + b"\n/b/k"
    made = base64.b64encode(hmac.digest(b"secret", string, hashlib.sha1)).decode()
    claim = read(presented.decode(base64.b64encode(string).decode()), made)
    prove((S3V2(),), claim, Secret("secret"))


EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
CHUNK = (
    f"AWS4-HMAC-SHA256-PAYLOAD\n20150830T123600Z\n20150830/us-east-1/s3/aws4_request\n{HASH}\n{EMPTY}\n{HASH}"
)


def test_a_chunk_is_read_only_where_chunks_are_asked_about():
    with pytest.raises(UnknownString):
        read(CHUNK)
    claim = presented.read(access_key="AK", text=CHUNK, signature="s", chunks=True)
    assert (claim.scheme, claim.signed_at, claim.presented) == ("sigv4", 1440938160, True)
    assert claim.scope == Scope(date="20150830", region="us-east-1", service="s3")


@pytest.mark.parametrize(
    "text",
    [
        CHUNK.replace(EMPTY, HASH),
        CHUNK.replace("-PAYLOAD", "-TRAILER"),
        CHUNK.replace("20150830/", "20150831/"),
        CHUNK + "\n",
        CHUNK.rpartition("\n")[0],
    ],
)
def test_what_is_no_chunk_is_not_read_as_one(text):
    with pytest.raises(UnknownString):
        presented.read(access_key="AK", text=text, signature="s", chunks=True)
