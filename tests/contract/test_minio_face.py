"""MinIO's identity plugin: a request signed for this purpose becomes a session, and no other does."""

from __future__ import annotations

import re
import time

import boto3
import pytest
from botocore.config import Config

from authsvc.faces.callers import Callers, token_digest
from authsvc.faces.registry import OPTIONS
from authsvc.model import KeyPair
from tests.standins import cloudstack_query, credential, secret_of

FILE = f"""
[[caller]]
name = "minio"
token_sha256 = ["{token_digest("minio")}"]
grants = ["verify"]

[[caller]]
name = "long"
token_sha256 = ["{token_digest("long")}"]
grants = ["verify"]
[caller.minio]
max_validity = 86400

[[caller]]
name = "poor"
token_sha256 = ["{token_digest("poor")}"]
grants = ["identify"]
"""
CALLERS = Callers.parse(FILE, OPTIONS)


def cloudstack(key="ALICEKEY", command="assumeRole", **how):
    return cloudstack_query(key, command=command, **how)


def presigned(key="ALICEKEY", service="sts", operation="get_caller_identity", secret=None, **parameters):
    client = boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=f"https://{service}.example.com",
        aws_access_key_id=key,
        aws_secret_access_key=secret or secret_of(key),
        config=Config(signature_version="v4" if service != "s3" else "s3v4"),
    )
    return client.generate_presigned_url(operation, Params=parameters, ExpiresIn=600, HttpMethod="GET")


async def exchange(client, token, caller="minio"):
    """Ask as MinIO does: no body, the token in the query, its own beside it as configured."""
    return await client.post(
        "/minio/identity", params={"token": token}, headers={"Authorization": f"Bearer {caller}"}
    )


@pytest.mark.parametrize("token", [cloudstack(), presigned()], ids=["cloudstack", "sts"])
async def test_a_request_signed_for_it_becomes_a_session(world, token):
    async with world.client(CALLERS) as client:
        answer = await exchange(client, token)
        assert answer.status == 200, await answer.text()
        document = await answer.json()
    assert document == {
        "user": "uuid-alice",
        "maxValiditySeconds": 3600,
        "claims": {
            "userName": "alice",
            "accountId": "2",
            "account": "acme",
            "domainId": "uuid-root",
            "domainPath": "/",
            "roles": ["User", "Root Admin"],
            "keyRestricted": False,
        },
    }
    signature = re.search(r"(?i)signature=([^&]+)", token)[1]
    assert signature not in str(world.events)


async def test_how_long_is_the_operators_choice(world):
    async with world.client(CALLERS) as client:
        assert (await (await exchange(client, cloudstack(), "long")).json())["maxValiditySeconds"] == 86400


@pytest.mark.parametrize(("left", "seconds"), [(2000, 2000), (800, None)])
async def test_a_session_does_not_outlive_its_key(world, left, seconds):
    pair = KeyPair(id="pair", expires_at=time.time() + left)
    world.directory.put(credential("ENDINGKEY", name="erin", pair=pair))
    async with world.client(CALLERS) as client:
        answer = await exchange(client, cloudstack("ENDINGKEY"))
        document = await answer.json()
    if seconds is None:
        assert answer.status == 403
        assert "ends too soon" in document["reason"]
    else:
        assert seconds - 60 < document["maxValiditySeconds"] <= seconds


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (cloudstack(secret="wrong"), "SignatureDoesNotMatch"),
        (cloudstack("NOBODY"), "InvalidAccessKeyId"),
        (cloudstack("OFFKEY"), "AccountProblem"),
        (cloudstack(expires_in=-10), "AccessDenied: Request has expired"),
        (cloudstack(expires_in=None), "AccessDenied: the signature carries no time"),
        (cloudstack(command="listZones"), "InvalidToken"),
        (cloudstack().replace("command=assumeRole", "command=assumerole"), "InvalidToken"),
        (cloudstack(command="listZones") + "&command=assumeRole", "InvalidToken"),
        (presigned(secret="wrong"), "SignatureDoesNotMatch"),
        (presigned(service="s3", operation="get_object", Bucket="b", Key="k"), "InvalidToken"),
        (
            presigned(service="s3", operation="get_object", Bucket="b", Key="k")
            + "&Action=GetCallerIdentity",
            "AccessDenied",
        ),
        (presigned(operation="get_session_token"), "InvalidToken"),
        (presigned().replace("sts.example.com", "sts.example.org"), "SignatureDoesNotMatch"),
        (presigned().partition("?")[2], "InvalidToken"),
        ("", "InvalidToken"),
        ("nonsense", "InvalidToken"),
        ("http://127.0.0.1/?Action=GetCallerIdentity", "InvalidToken"),
        ("https://u:p@sts.example.com/?Action=GetCallerIdentity", "InvalidToken"),
        ("x" * 4097, "InvalidToken"),
    ],
    ids=range(19),
)
async def test_anything_else_is_refused_with_a_reason(world, token, reason):
    async with world.client(CALLERS) as client:
        answer = await exchange(client, token)
        assert answer.status == 403
        assert set(await answer.json()) == {"reason"}
        assert (await answer.json())["reason"].startswith(reason)


@pytest.mark.parametrize("query", ["", "?token=a&token=b"])
async def test_there_is_one_token(world, query):
    async with world.client(CALLERS) as client:
        answer = await client.post(f"/minio/identity{query}", headers={"Authorization": "Bearer minio"})
        assert answer.status == 403


@pytest.mark.parametrize("caller", ["nobody", "poor", ""])
async def test_a_bad_caller_is_no_verdict_on_the_user(world, caller):
    async with world.client(CALLERS) as client:
        assert (await exchange(client, cloudstack(), caller)).status == 401
    assert not world.decisions.all


async def test_what_could_not_be_found_out_is_a_failure_of_the_plugin(world):
    world.directory.down = True
    async with world.client(CALLERS) as client:
        answer = await exchange(client, cloudstack())
        assert answer.status == 503
        assert "Retry-After" in answer.headers


@pytest.mark.parametrize(("caller", "status"), [("minio", 200), ("nobody", 401)])
async def test_the_health_call(world, caller, status):
    async with world.client(CALLERS) as client:
        answer = await client.head("/minio/identity", headers={"Authorization": f"Bearer {caller}"})
        assert answer.status == status
