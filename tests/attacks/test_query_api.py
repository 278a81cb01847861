"""Query APIs: the two old versions that can be forged, and what version 2 leaves no room for."""

from __future__ import annotations

import base64
import dataclasses
import hmac
from urllib.parse import quote

import pytest

from tests.attacks.conftest import BOBS_KEY, NOW
from tests.attacks.rows import called
from tests.signers import ACCESS_KEY, SECRET_KEY, query_api, v4_header

STAMP = "2013-05-24T00:00:00Z"


def old_version(version, parameters):
    """Sign as versions 0 and 1 do: values run together, with nothing between them."""
    sent = {"AWSAccessKeyId": ACCESS_KEY, "SignatureVersion": version, "Timestamp": STAMP, **parameters}
    if version == "0":
        text = sent.get("Action", "") + STAMP
    else:
        text = "".join(name + sent[name] for name in sorted(sent, key=str.lower))
    made = base64.b64encode(hmac.digest(SECRET_KEY.encode(), text.encode(), "sha1")).decode()
    return sent | {"Signature": made}


def request(parameters, method="GET"):
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters.items())
    host = [["Host", "ec2.example.com"]]
    if method == "GET":
        return {"method": "GET", "target": f"/?{text}", "headers": host}
    form = [["Content-Type", "application/x-www-form-urlencoded"]]
    body = base64.b64encode(text.encode()).decode()
    return {"method": "POST", "target": "/", "headers": host + form, "body": body}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("version", "parameters"),
    [
        called(30, "v1", "1", {"Action": "DescribeInstances", "empty": ""}),
        called(30, "v1-shifted", "1", {"Action": "DescribeInstances", "emp": "ty"}),
        called(30, "v0", "0", {"Action": "DescribeInstances"}),
        called(30, "v0-and-more", "0", {"Action": "DescribeInstances", "InstanceId": "i-1"}),
        called(30, "v3", "3", {"Action": "DescribeInstances"}),
        called(30, "v02", "02", {"Action": "DescribeInstances"}),
        called(30, "v-arabic", "٢", {"Action": "DescribeInstances"}),
    ],
)
async def test_a_version_that_can_be_forged_is_refused(gate, method, version, parameters):
    answer = await gate.ask(request(old_version(version, parameters), method))
    assert answer["authenticated"] is False
    assert answer["scheme"] == "sigv2"
    assert answer["error"]["status"] == 400
    assert gate.directory.asked == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        called(30, "v1-collision", ("1", {"Action": "X", "empty": ""}), ("1", {"Action": "X", "emp": "ty"})),
        called(30, "v0-collision", ("0", {"Action": "X"}), ("0", {"Action": "X", "InstanceId": "i-1"})),
    ],
)
def test_two_requests_have_one_signature_in_them(one, other):
    """What the refusal is for."""
    assert old_version(*one) != old_version(*other)
    assert old_version(*one)["Signature"] == old_version(*other)["Signature"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "extra",
    [
        called(18, "query-api-one-more", "&InstanceId=i-1"),
        called(18, "query-api-twice", "&Action=TerminateInstances"),
        called(18, "query-api-key-twice", f"&AWSAccessKeyId={BOBS_KEY}"),
        called(18, "query-api-signature-twice", "&Signature=AAAA"),
        called(18, "query-api-key-in-other-case", f"&awsaccesskeyid={BOBS_KEY}"),
        called(18, "query-api-escaped", "&Acti%6Fn=TerminateInstances"),
    ],
)
async def test_what_is_put_on_afterwards_is_refused(gate, method, extra):
    await gate.admits(query_api(method))
    answer = await gate.ask(query_api(method, extra=extra))
    assert answer["authenticated"] is False
    assert answer["error"]["code"] in {"InvalidParameterCombination", "SignatureDoesNotMatch"}


