"""A signature counts where it was made for: this region, this service, this day."""

from __future__ import annotations

import pytest

from tests.attacks.rows import called
from tests.signers import ACCESS_KEY, EMPTY, v4_header, v4_presigned

HERE = {"expect": {"service": "s3", "region": "us-east-1"}}
SCOPES = {
    "region-other": "20130524/us-west-2/s3/aws4_request",
    "region-in-capitals": "20130524/US-EAST-1/s3/aws4_request",
    "region-star": "20130524/*/s3/aws4_request",
    "region-prefix": "20130524/us-east-1a/s3/aws4_request",
    "service-ec2": "20130524/us-east-1/ec2/aws4_request",
    "service-sts": "20130524/us-east-1/sts/aws4_request",
    "service-in-capitals": "20130524/us-east-1/S3/aws4_request",
    "service-other-s3": "20130524/us-east-1/s3-outposts/aws4_request",
}
MALFORMED = {
    "aws5_request": "20130524/us-east-1/s3/aws5_request",
    "terminator-in-capitals": "20130524/us-east-1/s3/AWS4_REQUEST",
    "terminator-twice": "20130524/us-east-1/s3/aws4_request/aws4_request",
    "no-region": "20130524/s3/aws4_request",
    "empty-region": "20130524//s3/aws4_request",
    "empty-service": "20130524/us-east-1//aws4_request",
    "empty-date": "/us-east-1/s3/aws4_request",
    "no-terminator": "20130524/us-east-1/s3",
    "trailing-slash": "20130524/us-east-1/s3/aws4_request/",
    "another-day": "20130523/us-east-1/s3/aws4_request",
    "long-date": "20130524T000000Z/us-east-1/s3/aws4_request",
    "arabic-date": "٢٠١٣٠٥٢٤/us-east-1/s3/aws4_request",
    "blank": "20130524/us east 1/s3/aws4_request",
    "newline-escaped": "20130524/us-east-1%0A/s3/aws4_request%0A",
}


@pytest.mark.parametrize("scope", [called(14, name, scope) for name, scope in SCOPES.items()])
async def test_a_valid_signature_for_elsewhere_is_refused(gate, scope):
    double = "/s3/" not in scope and "s3-outposts" not in scope
    await gate.admits(v4_header(scope=scope, double=double))
    await gate.refuses(v4_header(scope=scope, double=double), "AuthorizationHeaderMalformed", 400, **HERE)
    line = EMPTY if double else "UNSIGNED-PAYLOAD"
    presigned = v4_presigned(scope=scope, double=double, line=line)
    await gate.refuses(presigned, "AuthorizationQueryParametersError", 400, **HERE)


@pytest.mark.parametrize("scope", [called(14, "named", "20130524/us-west-2/s3/aws4_request")])
async def test_the_region_expected_is_named(gate, scope):
    detail = await gate.refuses(v4_header(scope=scope), "AuthorizationHeaderMalformed", 400, **HERE)
    assert detail == {"region": "us-east-1"}


@pytest.mark.parametrize(
    "settings",
    [called(14, "by-setting", {"SIGNING_REGIONS": "us-east-1 eu-1", "SIGNING_SERVICES": "s3"})],
)
async def test_the_operators_list_counts_where_nobody_says(gate):
    await gate.admits(v4_header(scope="20130524/eu-1/s3/aws4_request"))
    for name in ("region-other", "service-sts", "region-star"):
        request = v4_header(scope=SCOPES[name], double="sts" in name)
        code = "AuthorizationHeaderMalformed" if "sts" not in name else "SignatureDoesNotMatch"
        await gate.refuses(request, code, 403 if "sts" in name else 400)


@pytest.mark.parametrize("scope", [called(14, name, scope) for name, scope in MALFORMED.items()])
async def test_a_scope_that_is_none_is_refused(gate, scope):
    await gate.refuses(v4_header(scope=scope), "AuthorizationHeaderMalformed", 400, **HERE)
    await gate.refuses(v4_presigned(scope=scope), "AuthorizationQueryParametersError", 400, **HERE)


@pytest.mark.parametrize(
    "key", [called(14, "key-with-a-slash", f"{ACCESS_KEY}/20130524"), called(14, "key-empty", "")]
)
async def test_a_slash_belongs_to_the_key_and_never_to_the_scope(gate, key):
    request = v4_header(access_key=key)
    if key:
        await gate.refuses(request, "InvalidAccessKeyId", 403, **HERE)
    else:
        await gate.refuses(request, "AuthorizationHeaderMalformed", 400, **HERE)


@pytest.mark.parametrize("spliced", [called(14, "spliced", "20130524/us-east-1/s3/aws4_request")])
async def test_a_scope_spliced_after_signing_is_refused(gate, spliced):
    """The signature of one region, its credential rewritten for another."""
    right = v4_header(scope="20130524/us-west-2/s3/aws4_request")
    headers = tuple((name, value.replace("us-west-2", "us-east-1")) for name, value in right.headers)
    question = {"method": "GET", "target": right.target, "headers": headers}
    await gate.refuses(question, "SignatureDoesNotMatch", 403, **HERE)
