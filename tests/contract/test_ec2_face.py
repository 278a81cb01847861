"""The EC2 face over HTTP: SOAP messages, and the certificates of users."""

from __future__ import annotations

import base64
import time
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from authsvc.errors import CertificatesUnavailable
from authsvc.faces.ec2.schemas import SignedPart, SoapMessage
from authsvc.model import Certificate
from authsvc.service.soap_policy import SoapPolicy
from authsvc.signing import possession
from authsvc.signing.envelope import VERSIONS
from authsvc.signing.wssecurity import DIGESTS, SIGNATURES
from tests import soap
from tests.standins import AUTHORIZED, POOR_TOKEN, TOKEN, World, secret_of

PATH = "/v1/ec2/soap/authenticate"
XML = {"Content-Type": "text/xml"}
CALLER = {"X-Auth-Token": TOKEN}
MINE = "/v1/users/uuid-alice/certificates"


@pytest.fixture
def world():
    made = World()
    keep(made, soap.signer())
    return made


@pytest.fixture
async def client(world):
    async with world.client() as made:
        yield made


def keep(world, signer, user_id="uuid-alice", **more):
    world.certificates._certificates[signer.sha256] = Certificate(
        sha256=signer.sha256, der=signer.der, user_id=user_id, created=0.0, **more
    )


async def ask(client, raw, **headers):
    async with client.post(PATH, data=raw, headers={**AUTHORIZED, **XML, **headers}) as response:
        return response.status, await response.json()


def message(**options):
    return soap.message(options.pop("by", soap.signer()), options.pop("created", time.time()), **options)


async def test_who_signed_is_told_with_what_they_signed(client):
    at = float(int(time.time()))
    raw = message(created=at)
    status, answer = await ask(client, raw, **{"X-Request-Id": "r-1", "X-Client-Ip": "192.0.2.7"})
    assert status == 200
    body = base64.b64decode(answer["message"].pop("body_c14n"))
    assert body.startswith(b"<s:Body")
    assert b"<regionSet></regionSet></DescribeRegions>" in body
    assert answer == {
        "authenticated": True,
        "request_id": "r-1",
        "user": {"id": "uuid-alice", "username": "alice", "state": "enabled"},
        "account": {"id": "2", "name": "acme", "type": 0, "state": "enabled"},
        "domain": {"id": "uuid-root", "name": "ROOT", "path": "/"},
        "credential": {
            "type": "x509",
            "sha256": soap.signer().sha256,
            "issuer": "CN=alice, C=GB",
            "serial": "64660679105",
        },
        "message": {
            "soap": "1.1",
            "operation": {"ns": soap.EC2, "name": "DescribeRegions"},
            "signature_algorithm": "rsa-sha256",
            "created": soap.stamp(at)[:-5] + "Z",
            "valid_until": soap.stamp(at + 300)[:-5] + "Z",
            "replay_checked": True,
            "signed": [{"part": "Timestamp", "digest": "sha256"}, {"part": "Body", "digest": "sha256"}],
            "unsigned_headers": [],
        },
    }


async def test_answers_are_what_is_described(client, schemas):
    schemas("SoapSigner", (await ask(client, message()))[1])
    schemas("FaultRefusal", (await ask(client, b"<"))[1])
    async with signed(client, "POST", MINE, proof()) as response:
        schemas("RegisteredCertificate", await response.json())
    async with signed(client, "GET", MINE) as response:
        schemas("RegisteredCertificates", await response.json())
    async with client.get("/v1/regions", headers=AUTHORIZED) as response:
        answer = await response.json()
        schemas("KnownRegions", answer)
        assert [region["id"] for region in answer["regions"]] == [2, 1]


@pytest.mark.parametrize(
    ("schema", "field", "names"),
    [
        (SoapMessage, "soap", VERSIONS),
        (SoapMessage, "signature_algorithm", SIGNATURES),
        (SignedPart, "digest", DIGESTS),
    ],
)
def test_what_is_described_is_what_can_be_read(schema, field, names):
    assert tuple(schema().fields[field].validate.choices) == tuple(names.values())


