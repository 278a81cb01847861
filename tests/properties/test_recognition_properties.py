"""Whose scheme a request is: told at sight or by asking every scheme, the answer is the same."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from authsvc import signing
from authsvc.errors import AuthError, MultipleMechanisms, Unsigned
from authsvc.signing import SignedRequest
from tests.standins import SCHEMES

AUTHORIZATIONS = st.sampled_from(
    [
        "AWS4-HMAC-SHA256 Credential=K/20270115/r/s3/aws4_request, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256,",
        "AWS4-HMAC-SHA256-PAYLOAD Credential=",
        "AWS4-ECDSA-P256-SHA256 Credential=K/20270115/s3/aws4_request, SignedHeaders=host, Signature=00",
        "AWS4-ECDSA-P256-SHA256",
        "AWS K:c2ln",
        "AWS",
        "AWS4 K:c2ln",
        "aws K:c2ln",
        "Bearer asv_x",
        "",
        " ",
    ]
)
MARKS = [
    "apiKey",
    "signature",
    "AWSAccessKeyId",
    "Action",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
]
SPELT = st.sampled_from(
    [
        *MARKS,
        *(name.lower() for name in MARKS),
        *(name.upper() for name in MARKS),
        "api%4Bey",
        "api\N{KELVIN SIGN}ey",
        "api%E2%84%AAey",
        "%53ignature",
        "X%2DAmz%2DSignature",
        "apikey+",
        "uploadId",
        "partNumber",
        "",
    ]
)
VALUES = st.sampled_from(["", "=x", "=AWS4-HMAC-SHA256", "=AWS4%2DECDSA-P256-SHA256", "=", "=ALICEKEY"])
FORM = "application/x-www-form-urlencoded"


@st.composite
def requests(draw):
    """Make requests with any marks in any places."""
    query = "&".join(draw(st.lists(st.tuples(SPELT, VALUES).map("".join), max_size=4)))
    headers = [("Host", "h"), *(("Authorization", one) for one in draw(st.lists(AUTHORIZATIONS, max_size=2)))]
    body = draw(st.sampled_from([None, b"", b"apiKey=k&signature=s", b"AWSAccessKeyId=k&Action=a"]))
    if body is not None:
        headers.append(("Content-Type", FORM))
    return SignedRequest(method="POST", target=f"/b/k?{query}", headers=tuple(headers), body=body)


@given(requests())
@example(
    SignedRequest(method="GET", target="/?APIKEY=k&Signature=s", headers=(("Authorization", "AWS K:c2ln"),))
)
@example(
    SignedRequest(
        method="GET",
        target="/?api\N{KELVIN SIGN}ey=k&signature=s",
        headers=(("Authorization", "AWS K:c2ln"),),
    )
)
@settings(max_examples=1500)
def test_at_sight_is_what_every_scheme_being_asked_says(request):
    at_sight = signing.at_sight(SCHEMES, request)
    if at_sight is not None:
        assert [scheme for scheme in SCHEMES if scheme.recognises(request)] == [at_sight]


@given(requests())
def test_more_than_one_mark_is_refused_and_none_is_unsigned(request):
    known = [scheme for scheme in SCHEMES if scheme.recognises(request)]
    if len(known) == 1:
        return
    with pytest.raises(MultipleMechanisms if known else AuthError) as caught:
        signing.read(SCHEMES, request)
    if not known and not request.fields.get("authorization"):
        assert isinstance(caught.value, Unsigned)
