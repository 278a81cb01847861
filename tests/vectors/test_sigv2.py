"""Signature Version 2 of the Query APIs, stage by stage, against AWS's documentation and botocore's tests."""

import pytest

from authsvc.errors import SignatureMismatch
from authsvc.model import Secret
from authsvc.signing import SignedRequest
from authsvc.signing.sigv2 import SigV2, canonical_query, parameters, signature, string_to_sign

SCHEME = SigV2()

# "Signature Version 2 signing process": the request of Elastic MapReduce, whose Timestamp names no zone.
DOCUMENTED_SECRET = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
DOCUMENTED_QUERY = (
    "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Action=DescribeJobFlows&SignatureMethod=HmacSHA256&SignatureVersion=2"
    "&Timestamp=2011-10-03T15%3A19%3A30&Version=2009-03-31"
)
DOCUMENTED = SignedRequest(
    method="GET",
    target="/?Action=DescribeJobFlows&Version=2009-03-31&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&SignatureVersion=2"
    "&SignatureMethod=HmacSHA256&Timestamp=2011-10-03T15%3A19%3A30"
    "&Signature=i91nKc4PWAt0JJIdXwz9HxZCJDdiy6cf%2FMj6vPxyYIs%3D",
    headers=(("Host", "elasticmapreduce.amazonaws.com"),),
)

# botocore's tests/unit/auth/test_signers.py, which sign for a host that is empty.
BOTOCORE_SECRET = Secret("bar")
BOTOCORE_FORM = {
    "Foo": "\u2713",
    "AWSAccessKeyId": "foo",
    "SignatureVersion": "2",
    "SignatureMethod": "HmacSHA256",
    "Timestamp": "2014-06-20T08:40:23Z",
}


def test_the_documented_canonical_query():
    assert canonical_query(parameters(DOCUMENTED)) == DOCUMENTED_QUERY


def test_the_documented_string_to_sign():
    text = f"GET\nelasticmapreduce.amazonaws.com\n/\n{DOCUMENTED_QUERY}"
    assert SCHEME.read(DOCUMENTED).strings_to_sign == (text,)
    made = string_to_sign(
        method="GET", host="elasticmapreduce.amazonaws.com", path="/", query=DOCUMENTED_QUERY
    )
    assert made == text


def test_the_documented_signature():
    (text,) = SCHEME.read(DOCUMENTED).strings_to_sign
    assert signature(DOCUMENTED_SECRET, text) == "i91nKc4PWAt0JJIdXwz9HxZCJDdiy6cf/Mj6vPxyYIs="
    SCHEME.prove(SCHEME.read(DOCUMENTED), DOCUMENTED_SECRET)
    with pytest.raises(SignatureMismatch):
        SCHEME.prove(SCHEME.read(DOCUMENTED), BOTOCORE_SECRET)


@pytest.mark.parametrize(
    ("sent", "query", "made"),
    [
        ({"Foo": "\u2713"}, "Foo=%E2%9C%93", "VCtWuwaOL0yMffAT8W4y0AFW3W4KUykBqah9S40rB+Q="),
        (
            BOTOCORE_FORM,
            (
                "AWSAccessKeyId=foo&Foo=%E2%9C%93&SignatureMethod=HmacSHA256&SignatureVersion=2"
                "&Timestamp=2014-06-20T08%3A40%3A23Z"
            ),
            "Tiecw+t51tok4dTT8B4bg47zxHEM/KcD55f2/x6K22o=",
        ),
    ],
)
def test_the_stages_of_a_form(sent, query, made):
    assert canonical_query({**sent, "Signature": "x"}) == query
    text = string_to_sign(method="POST", host="", path="/", query=query)
    assert signature(BOTOCORE_SECRET, text) == made
