"""EC2 Query requests as gateways describe them: signed by botocore and by keystoneclient."""

from __future__ import annotations

import datetime as dt
import hashlib
import time

import pytest
from botocore.auth import SigV2Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from jsonschema import Draft202012Validator
from keystoneclient.contrib.ec2.utils import Ec2Signer

from authsvc.faces.native.openapi import document
from authsvc.service.policy import DIGESTS
from tests.standins import AUTHORIZED, World, secret_of

PATH = "/v1/ec2/query/authenticate"
EMPTY = hashlib.sha256(b"").hexdigest()
HOST = "ec2.example.com:8788"


@pytest.fixture
async def client(world):
    async with world.client() as made:
        yield made


def stamp(seconds=0.0):
    return dt.datetime.fromtimestamp(time.time() + seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def version_2(key="ALICEKEY", *, verb="GET", host=HOST, path="/", digest="HmacSHA256", **params):
    """Sign by keystoneclient, which signs what Keystone would verify."""
    told = {
        "Action": "DescribeRegions",
        "Version": "2012-08-15",
        "AWSAccessKeyId": key,
        "SignatureVersion": "2",
        "SignatureMethod": digest,
        **({} if {"Expires", "Timestamp"} & params.keys() else {"Timestamp": stamp()}),
        **params,
    }
    signature = Ec2Signer(secret_of(key))._calc_signature_2(dict(told), verb, host, path)
    return {"access": key, "signature": signature, "host": host, "verb": verb, "path": path, "params": told}


def by_botocore_2(key="ALICEKEY", path="/", **params):
    request = AWSRequest(
        method="POST", url=f"https://ec2.example.com{path}", data={"Action": "DescribeRegions", **params}
    )
    SigV2Auth(Credentials(key, secret_of(key))).add_auth(request)
    told = dict(request.data)
    signature = told.pop("Signature")
    return {
        "access": key,
        "signature": signature,
        "host": "ec2.example.com",
        "verb": "POST",
        "path": path,
        "params": told,
    }


def version_4(
    key="ALICEKEY", *, verb="POST", host=HOST, query="", body=b"Action=DescribeRegions", service="ec2"
):
    request = AWSRequest(method=verb, url=f"https://{host}/{query}", data=body, headers={"Host": host})
    SigV4Auth(Credentials(key, secret_of(key)), service, "us-east-1").add_auth(request)
    headers = dict(request.headers.items())
    return {
        "access": key,
        "signature": headers["Authorization"].rpartition("Signature=")[2],
        "host": host,
        "verb": verb,
        "path": "/",
        "params": {},
        "headers": headers,
        "body_hash": hashlib.sha256(body).hexdigest(),
    }


async def ask(client, credentials, name="ec2Credentials"):
    async with client.post(PATH, json={name: credentials}, headers=AUTHORIZED) as response:
        return response.status, await response.json()


@pytest.mark.parametrize(
    ("described", "scheme"),
    [
        (version_2, "sigv2"),
        (lambda: version_2(path="/services/Cloud/"), "sigv2"),
        (lambda: version_2(**{"Filter.1.Name": "tag:~ü*", "Filter.1.Value": "a b+c/d"}), "sigv2"),
        (lambda: version_2(Timestamp=stamp(-240)), "sigv2"),
        (by_botocore_2, "sigv2"),
        (version_4, "sigv4"),
        (lambda: version_4(verb="GET", body=b""), "sigv4"),
    ],
)
async def test_who_signed_is_told(client, described, scheme):
    status, answer = await ask(client, described())
    assert status == 200
    assert answer["user"] == {"id": "uuid-alice", "username": "alice", "state": "enabled"}
    assert (answer["credential"]["access_key"], answer["message"]["scheme"]) == ("ALICEKEY", scheme)
    assert "secret" not in str(answer)


async def test_an_end_is_taken_for_a_time(client):
    described = version_2(Expires=stamp(3600))
    assert (await ask(client, described))[0] == 200


async def test_a_v4_query_in_the_url_is_signed_too(client):
    described = version_4(verb="GET", query="?Action=DescribeRegions&Version=2012-08-15", body=b"")
    described["params"] = {"Version": "2012-08-15", "Action": "DescribeRegions"}
    assert (await ask(client, described))[0] == 200
    described["params"]["Action"] = "TerminateInstances"
    assert (await ask(client, described))[0] == 401


async def test_a_presigned_v4_query_is_read_from_its_parameters(client):
    from urllib.parse import parse_qsl, urlsplit

    from botocore.auth import SigV4QueryAuth

    request = AWSRequest(method="GET", url=f"https://{HOST}/?Action=DescribeRegions", headers={"Host": HOST})
    SigV4QueryAuth(Credentials("ALICEKEY", secret_of("ALICEKEY")), "ec2", "x", expires=60).add_auth(request)
    params = dict(parse_qsl(urlsplit(request.url).query))
    described = {
        "access": "ALICEKEY",
        "signature": params["X-Amz-Signature"],
        "host": HOST,
        "verb": "GET",
        "path": "/",
        "params": params,
        "headers": {"Host": HOST},
        "body_hash": EMPTY,
    }
    assert (await ask(client, described))[0] == 200


@pytest.mark.parametrize("make", [version_2, version_4])
async def test_the_port_may_be_missing_from_what_was_signed(client, make):
    described = make(host="ec2.example.com")
    described["host"] = "ec2.example.com:8788"
    if "headers" in described:
        described["headers"]["Host"] = described["host"]
    assert (await ask(client, described))[0] == 200


async def test_the_answer_is_what_is_described(client):
    described = document()
    for make in (version_2, version_4):
        _, answer = await ask(client, make())
        reference = {"$ref": "#/components/schemas/QuerySigner", "components": described["components"]}
        Draft202012Validator(reference).validate(answer)


@pytest.mark.parametrize("name", ["ec2Credentials", "credentials", "credential"])
async def test_every_name_keystone_takes_is_taken(client, name):
    assert (await ask(client, version_2(), name))[0] == 200


async def test_version_2_of_the_contract_is_taken(client):
    document = {"auth": {"OS-KSEC2:ec2Credentials": version_2()}}
    async with client.post(PATH, json=document, headers=AUTHORIZED) as response:
        assert response.status == 200


def changed(make, **changes):
    return lambda: {**make(), **changes}


@pytest.mark.parametrize(
    ("described", "status", "code"),
    [
        (changed(version_2, signature="d3Jvbmc="), 401, "AuthFailure"),
        (changed(version_2, access="ADMINKEY"), 401, "AuthFailure"),
        (changed(version_2, path="/other"), 401, "AuthFailure"),
        (changed(version_2, host="elsewhere.example"), 401, "AuthFailure"),
        (lambda: version_2("NOBODY"), 401, "AuthFailure"),
        (lambda: version_2("OFFKEY"), 401, "AuthFailure"),
        (lambda: version_4("OFFKEY"), 401, "AuthFailure"),
        (changed(version_4, body_hash=EMPTY), 401, "AuthFailure"),
        (changed(version_4, signature="0" * 64), 401, "AuthFailure"),
        (lambda: version_4(service="s3x"), 401, "AuthFailure"),
        (lambda: version_2(Timestamp=stamp(-310)), 401, "RequestExpired"),
        (lambda: version_2(Timestamp=stamp(310)), 401, "RequestExpired"),
        (lambda: version_2(Expires=stamp(-1)), 401, "RequestExpired"),
        (lambda: version_2(Expires=stamp(8 * 86400)), 401, "RequestInFuture"),
        (lambda: version_2(Expires=stamp(60), Timestamp=stamp()), 400, "MalformedRequest"),
        (lambda: version_2(Timestamp="soon"), 400, "MalformedRequest"),
        (lambda: version_2(digest="HmacSHA1"), 400, "UnsupportedAlgorithm"),
        (lambda: version_2(SignatureVersion="1"), 400, "MalformedRequest"),
        (lambda: version_2(SignatureVersion="0"), 400, "MalformedRequest"),
        (changed(version_2, params={"Action": 1}), 400, "MalformedRequest"),
        (changed(version_2, params=[]), 400, "MalformedRequest"),
        (changed(version_2, params={}), 400, "MalformedRequest"),
        (changed(version_2, headers={"Authorization": "AWS4-HMAC-SHA256 x"}), 400, "MalformedRequest"),
        (changed(version_2, path="/?a=b"), 400, "MalformedRequest"),
        (changed(version_2, path="no-slash"), 400, "MalformedRequest"),
        (changed(version_2, host=""), 400, "MalformedRequest"),
        (changed(version_2, more="x"), 400, "MalformedRequest"),
        (changed(version_4, body_hash=None), 400, "MalformedRequest"),
        (changed(version_4, body_hash="x"), 400, "MalformedRequest"),
        (changed(version_4, host="elsewhere.example"), 400, "MalformedRequest"),
        (lambda: "text", 400, "MalformedRequest"),
        (lambda: None, 400, "MalformedRequest"),
    ],
)
async def test_what_is_wrong_is_refused(client, described, status, code):
    answered, answer = await ask(client, described())
    assert (answered, answer["error"]["code"]) == (status, code)
    assert answer["fault"]["faultcode"].startswith("Client.")


@pytest.mark.parametrize(
    ("described", "field"),
    [
        (changed(version_2, params=[]), "params"),
        (changed(version_2, path="/?a=b"), "path"),
        (changed(version_2, host=""), "host"),
        (changed(version_2, more="x"), "more"),
        (changed(version_4, body_hash=None), "body_hash"),
        (lambda: None, "ec2Credentials"),
    ],
)
async def test_a_wrong_shape_names_the_field(client, schemas, described, field):
    _, answer = await ask(client, described())
    schemas("FaultRefusal", answer)
    assert answer["error"]["field"] == field
    assert answer["error"]["message"].startswith(f"{field}: ")
    assert answer["fault"]["faultstring"] == answer["error"]["message"]


async def test_one_answer_for_unknown_wrong_and_disabled(client):
    answers = []
    for described in (version_2("NOBODY"), changed(version_2, signature="d3Jvbmc=")(), version_2("OFFKEY")):
        _, answer = await ask(client, described)
        answer.pop("request_id")
        answers.append(answer)
    assert answers[0] == answers[1] == answers[2]


async def test_hmac_sha1_is_an_option():
    world = World(algorithms={**DIGESTS, "sigv2": frozenset({"HmacSHA256", "HmacSHA1"})})
    described = version_2(SignatureMethod="HmacSHA1")
    signer = Ec2Signer(secret_of("ALICEKEY"))
    signer.hmac_256 = None
    described["signature"] = signer._calc_signature_2(dict(described["params"]), "GET", HOST, "/")
    async with world.client() as client:
        assert (await ask(client, described))[0] == 200


async def test_could_not_tell_is_503(client, world):
    world.directory.down = True
    status, answer = await ask(client, version_2())
    assert (status, answer["fault"]["faultcode"]) == (503, "Server.Unavailable")


async def test_two_documents_in_one_are_refused(client):
    document = {"ec2Credentials": version_2(), "credentials": version_2()}
    async with client.post(PATH, json=document, headers=AUTHORIZED) as response:
        assert response.status == 400


# --- /v3/ec2tokens -----------------------------------------------------------------------------------------


async def tokens(client, described, **headers):
    response = await client.post(
        "/v3/ec2tokens", json={"ec2Credentials": described}, headers=AUTHORIZED | headers
    )
    return response.status, response.headers, await response.json()


@pytest.mark.parametrize("make", [version_2, by_botocore_2, version_4])
async def test_keystones_question_is_answered_with_a_token(client, make):
    status, headers, answer = await tokens(client, make())
    assert status == 200
    token = answer["token"]
    assert token["methods"] == ["ec2credential"]
    assert (token["user"]["id"], token["user"]["name"]) == ("uuid-alice", "alice")
    assert (token["project"]["id"], token["project"]["name"]) == ("2", "acme")
    assert token["roles"]
    assert {"issued_at", "expires_at", "audit_ids", "catalog"} <= token.keys()
    shown = {**AUTHORIZED, "X-Subject-Token": headers["X-Subject-Token"]}
    async with client.get("/v3/auth/tokens", headers=shown) as response:
        assert response.status == 200
        assert (await response.json())["token"]["user"] == token["user"]


@pytest.mark.parametrize("name", ["ec2Credentials", "credentials", "credential"])
async def test_keystone_has_three_names_for_it(client, name):
    async with client.post("/v3/ec2tokens", json={name: version_2()}, headers=AUTHORIZED) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("described", "status"),
    [
        (lambda: version_2("NOBODY"), 401),
        (lambda: version_2("OFFKEY"), 401),
        (changed(version_2, signature="d3Jvbmc="), 401),
        (changed(version_4, signature="0" * 64), 401),
        (lambda: version_2(Timestamp=stamp(-310)), 401),
        (changed(version_2, params={}), 400),
        (lambda: None, 400),
    ],
)
async def test_keystone_says_401_whatever_the_cause(client, described, status):
    answered, headers, _ = await tokens(client, described())
    assert answered == status
    assert "X-Subject-Token" not in headers


async def test_a_token_is_good_for_nothing_once_its_user_is_disabled(client, world):
    _, headers, _ = await tokens(client, version_2())
    world.directory.remove("ALICEKEY")
    shown = {**AUTHORIZED, "X-Subject-Token": headers["X-Subject-Token"]}
    async with client.get("/v3/auth/tokens", headers=shown) as response:
        assert response.status == 404


async def test_a_users_token_does_not_open_the_service(client):
    _, headers, _ = await tokens(client, version_2())
    async with client.post(PATH, json={}, headers={"X-Auth-Token": headers["X-Subject-Token"]}) as response:
        assert response.status == 401