async def test_the_log_says_who_and_never_what(client, world):
    await ask(client, message(), **{"X-Client-Ip": "192.0.2.7"})
    event = world.events[-1]
    assert event["caller"] == "store"
    assert (event["use_case"], event["verdict"], event["user_id"]) == ("authenticate", "allow", "uuid-alice")
    assert event["client_ip"] == "192.0.2.7"
    await ask(client, message(), **{"X-Client-Ip": "no address"})
    assert "client_ip" not in world.events[-1]


async def test_a_message_is_good_once(client, world):
    raw = message()
    assert (await ask(client, raw))[0] == 200
    status, answer = await ask(client, raw)
    assert (status, answer["error"]["code"]) == (401, "Replay")
    assert answer["fault"]["faultcode"] == "Client.InvalidSecurity.RequestHasExpired"
    assert world.decisions.all[-1].reason == "Replayed"


async def test_the_same_request_again_gets_the_same_answer(client):
    raw = message()
    first = await ask(client, raw, **{"X-Request-Id": "r-1"})
    assert await ask(client, raw, **{"X-Request-Id": "r-1"}) == first
    assert (await ask(client, raw, **{"X-Request-Id": "r-2"}))[1]["error"]["code"] == "Replay"


async def test_white_space_in_the_signature_makes_no_new_message(client):
    raw = message()
    await ask(client, raw)
    again = raw.replace(b"<ds:SignatureValue>", b"<ds:SignatureValue>\n ")
    assert again != raw
    assert (await ask(client, again))[1]["error"]["code"] == "Replay"


async def test_without_replay_marks_a_message_is_refused_or_admitted_as_the_operator_says(client, world):
    world.replays.down = True
    status, answer = await ask(client, message())
    assert (status, answer["fault"]["faultcode"]) == (503, "Server.Unavailable")
    world.soap = SoapPolicy(need_replay_check=False)
    async with world.client() as lenient:
        status, answer = await ask(lenient, message())
    assert (status, answer["message"]["replay_checked"]) == (200, False)


@pytest.mark.parametrize("what", ["directory", "certificates"])
async def test_what_cannot_be_found_out_is_503(client, world, what):
    getattr(world, what).down = True
    async with client.post(PATH, data=message(), headers={**AUTHORIZED, **XML}) as response:
        assert response.status == 503
        assert 1 <= int(response.headers["Retry-After"]) <= 3
        assert (await response.json())["fault"]["faultcode"] == "Server.Unavailable"


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("text/xml", 200),
        ("text/xml; charset=UTF-8", 200),
        ("application/soap+xml; action=x", 200),
        ("application/xml", 415),
        ("application/json", 415),
        ("text/xml; charset=utf-16", 415),
    ],
)
async def test_the_media_type_is_soaps(client, media_type, status):
    assert (await ask(client, message(), **{"Content-Type": media_type}))[0] == status


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "\u00e9"])
async def test_a_request_id_that_is_none_is_refused(client, given):
    status, answer = await ask(client, message(), **{"X-Request-Id": given})
    assert (status, answer["error"]["code"]) == (400, "MalformedEnvelope")


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"X-Auth-Token": "wrong"}, 401), ({"X-Auth-Token": POOR_TOKEN}, 403)],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", PATH), ("POST", MINE), ("GET", MINE), ("DELETE", f"{MINE}/{'0' * 64}")]
)
async def test_the_caller_comes_first(client, headers, status, method, path):
    async with client.request(method, path, data=b"<", headers={**XML, **headers}) as response:
        assert response.status == status
        answer = await response.json()
        assert answer["error"]["code"].startswith("Caller")
        assert answer.get("fault", {"faultcode": "Server.Unavailable"})["faultcode"] == "Server.Unavailable"


async def test_sha_1_is_admitted_where_the_operator_says_so(world):
    world.soap = SoapPolicy(sha1=True)
    async with world.client() as client:
        status, answer = await ask(client, message(algorithm="rsa-sha1", digest="sha1"))
    assert (status, answer["message"]["signature_algorithm"]) == (200, "rsa-sha1")


