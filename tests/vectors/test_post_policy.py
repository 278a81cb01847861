"""Signed upload forms, stage by stage, against the examples of AWS's documentation."""

import base64

import pytest

from authsvc.errors import SignatureMismatch
from authsvc.model import Secret
from authsvc.signing import s3v2, sigv4
from authsvc.signing.postpolicy import read_policy
from authsvc.signing.s3v2post import S3V2Post
from authsvc.signing.sigv4post import SigV4Post
from tests.signers import posted

V4_SECRET = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
V2_SECRET = Secret("uV3F3YluFJax1cknvbcGwgjvx4QpvB+leU8dUj2o")

# "Browser-based upload using HTTP POST (using AWS Signature Version 4)"; its lines end in CR and LF.
V4_POLICY = """\
{ "expiration": "2015-12-30T12:00:00.000Z",
  "conditions": [
    {"bucket": "sigv4examplebucket"},
    ["starts-with", "$key", "user/user1/"],
    {"acl": "public-read"},
    {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},
    ["starts-with", "$Content-Type", "image/"],
    {"x-amz-meta-uuid": "14365123651274"},
    {"x-amz-server-side-encryption": "AES256"},
    ["starts-with", "$x-amz-meta-tag", ""],

    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},
    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
    {"x-amz-date": "20151229T000000Z" }
  ]
}""".replace("\n", "\r\n")
V4_SIGNATURE = "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"
V4_KEY = "cbcef1ebeaefc82cce6530b9f0a9ae598846065f5c5bae0674bd5ebc4ba52d28"
V4_FIELDS = [
    ("key", "user/user1/${filename}"),
    ("acl", "public-read"),
    ("success_action_redirect", "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"),
    ("Content-Type", "image/jpeg"),
    ("x-amz-meta-uuid", "14365123651274"),
    ("x-amz-server-side-encryption", "AES256"),
    ("X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"),
    ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
    ("X-Amz-Date", "20151229T000000Z"),
    ("x-amz-meta-tag", ""),
    ("Policy", base64.b64encode(V4_POLICY.encode()).decode()),
    ("X-Amz-Signature", V4_SIGNATURE),
]

# "Browser-based uploads using POST (AWS Signature Version 2)".
V2_POLICY = """\
{ "expiration": "2007-12-01T12:00:00.000Z",
  "conditions": [
    {"bucket": "johnsmith"},
    ["starts-with", "$key", "user/eric/"],
    {"acl": "public-read"},
    {"success_action_redirect": "http://johnsmith.s3.amazonaws.com/successful_upload.html"},
    ["starts-with", "$Content-Type", "image/"],
    {"x-amz-meta-uuid": "14365123651274"},
    ["starts-with", "$x-amz-meta-tag", ""]
  ]
}
"""
V2_SIGNATURE = "0RavWzkygo6QX9caELEqKi9kDbU="
V2_FIELDS = [
    ("key", "user/eric/MyPicture.jpg"),
    ("acl", "public-read"),
    ("success_action_redirect", "http://johnsmith.s3.amazonaws.com/successful_upload.html"),
    ("Content-Type", "image/jpeg"),
    ("x-amz-meta-uuid", "14365123651274"),
    ("x-amz-meta-tag", "Some,Tag,For,Picture"),
    ("AWSAccessKeyId", "AKIAIOSFODNN7EXAMPLE"),
    ("Policy", base64.b64encode(V2_POLICY.encode()).decode()),
    ("Signature", V2_SIGNATURE),
]
TAIL = b'--9431149156168\r\nContent-Disposition: form-data; name="submit"\r\n\r\nUpload to Amazon S3\r\n'
FORMS = {
    "v4": (SigV4Post(), V4_SECRET, posted(V4_FIELDS, target="/", bucket="sigv4examplebucket", tail=TAIL)),
    "v2": (S3V2Post(), V2_SECRET, posted(V2_FIELDS, target="/johnsmith", tail=TAIL)),
}


@pytest.fixture(params=FORMS)
def example(request):
    return FORMS[request.param]


def test_the_policy():
    policy = read_policy(dict(V4_FIELDS)["Policy"])
    assert policy.expires_at == 1451476800.0
    assert policy.length_range is None
    assert [(one.operator, one.field, one.value) for one in policy.conditions[:3]] == [
        ("eq", "bucket", "sigv4examplebucket"),
        ("starts-with", "key", "user/user1/"),
        ("eq", "acl", "public-read"),
    ]
    assert len(policy.conditions) == 11


def test_the_string_to_sign_is_the_policy_as_sent(example):
    scheme, _, request = example
    (text,) = scheme.read(request).strings_to_sign
    assert base64.b64decode(text).decode() in {V4_POLICY, V2_POLICY}


def test_each_signature():
    claim = SigV4Post().read(FORMS["v4"][-1])
    key = sigv4.signing_key(V4_SECRET, claim.scope)
    assert key.hex() == V4_KEY
    assert sigv4.signature(key, claim.strings_to_sign[0]) == V4_SIGNATURE
    (text,) = S3V2Post().read(FORMS["v2"][-1]).strings_to_sign
    assert s3v2.signature(V2_SECRET, text) == V2_SIGNATURE


def test_the_form_is_proven_and_agrees_with_its_policy(example):
    scheme, secret, request = example
    claim = scheme.read(request)
    scheme.prove(claim, secret)
    assert claim.objection is None
    with pytest.raises(SignatureMismatch):
        scheme.prove(claim, Secret("x"))


def test_what_the_form_asks_for():
    upload = SigV4Post().read(FORMS["v4"][-1]).upload
    assert (upload.bucket, upload.key) == ("sigv4examplebucket", "user/user1/file.txt")
    assert (upload.length_range, upload.size) == (None, 4)
