"""Scality's vaultclient asks at the root, which it shares, and must never read a refusal as a yes."""

from __future__ import annotations

import hashlib
import time
from urllib.parse import urlencode

import pytest
from botocore.auth import HmacV1Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from authsvc import errors, signing
from authsvc.faces.callers import Callers, token_digest
from authsvc.faces.dialects import SCALITY
from authsvc.model import Secret
from authsvc.signing import SignedRequest
from authsvc.signing.s3v2 import S3V2
from authsvc.signing.sigv4 import SigV4, signature, signing_key
from tests.people import signed_s3
from tests.standins import secret_of

FILE = f"""
[[caller]]
name = "cloudserver"
token_sha256 = ["{token_digest("cloudserver")}"]
grants = ["verify"]

[[caller]]
name = "poor"
token_sha256 = ["{token_digest("poor")}"]
grants = ["identify"]
"""
CALLERS = Callers.parse(FILE)
ARSENAL = {
    "AccessDenied",
    "AccountProblem",
    "InternalError",
    "InvalidAccessKeyId",
    "InvalidArgument",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
}
"""Of the codes in Arsenal's table those used here."""


def v4(key="ALICEKEY", secret=None, at=None, **more):
    made = signed_s3(at=at or time.time(), access_key=key, secret=secret or secret_of(key))
    claim = signing.read((SigV4(),), made)
    return {
        "Action": "AuthV4",
        "stringToSign": claim.strings_to_sign[0],
        "signatureFromRequest": claim.signature,
        "accessKey": key,
        "region": claim.scope.region,
        "scopeDate": claim.scope.date,
        **more,
    }


def chunk(secret=None, **more):
    seed = v4()
    _, stamp, scope, _ = seed["stringToSign"].split("\n")
    empty, content = hashlib.sha256(b"").hexdigest(), hashlib.sha256(b"content").hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256-PAYLOAD", stamp, scope, seed["signatureFromRequest"], empty, content))
    key = signing_key(
        Secret(secret or secret_of("ALICEKEY")), signing.read((SigV4(),), signed_s3(at=time.time())).scope
    )
    return seed | {"stringToSign": text, "signatureFromRequest": signature(key, text)} | more


def v2(secret=None, **more):
    request = AWSRequest(method="GET", url="https://s3.example.com/bucket/key")
    HmacV1Auth(Credentials("ALICEKEY", secret or secret_of("ALICEKEY"))).add_auth(request)
    signed = SignedRequest(method="GET", target="/bucket/key", headers=tuple(request.headers.items()))
    claim = signing.read((S3V2(),), signed)
    return {
        "Action": "AuthV2",
        "stringToSign": claim.strings_to_sign[0],
        "signatureFromRequest": claim.signature,
        "hashAlgorithm": "SHA1",
        "accessKey": "ALICEKEY",
        **more,
    }


async def ask(client, query, token="cloudserver", **headers):
    told = {"Authorization": f"Bearer {token}", "x-scal-request-uids": "1:2", **headers}
    return await client.get(f"/?{urlencode(query, doseq=True)}", headers=told)


async def code_of(answer):
    error = (await answer.json())["ErrorResponse"]["Error"]
    assert error["Code"] in ARSENAL
    assert answer.status >= 400
    return error["Code"]


@pytest.mark.parametrize(
    "query", [v4(), v4(region=""), chunk(), v2()], ids=["v4", "no-region", "chunk", "v2"]
)
async def test_a_string_is_its_signers(world, query):
    async with world.client(CALLERS) as client:
        answer = await ask(client, query)
        assert answer.status == 200, await answer.text()
        info = (await answer.json())["userInfo"]
    assert set(info) == {"arn", "canonicalID", "shortid", "email", "accountDisplayName"}
    assert len(info["canonicalID"]) == 64
    assert info["shortid"].isdigit()
    assert len(info["shortid"]) == 12
    assert info["arn"] == f"arn:aws:iam::{info['shortid']}:/acme/"
    event = world.events[-1]
    assert (event["caller"], event["verdict"], event["request_ids"]) == ("cloudserver", "allow", "1:2")
    assert query["signatureFromRequest"] not in str(world.events)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (v4(secret="wrong"), "SignatureDoesNotMatch"),
        (v4("NOBODY"), "InvalidAccessKeyId"),
        (v4("OFFKEY"), "AccountProblem"),
        (v4(region="elsewhere"), "InvalidArgument"),
        (v4(scopeDate="20200101"), "InvalidArgument"),
        (v4(securityToken="x"), "AccessDenied"),
        (v4(Action="AuthV2"), "InvalidArgument"),
        (v4(stringToSign="x"), "InvalidArgument"),
        (v4(accessKey=""), "InvalidArgument"),
        (v4(accessKey=["ALICEKEY", "ADMINKEY"]), "InvalidArgument"),
        (chunk(secret="wrong"), "SignatureDoesNotMatch"),
        (v2(secret="wrong"), "SignatureDoesNotMatch"),
        (v2(hashAlgorithm="sha256"), "InvalidArgument"),
        (v2(Action="AuthV4", scopeDate="20200101"), "InvalidArgument"),
        ({"Action": "CreateAccount"}, "InvalidArgument"),
        ({"Action": ["AuthV4", "AuthV2"]}, "InvalidArgument"),
    ],
    ids=range(16),
)
async def test_a_no_has_a_code_that_the_client_knows(world, query, code):
    async with world.client(CALLERS) as client:
        assert await code_of(await ask(client, query)) == code


@pytest.mark.parametrize("token", ["nobody", "poor"])
async def test_a_bad_caller_is_no_verdict_on_the_user(world, token):
    async with world.client(CALLERS) as client:
        assert await code_of(await ask(client, v4(), token)) == "InternalError"
    assert not world.decisions.all


async def test_what_could_not_be_found_out_is_neither(world):
    world.directory.down = True
    async with world.client(CALLERS) as client:
        answer = await ask(client, v4())
        assert answer.status == 503
        assert await code_of(answer) == "ServiceUnavailable"


def test_every_refusal_has_a_code_that_the_client_knows():
    """Its error for any other code is undefined, which its callers take for none."""
    assert {said.code for said in SCALITY.table.values()} <= ARSENAL
    assert SCALITY.say(errors.CallerUnauthorized()).code == "InternalError"


@pytest.mark.parametrize(
    ("query", "answered"),
    [
        (
            {"Action": "AclCanonicalIds", "emailAddresses": ["a@b", "c@d"]},
            {"a@b": "NotFound", "c@d": "NotFound"},
        ),
        ({"Action": "AclEmailAddresses", "canonicalIds": ["x"]}, {"x": "NotFound"}),
        ({"Action": "AccountsCanonicalIds", "accountIds": ["1", "2"]}, []),
    ],
)
async def test_accounts_are_not_found_by_anything_but_their_keys(world, query, answered):
    async with world.client(CALLERS) as client:
        assert await (await ask(client, query)).json() == answered


async def test_the_root_is_shared(world):
    async with world.client(CALLERS) as client:
        assert (await client.get("/")).status == 300  # Keystone's versions
        assert (await client.get("/?Action=AuthV4")).status == 401
        assert (await client.get("/_/healthcheck")).status == 200