OUT_OF_DATE = soap.signer("old", number=4, days=(-400, -35))
SHORT = soap.signer("short", bits=1024)


@pytest.mark.parametrize(
    ("by", "rules", "reason"),
    [
        (OUT_OF_DATE, {}, "CertificateProblem"),
        (OUT_OF_DATE, {"certificate_dates": False}, None),
        (SHORT, {}, "CertificateProblem"),
        (SHORT, {"least_bits": 1024}, None),
    ],
    ids=["expired", "expired, admitted", "short", "short, admitted"],
)
async def test_a_certificate_is_held_to_the_rules(world, by, rules, reason):
    keep(world, by)
    world.soap = SoapPolicy(**rules)
    async with world.client() as client:
        status, answer = await ask(client, message(by=by))
    assert status == (200 if reason is None else 401)
    assert world.decisions.all[-1].reason == reason
    if reason:
        assert answer["error"] == {"code": "AuthFailure", "message": "the message could not be authenticated"}


@pytest.mark.parametrize("gone", ["revoked", "disabled", "removed"])
async def test_who_may_not_is_told_nothing_else(client, world, gone):
    _, unknown = await ask(client, message(by=soap.signer("nobody", number=5)), **{"X-Request-Id": "1"})
    keep(
        world,
        soap.signer(),
        user_id={"disabled": "uuid-bob", "removed": "uuid-gone"}.get(gone, "uuid-alice"),
        revoked=1.0 if gone == "revoked" else None,
    )
    status, answer = await ask(client, message(), **{"X-Request-Id": "1"})
    assert (status, answer) == (401, unknown)


# --- certificates ------------------------------------------------------------------------------------------


def signed(client, method, path, body=b"", *, key="ALICEKEY", service="authsvc", headers=None):
    """Sign the request with the user's key, the caller's token beside it."""
    url = str(client.make_url(path))
    request = AWSRequest(
        method=method, url=url, data=body, headers={"Host": urlsplit(url).netloc, **(headers or {})}
    )
    SigV4Auth(Credentials(key, secret_of(key)), service, "us-east-1").add_auth(request)
    return client.request(method, path, data=body, headers={**dict(request.headers), **CALLER, **XML})


NEW = soap.signer("new", number=6)


def proof(by=NEW, user_id="uuid-alice", **options):
    named = f'<RegisterCertificate xmlns="{possession.NAMESPACE}"><UserId>{user_id}</UserId></RegisterCertificate>'
    return message(by=by, body=options.pop("body", named), **options)


async def test_a_certificate_is_registered_listed_used_and_revoked(client):
    async with signed(client, "POST", MINE, proof()) as response:
        assert response.status == 201
        answer = await response.json()
        assert (answer["sha256"], answer["state"], answer["user_id"]) == (NEW.sha256, "active", "uuid-alice")
        assert response.headers["Location"] == f"{MINE}/{NEW.sha256}"
    assert (await ask(client, message(by=NEW)))[1]["user"]["id"] == "uuid-alice"
    async with signed(client, "GET", MINE) as response:
        listed = (await response.json())["certificates"]
        assert [each["sha256"] for each in listed] == [soap.signer().sha256, NEW.sha256]
    async with signed(client, "DELETE", f"{MINE}/{NEW.sha256}") as response:
        assert response.status == 204
    assert (await ask(client, message(by=NEW)))[0] == 401
    async with signed(client, "GET", MINE) as response:
        assert (await response.json())["certificates"][1]["state"] == "revoked"
    async with signed(client, "POST", MINE, proof(created=time.time() + 1)) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (409, "CertificateTaken")