@pytest.mark.parametrize(
    "change",
    [
        called(
            20,
            "query-api-host",
            lambda r: dataclasses.replace(r, headers=(("Host", "evil.example"), *r.headers[1:])),
        ),
        called(
            17, "query-api-path", lambda r: dataclasses.replace(r, target=r.target.replace("/", "/x/../", 1))
        ),
        called(17, "query-api-path-doubled", lambda r: dataclasses.replace(r, target="/" + r.target)),
    ],
)
async def test_host_and_path_are_signed(gate, change):
    await gate.refuses(change(query_api()), "SignatureDoesNotMatch", 403)


@pytest.mark.parametrize("method", [called(18, "query-api-form-moved", "POST")])
async def test_a_form_cannot_be_moved_to_the_query(gate, method):
    right = query_api(method)
    moved = {"method": "POST", "target": f"/?{right.body.decode()}", "headers": [list(right.headers[0])]}
    answer = await gate.ask(moved)
    # One set of parameters, so it is the same request; by another method it is another.
    assert answer["authenticated"] is True
    await gate.refuses(moved | {"method": "GET"}, "SignatureDoesNotMatch", 403)


@pytest.mark.parametrize(
    ("more", "code", "status"),
    [
        called(9, "query-api-old", {"Timestamp": "2013-05-23T23:44:59Z"}, "RequestExpired", 400),
        called(9, "query-api-early", {"Timestamp": "2013-05-24T00:15:01Z"}, "RequestExpired", 400),
        called(
            9, "query-api-ended", {"Timestamp": "", "Expires": "2013-05-23T23:59:59Z"}, "RequestExpired", 400
        ),
        called(9, "query-api-both", {"Expires": "2013-05-24T00:10:00Z"}, "InvalidParameterCombination", 400),
        called(13, "query-api-nan", {"Timestamp": "nan"}, "InvalidParameterValue", 400),
        called(13, "query-api-epoch", {"Timestamp": str(int(NOW))}, "InvalidParameterValue", 400),
        called(13, "query-api-arabic", {"Timestamp": "٢٠١٣-05-24T00:00:00Z"}, "InvalidParameterValue", 400),
    ],
)
async def test_a_time_counts_only_while_it_is_one(gate, more, code, status):
    without = [name for name, value in more.items() if not value]
    kept = {name: value for name, value in more.items() if value}
    await gate.refuses(query_api(without=without, **kept), code, status)


@pytest.mark.parametrize("without", [called(9, "query-api-timeless", ["Timestamp"])])
async def test_a_request_has_to_have_a_time(gate, without):
    await gate.refuses(query_api(without=without), "MissingParameter", 400)


@pytest.mark.parametrize("token", [called(27, "query-api", "eyJhbGciOiJub25lIn0.e30.")])
async def test_a_session_token_is_not_ours(gate, token):
    await gate.refuses(query_api(SecurityToken=token), "InvalidClientTokenId", 403)


@pytest.mark.parametrize(
    "key", [called(3, "query-api-other-key", BOBS_KEY), called(36, "query-api-no-key", "NOBODY")]
)
async def test_somebody_elses_key_is_nobodys(gate, key):
    code = "SignatureDoesNotMatch" if key == BOBS_KEY else "InvalidClientTokenId"
    await gate.refuses(query_api(AWSAccessKeyId=key), code, 403)


@pytest.mark.parametrize(
    "beside",
    [
        called(3, "query-api-and-v4", v4_header().header("authorization")),
        called(3, "query-api-and-v2", f"AWS {BOBS_KEY}:AAAA"),
        called(3, "query-api-and-bearer", "Bearer token"),
    ],
)
async def test_a_second_mechanism_is_refused(gate, beside):
    right = query_api()
    wrong = dataclasses.replace(right, headers=(*right.headers, ("Authorization", beside)))
    answer = await gate.ask(wrong)
    assert answer["authenticated"] is False
    assert answer["error"]["code"] in {"InvalidArgument", "InvalidParameterCombination"}