async def test_any_message_signed_by_the_key_proves_possession_unless_the_operator_wants_more(client, world):
    async with signed(client, "POST", MINE, message(by=NEW)) as response:
        assert response.status == 201
    world.soap = SoapPolicy(bound_proof=True)
    other = soap.signer("other", number=7)
    async with world.client() as strict:
        async with signed(strict, "POST", MINE, message(by=other)) as response:
            assert response.status == 403
            assert "RegisterCertificate" in (await response.json())["error"]["message"]
        async with signed(strict, "POST", MINE, proof(by=other)) as response:
            assert response.status == 201


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (lambda: proof(user_id="uuid-bob"), 403, "CertificateProblem"),
        (lambda: proof(by=soap.signer("mallory", number=3), token=NEW.der), 403, "SignatureDoesNotMatch"),
        (lambda: proof(created=time.time() - 3600), 400, "RequestExpired"),
        (lambda: proof(algorithm="rsa-sha1", digest="sha1"), 400, "UnsupportedAlgorithm"),
        (lambda: proof(parts=("id-1",)), 400, "NotSigned"),
        (lambda: proof(by=SHORT), 403, "CertificateProblem"),
        (lambda: proof(by=OUT_OF_DATE), 403, "CertificateProblem"),
        (lambda: b"<x/>", 400, "MalformedEnvelope"),
        (lambda: NEW.der, 400, "MalformedEnvelope"),
    ],
)
async def test_what_proves_nothing_registers_nothing(client, world, body, status, code):
    async with signed(client, "POST", MINE, body()) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (status, code)
    assert len(await world.certificates.list()) == 1


async def test_a_certificate_of_somebody_elses_cannot_be_registered(client, world):
    keep(world, NEW, user_id="uuid-admin")
    async with signed(client, "POST", MINE, proof()) as response:
        assert response.status == 409
    assert (await world.certificates.find(NEW.sha256)).user_id == "uuid-admin"


async def test_nobody_registers_for_another(client, world):
    async with signed(
        client, "POST", "/v1/users/uuid-admin/certificates", proof(user_id="uuid-admin")
    ) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (403, "AccessDenied")
    async with signed(client, "DELETE", f"{MINE}/{soap.signer().sha256}", key="ADMINKEY") as response:
        assert response.status == 403
    keep(world, NEW, user_id="uuid-admin")
    async with signed(client, "DELETE", f"{MINE}/{NEW.sha256}") as response:
        assert (response.status, (await response.json())["error"]["code"]) == (404, "UnknownCertificate")
    assert (await world.certificates.find(NEW.sha256)).revoked is None


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"key": "NOBODY"}, 403, "InvalidClientTokenId"),
        ({"key": "OFFKEY"}, 403, "AccountProblem"),
        (
            {"service": "s3", "headers": {"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}},
            403,
            "SignatureDoesNotMatch",
        ),
        ({"service": "ec2"}, 403, "SignatureDoesNotMatch"),
        ({"headers": {"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}}, 403, "AccessDenied"),
    ],
)
async def test_the_users_own_signature_is_needed(client, world, options, status, code):
    async with signed(client, "POST", MINE, proof(), **options) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (status, code)
    assert len(await world.certificates.list()) == 1


async def test_the_body_must_be_the_one_that_was_signed(client):
    url = str(client.make_url(MINE))
    request = AWSRequest(method="POST", url=url, data=proof(), headers={"Host": urlsplit(url).netloc})
    SigV4Auth(Credentials("ALICEKEY", secret_of("ALICEKEY")), "authsvc", "x").add_auth(request)
    headers = {**dict(request.headers), **CALLER, **XML}
    async with client.post(MINE, data=proof(by=soap.signer("other", number=7)), headers=headers) as response:
        assert response.status == 403


async def test_a_presigned_request_is_refused(client):
    url = str(client.make_url(MINE))
    request = AWSRequest(method="GET", url=url, headers={"Host": urlsplit(url).netloc})
    SigV4QueryAuth(Credentials("ALICEKEY", secret_of("ALICEKEY")), "authsvc", "x").add_auth(request)
    async with client.get(f"{MINE}?{urlsplit(request.url).query}", headers=CALLER) as response:
        assert response.status == 403


async def test_where_certificates_cannot_be_kept_nobody_is_told_they_were(client, world):
    world.certificates.down = True
    async with signed(client, "POST", MINE, proof()) as response:
        assert response.status == 503
        assert (await response.json())["error"]["message"] == CertificatesUnavailable.default
