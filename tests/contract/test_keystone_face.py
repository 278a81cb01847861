"""The Keystone face over HTTP: what Swift and Ceph RGW read in each answer, and what they must not read."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import re
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from botocore.auth import HmacV1Auth, S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from authsvc import errors
from authsvc.cache.directory import CachedDirectory
from authsvc.cache.local import LocalCache
from authsvc.directory.memory import MemoryDirectory
from authsvc.errors import AuthError
from authsvc.faces.callers import Caller, Callers
from authsvc.faces.dialects import KEYSTONE, KEYSTONE_SERVICE
from authsvc.faces.keystone.attempts import ATTEMPTS
from authsvc.faces.keystone.exchange import GRACE
from authsvc.faces.keystone.passwords import PasswordHash
from authsvc.faces.keystone.rules import Rules
from authsvc.faces.keystone.service_tokens import Issued, ServiceTokens
from authsvc.faces.registry import OPTIONS, faces
from authsvc.model import AccountType, KeyPair
from tests.standins import (
    CALLERS,
    CHEAP_HASH,
    FACES,
    PASSWORD,
    POOR_TOKEN,
    TOKEN,
    SystemClock,
    World,
    credential,
    secret_of,
)
from tests.standins import (
    KEYSTONE as RULES,
)

KNOWN = {"X-Auth-Token": TOKEN}
S3TOKENS = "/v3/s3tokens"
TOKENS = "/v3/auth/tokens"
OF_ALICE = "/v3/users/uuid-alice/credentials/OS-EC2/ALICEKEY"
UUID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


@pytest.fixture
async def client(world):
    async with world.client() as client:
        yield client


def v4(key="ALICEKEY", *, secret=None, service="s3", at=None, encode=base64.urlsafe_b64encode):
    """Sign a GET with botocore, and keep of it what a store would show."""
    request = AWSRequest(
        method="GET", url="https://s3.example.com/bucket/k%20ey", headers={"Host": "s3.example.com"}
    )
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC).strftime("%Y%m%dT%H%M%SZ")
    request.context["timestamp"] = moment
    request.headers["X-Amz-Date"] = moment
    request.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
    signer = S3SigV4Auth(Credentials(key, secret or secret_of(key)), service, "us-east-1")
    string = signer.string_to_sign(request, signer.canonical_request(request))
    return question(key, encode(string.encode()).decode(), signer.signature(string, request))


def v2(key="ALICEKEY", *, secret=None, expires=None):
    """Sign a PUT with botocore, in the header or presigned, and keep of it what a store would show."""
    moment = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    headers = HTTPHeaders.from_dict({"x-amz-meta-a": "ü"})
    signer = HmacV1Auth(Credentials(key, secret or secret_of(key)))
    signer._get_date = lambda: moment if expires is None else str(int(expires))
    string = signer.canonical_string("PUT", SimpleNamespace(path="/bucket/key", query=""), headers)
    return question(key, base64.b64encode(string.encode()).decode(), signer.sign_string(string))


def question(access, token, signature, name="credentials"):
    return {name: {"access": access, "token": token, "signature": signature}}


async def asked(client, body, status=200, path=S3TOKENS, headers=KNOWN):
    response = await client.post(path, json=body, headers=headers)
    answer = await response.json()
    assert response.status == status, answer
    assert response.content_type == "application/json"
    return answer


async def refused(client, body, status, reason, **more):
    error = (await asked(client, body, status, **more))["error"]
    assert (error["code"], error["reason"]) == (status, reason)
    assert error["title"]
    return error["message"]


# --- s3tokens ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [v4, v2])
async def test_whoever_signed_is_described_as_swift_and_rgw_want_it(client, world, make):
    token = (await asked(client, make()))["token"]
    domain = {"id": "uuid-root", "name": "ROOT"}
    assert token["user"] == {
        "id": "uuid-alice",
        "name": "alice",
        "domain": domain,
        "password_expires_at": None,
    }
    assert token["project"] == {"id": "2", "name": "acme", "domain": domain}
    assert [role["name"] for role in token["roles"]] == ["Member", "swiftoperator"]
    assert token["methods"] == ["ec2credential"]
    assert (token["is_domain"], token["catalog"]) == (False, [])
    assert len(token["audit_ids"]) == 1
    issued, expires = (datetime.fromisoformat(token[name]) for name in ("issued_at", "expires_at"))
    assert (expires - issued).total_seconds() == RULES.lifetime
    assert world.events[-1]["use_case"] == "s3tokens"
    assert (world.events[-1]["caller"], world.events[-1]["user_id"]) == ("store", "uuid-alice")


async def test_every_document_has_a_name_of_its_own(client):
    names = [(await asked(client, v4()))["token"]["audit_ids"][0] for _ in range(3)]
    assert len(set(names)) == 3
    assert {len(base64.urlsafe_b64decode(f"{name}==")) for name in names} == {16}


async def test_no_usable_token_leaves_with_it(client):
    response = await client.post(S3TOKENS, json=v4(), headers=KNOWN)
    assert "X-Subject-Token" not in response.headers
    access = (await asked(client, v4(), path="/v2.0/s3tokens"))["access"]
    response = await client.post(S3TOKENS, json=v4(), headers={"X-Auth-Token": access["token"]["id"]})
    assert response.status == 403


async def test_version_2_has_its_own_words(client):
    access = (await asked(client, v4(), path="/v2.0/s3tokens"))["access"]
    assert access["token"]["tenant"] == {"id": "2", "name": "acme", "enabled": True}
    assert {"id", "expires", "issued_at"} <= access["token"].keys()
    assert (access["user"]["id"], access["user"]["name"]) == ("uuid-alice", "alice")
    assert [role["name"] for role in access["user"]["roles"]] == ["Member", "swiftoperator"]
    assert access["serviceCatalog"] == []


@pytest.mark.parametrize("name", ["credentials", "credential", "ec2Credentials"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
async def test_every_name_and_alphabet_of_keystones_is_understood(client, name, encode):
    (inner,) = v4(encode=encode).values()
    await asked(client, {name: inner})


ANY = {"access": "a", "token": "YQ==", "signature": "s"}


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"credentials": []},
        {"credentials": ANY, "credential": ANY},
        {"credentials": {}},
        {"credentials": ANY | {"access": None}},
        {"credentials": ANY | {"access": ""}},
        {"credentials": ANY | {"token": 5}},
        {"credentials": ANY | {"token": "YQ"}},
        {"credentials": ANY | {"token": "+_8="}},
        {"credentials": ANY | {"signature": ["s"]}},
    ],
)
async def test_what_is_no_question_is_malformed(client, body):
    await refused(client, body, 400, "malformed")


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"credentials": {"access": "a", "access": "b"}}'])
async def test_what_is_no_json_is_malformed(client, raw):
    response = await client.post(S3TOKENS, data=raw, headers=KNOWN)
    assert response.status == 400


async def test_nothing_but_post_is_allowed_there(client):
    for path in (S3TOKENS, "/v2.0/s3tokens"):
        response = await client.get(path, headers=KNOWN)
        assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_a_body_too_long_is_refused_in_the_same_form(client):
    response = await client.post(S3TOKENS, data=b"x" * 70000, headers=KNOWN)
    assert response.status == 413
    assert (await response.json())["error"]["code"] == 413


def forged(text):
    return question("ALICEKEY", base64.b64encode(text.encode()).decode(), "s")


@pytest.mark.parametrize(
    ("make", "status", "reason"),
    [
        (lambda: v4(secret="wrong"), 401, "signature_refused"),
        (lambda: v2(secret="wrong"), 401, "signature_refused"),
        (lambda: v4("NOBODY"), 404, "unknown_access_key"),
        (lambda: v2("NOBODY"), 404, "unknown_access_key"),
        (lambda: v4("OFFKEY"), 401, "account_problem"),
        (lambda: v4("OFFKEY", secret="wrong"), 401, "signature_refused"),
        (lambda: v4("TWICEKEY"), 401, "account_problem"),
        (lambda: v4("NARROWKEY"), 401, "account_problem"),
        (lambda: v4(service="ec2"), 401, "signature_refused"),
        (lambda: v4(at=time.time() + 1000), 401, "signature_refused"),
        (lambda: v4(at=time.time() - 604800 - 1000), 401, "signature_refused"),
        (lambda: v2(expires=time.time() - 5), 401, "signature_refused"),
        (lambda: v2(expires=time.time() + 604900), 401, "signature_refused"),
        (lambda: forged("a POST policy, for all we know"), 401, "signature_refused"),
        (lambda: forged("GET\n\n\nyesterday\n/b/k"), 401, "signature_refused"),
        (lambda: forged("GET\n\n\n\n/b/k"), 401, "signature_refused"),
        (
            lambda: forged(
                f"GET\n\n\n\nx-amz-date:{datetime.now(UTC):%Y%m%dT%H%M%SZ}\nx-amz-security-token:t\n/b/k"
            ),
            401,
            "signature_refused",
        ),
    ],
)
async def test_a_no_has_the_status_a_store_reads_rightly(client, world, make, status, reason):
    await refused(client, make(), status, reason)
    assert world.events[-1]["verdict"] == "deny"


async def test_what_a_presigned_request_may_be_old_is_admitted(client):
    await asked(client, v4(at=time.time() - 604800))
    await asked(client, v2(expires=time.time() + 604700))


@pytest.mark.parametrize("service", ["s3", "iam", "sts"])
async def test_the_services_that_stores_serve_are_admitted(client, service):
    await asked(client, v4(service=service))


async def test_strict_bounds_and_other_services_are_the_operators_choice():
    world = World(presented_strict=True, presented_services=frozenset({"s3express"}))
    async with world.client() as client:
        await asked(client, v4(service="s3express"))
        await refused(client, v4(service="s3"), 401, "signature_refused")
        await refused(client, v4(service="s3express", at=time.time() - 1000), 401, "signature_refused")


async def test_a_service_must_be_of_both_lists_where_there_are_two():
    world = World(services=frozenset({"s3", "ec2"}))
    async with world.client() as client:
        await asked(client, v4())
        await refused(client, v4(service="ec2"), 401, "signature_refused")
        await refused(client, v4(service="sts"), 401, "signature_refused")


async def test_no_answer_is_503_and_never_a_verdict(client, world):
    world.directory.down = True
    response = await client.post(S3TOKENS, json=v4(), headers=KNOWN)
    assert response.status == 503
    assert 1 <= int(response.headers["Retry-After"]) <= 3
    assert world.events[-1]["verdict"] == "unavailable"


async def test_an_end_of_the_key_is_the_end_of_the_document(client, world):
    ends = time.time() + 20
    world.directory.put(credential("ALICEKEY", name="alice", pair=KeyPair(id="p", expires_at=ends)))
    token = (await asked(client, v4()))["token"]
    assert abs(datetime.fromisoformat(token["expires_at"]).timestamp() - ends) < 0.001


def with_account(held, **changes):
    principal = held.principal
    account = dataclasses.replace(principal.account, **changes)
    return dataclasses.replace(held, principal=dataclasses.replace(principal, account=account))


@pytest.mark.parametrize(
    ("account", "dashes", "project"),
    [
        (UUID, False, "7c9e6679742540de944be07fc1f90ae7"),
        (UUID, True, UUID),
        ("2", False, "2"),
        ("a-b", False, "a-b"),
    ],
)
async def test_a_projects_id_is_the_accounts_without_a_uuids_dashes(world, account, dashes, project):
    world.directory.put(with_account(world.people[1], id=account))
    async with world.client(rules=dataclasses.replace(RULES, dashes=dashes)) as client:
        assert (await asked(client, v4()))["token"]["project"]["id"] == project
        response = await client.get(OF_ALICE, headers=KNOWN)
        assert (await response.json())["credential"]["tenant_id"] == project


@pytest.mark.parametrize(
    ("kind", "roles"),
    [
        (AccountType.NORMAL, ["u"]),
        (AccountType.ADMIN, ["a", "b"]),
        (AccountType.DOMAIN_ADMIN, ["d"]),
        (AccountType.RESOURCE_DOMAIN_ADMIN, ["d"]),
        (AccountType.READ_ONLY_ADMIN, ["u"]),
        (AccountType.PROJECT, ["u"]),
        (AccountType.UNKNOWN, ["u"]),
    ],
)
async def test_roles_follow_the_account_type_and_unknown_ones_are_users(world, kind, roles):
    world.directory.put(with_account(world.people[1], type=kind))
    rules = dataclasses.replace(
        RULES,
        user_roles=frozenset({"u"}),
        domain_admin_roles=frozenset({"d"}),
        admin_roles=frozenset({"b", "a"}),
    )
    async with world.client(rules=rules) as client:
        token = (await asked(client, v4()))["token"]
        assert [role["name"] for role in token["roles"]] == roles


async def test_names_are_never_empty(world):
    held = with_account(world.people[1], name="")
    principal = dataclasses.replace(
        held.principal,
        user=dataclasses.replace(held.principal.user, name=""),
        domain=dataclasses.replace(held.principal.domain, name=""),
    )
    world.directory.put(dataclasses.replace(held, principal=principal))
    async with world.client() as client:
        token = (await asked(client, v4()))["token"]
        assert (token["user"]["name"], token["project"]["name"]) == ("uuid-alice", "2")
        assert (
            token["user"]["domain"] == token["project"]["domain"] == {"id": "uuid-root", "name": "uuid-root"}
        )


class Slow(MemoryDirectory):
    async def find(self, access_key, *, max_age=None):
        await asyncio.sleep(0.02)
        return await super().find(access_key, max_age=max_age)


async def test_32_cold_requests_for_one_key_are_one_look_up(world):
    clock = SystemClock()
    origin = Slow(clock, world.people)
    world.directory = CachedDirectory(origin, local=LocalCache(clock, known=10), shared=None, clock=clock)
    async with world.client() as client:
        answers = await asyncio.gather(*(asked(client, v4()) for _ in range(32)))
    await world.directory.close()
    assert {answer["token"]["user"]["id"] for answer in answers} == {"uuid-alice"}
    assert origin.asked == 1


# --- who asks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers", [{}, {"X-Auth-Token": "asv_unknown"}, {"X-Auth-Token": "gAAAAAunknown"}, {"X-Auth-Token": "ü"}]
)
async def test_a_store_nobody_knows_hears_nothing_of_the_user(client, world, headers):
    """401 is "bad signature" to RGW (ceph#71359); so of the store itself it is never said here."""
    for body in (v4(), v4(secret="wrong"), v4("NOBODY"), {"not": "read"}):
        await refused(client, body, 403, "caller_unauthorized", headers=headers)
        assert world.directory.asked == 0
    response = await client.get(OF_ALICE, headers=headers)
    assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Keystone")
    response = await client.get(TOKENS, headers=headers | {"X-Subject-Token": "x"})
    assert response.status == 401


async def test_a_caller_without_the_grant_is_told_403(client, world):
    headers = {"X-Auth-Token": POOR_TOKEN}
    await refused(client, v4(), 403, "caller_forbidden", headers=headers)
    response = await client.get(OF_ALICE, headers=headers)
    assert response.status == 403
    response = await client.get(TOKENS, headers=headers | {"X-Subject-Token": "x"})
    assert response.status == 403
    assert world.directory.asked == 0


LEAVES = [
    kind
    for kind in errors.__dict__.values()
    if isinstance(kind, type) and issubclass(kind, AuthError) and kind is not AuthError
]


class Refusing:
    """A use case that refuses whatever it is asked."""

    def __init__(self, error):
        self.error = error

    async def string(self, **_):
        raise self.error

    async def __call__(self, *_, **__):
        raise self.error


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
async def test_every_refusal_is_said_in_the_words_of_its_table(kind):
    class Broken(World):
        @property
        def service(self):
            refusing = Refusing(kind("why ü \udc80"))
            return dataclasses.replace(super().service, verify=refusing, identify=refusing)

    async with Broken().client() as client:
        message = await refused(client, v4(), *KEYSTONE.say(kind()))
        assert message == "why \\xfc \\udc80" or "why" in message
        response = await client.get(OF_ALICE, headers=KNOWN)
        assert response.status == KEYSTONE_SERVICE.say(kind()).status
        assert ("Retry-After" in response.headers) == (response.status == 503)


def test_of_a_user_rgw_hears_what_it_can_read():
    said = {kind: KEYSTONE.say(kind()).status for kind in LEAVES}
    assert {kind for kind, status in said.items() if status == 404} == {errors.UnknownAccessKey}
    assert {kind for kind, status in said.items() if status == 403} == {
        errors.CallerUnauthorized,
        errors.CallerForbidden,
    }
    assert all(
        said[kind] == 401
        for kind in LEAVES
        if issubclass(kind, errors.SignatureMismatch | errors.AccountProblem | errors.TimeSkewed)
    )


# --- OS-EC2 -----------------------------------------------------------------------------------------------


async def test_a_secret_goes_to_whoever_has_the_grant(client, world):
    response = await client.get(OF_ALICE, headers=KNOWN)
    assert response.headers["Cache-Control"] == "no-store"
    credential_ = (await response.json())["credential"]
    assert credential_.pop("links")["self"].endswith(OF_ALICE)
    assert credential_ == {
        "access": "ALICEKEY",
        "secret": secret_of("ALICEKEY"),
        "user_id": "uuid-alice",
        "tenant_id": "2",
        "trust_id": None,
    }
    assert secret_of("ALICEKEY") not in repr(world.events)


@pytest.mark.parametrize(
    ("user", "key", "status"),
    [
        ("uuid-bob", "ALICEKEY", 404),
        ("uuid-alice", "NOBODY", 404),
        ("uuid-bob", "OFFKEY", 403),
        ("uuid-carol", "TWICEKEY", 403),
        ("uuid-dora", "NARROWKEY", 403),
    ],
)
async def test_no_secret_of_another_or_of_one_who_may_not(client, user, key, status):
    response = await client.get(f"/v3/users/{user}/credentials/OS-EC2/{key}", headers=KNOWN)
    assert response.status == status
    assert secret_of(key) not in await response.text()


async def test_a_key_may_hold_what_a_path_parts(client, world):
    world.directory.put(credential("A/B+C=", name="eve"))
    for spelt in ("A/B+C=", "A%2FB%2BC%3D"):
        response = await client.get(f"/v3/users/uuid-eve/credentials/OS-EC2/{spelt}", headers=KNOWN)
        assert (await response.json())["credential"]["access"] == "A/B+C="


# --- logging in -------------------------------------------------------------------------------------------


def login(*, user="swift-user", password=PASSWORD, domain=None, scope=True, **more):
    body = {
        "auth": {
            "identity": {
                "methods": ["password"],
                "password": {
                    "user": {"name": user, "domain": domain or {"name": "Default"}, "password": password}
                    | more
                },
            }
        }
    }
    if scope:
        body["auth"]["scope"] = {"project": {"name": "service", "domain": {"name": "Default"}}}
    return body


async def token_of(client, **options):
    response = await client.post(TOKENS, json=login(**options))
    assert response.status == 201, await response.text()
    return response.headers["X-Subject-Token"]


@pytest.mark.parametrize("domain", [{"name": "Default"}, {"id": "default"}])
@pytest.mark.parametrize("scope", [True, False])
async def test_a_service_logs_in_and_asks(client, domain, scope):
    response = await client.post(TOKENS, json=login(domain=domain, scope=scope))
    assert response.status == 201
    assert response.headers["Cache-Control"] == "no-store"
    token = (await response.json())["token"]
    assert (token["user"]["id"], token["user"]["name"]) == ("swift", "swift-user")
    assert [role["name"] for role in token["roles"]] == ["service"]
    assert datetime.fromisoformat(token["expires_at"]) > datetime.now(UTC)
    (identity,) = token["catalog"]
    assert identity["type"] == "identity"
    assert {endpoint["interface"] for endpoint in identity["endpoints"]} == {"admin", "internal", "public"}
    assert {endpoint["url"] for endpoint in identity["endpoints"]} == {f"{str(client.make_url('/'))[:-1]}/v3"}
    headers = {"X-Auth-Token": response.headers["X-Subject-Token"]}
    await asked(client, v4(), headers=headers)
    assert (await client.get(OF_ALICE, headers=headers)).status == 403  # its entry has no grant "secret"


async def test_a_service_may_log_in_by_its_id(client):
    body = login()
    user = body["auth"]["identity"]["password"]["user"]
    del user["name"], user["domain"]
    user["id"] = "swift"
    assert (await client.post(TOKENS, json=body)).status == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrong"},
        {"password": PASSWORD + "\0"},
        {"user": "alice"},
        {"user": "swift"},
        {"domain": {"name": "default"}},
        {"domain": {"id": "Default"}},
        {"id": "store"},
    ],
)
async def test_whoever_gives_anything_else_is_refused_in_one_wording(client, wrong):
    response = await client.post(TOKENS, json=login(**wrong))
    error = (await response.json())["error"]
    assert (response.status, error["message"]) == (401, "the user name, domain or password is wrong")
    assert "X-Subject-Token" not in response.headers


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"auth": {}},
        {"auth": {"identity": {"methods": ["token"], "token": {"id": "x"}}}},
        {"auth": {"identity": {"methods": ["password", "totp"], "password": {}}}},
        {"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "x", "domain": {}}}}}},
        {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": {"name": "x", "password": "x"}}}
            }
        },
        {"auth": {"identity": {"methods": ["password"], "password": {"user": {"id": 5, "password": "x"}}}}},
    ],
)
async def test_what_is_no_login_is_malformed(client, body):
    assert (await client.post(TOKENS, json=body)).status == 400


def callers(*hashes, name="swift", **more):
    entry = Caller(
        name=name,
        grants=frozenset({"verify"}),
        options={
            "keystone": {"user": "swift-user", "password_scrypt": [str(each) for each in hashes], **more}
        },
    )
    return Callers((entry,))


async def test_an_issued_token_is_good_in_every_process_and_after_a_restart(world):
    async with world.client() as one:
        token = await token_of(one)
    async with World().client() as other:
        await asked(other, v4(), headers={"X-Auth-Token": token})


async def test_keys_overlap_while_they_are_rotated(world):
    old, new = b"o" * 32, b"n" * 32
    tokens = {}
    for name, keys in (("old", (old,)), ("new", (new, old))):
        async with world.client(rules=dataclasses.replace(RULES, token_keys=keys)) as client:
            tokens[name] = await token_of(client)
    for keys, known in (((old, new), {"old", "new"}), ((new, old), {"old", "new"}), ((new,), {"new"})):
        async with world.client(rules=dataclasses.replace(RULES, token_keys=keys)) as client:
            for name, token in tokens.items():
                response = await client.post(S3TOKENS, json=v4(), headers={"X-Auth-Token": token})
                assert response.status == (200 if name in known else 403)


async def test_a_token_dies_with_the_password_it_was_issued_for_and_not_before(world):
    another = PasswordHash.make(b"another", n=2)
    async with world.client(callers=callers(CHEAP_HASH, another)) as client:
        token, newer = await token_of(client), await token_of(client, password="another")
    async with world.client(callers=callers(another)) as client:
        await refused(client, v4(), 403, "caller_unauthorized", headers={"X-Auth-Token": token})
        await asked(client, v4(), headers={"X-Auth-Token": newer})
    async with world.client(callers=callers(CHEAP_HASH, name="ceph")) as client:
        await refused(client, v4(), 403, "caller_unauthorized", headers={"X-Auth-Token": newer})


def sealed(**changes):
    now = time.time()
    issued = {
        "kind": "caller",
        "subject": "swift",
        "issued_at": now,
        "expires_at": now + 60,
        "proof": CHEAP_HASH.fingerprint,
    }
    return ServiceTokens(RULES.token_keys).issue(Issued(**(issued | changes)))


async def test_an_ended_token_opens_for_a_moment_longer_because_clocks_differ(client):
    now = time.time()
    await asked(client, v4(), headers={"X-Auth-Token": sealed(expires_at=now - GRACE + 30)})
    await refused(
        client,
        v4(),
        403,
        "caller_unauthorized",
        headers={"X-Auth-Token": sealed(expires_at=now - GRACE - 30)},
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "user", "subject": "swift"},
        {"kind": "user", "subject": "ALICEKEY"},
        {"subject": "store", "proof": ""},
        {"proof": ""},
    ],
)
async def test_a_token_of_another_kind_opens_nothing(client, changes):
    """A user's token must never let its holder ask as a store (CVE-2025-65073)."""
    await refused(client, v4(), 403, "caller_unauthorized", headers={"X-Auth-Token": sealed(**changes)})


async def test_a_token_shown_is_described(client):
    token = await token_of(client)
    for method in ("GET", "HEAD"):
        response = await client.request(
            method, TOKENS, headers={"X-Auth-Token": token, "X-Subject-Token": token}
        )
        assert response.status == 200
        assert response.headers["X-Subject-Token"] == token
    response = await client.get(TOKENS, headers=KNOWN | {"X-Subject-Token": token})
    assert (await response.json())["token"]["user"]["id"] == "swift"


@pytest.mark.parametrize(
    ("subject", "query", "status"),
    [
        ({"expires_at": time.time() - 60}, "", 404),
        ({"expires_at": time.time() - 60}, "?allow_expired=0", 404),
        ({"expires_at": time.time() - 60}, "?allow_expired=1", 200),
        ({"expires_at": time.time() - 172900}, "?allow_expired=1", 404),
        ({"proof": "x"}, "", 404),
        ({"subject": "gone"}, "", 404),
        ({"kind": "user", "subject": "ALICEKEY"}, "", 200),
        ({"kind": "user", "subject": "OFFKEY"}, "", 404),
        ({"kind": "user", "subject": "NOBODY"}, "", 404),
    ],
)
async def test_a_token_that_is_no_longer_good_is_not_found(client, subject, query, status):
    response = await client.get(TOKENS + query, headers=KNOWN | {"X-Subject-Token": sealed(**subject)})
    assert response.status == status


async def test_a_subject_that_is_no_token_is_not_found_and_none_is_malformed(client):
    for subject in ("x", TOKEN, "gAAAAA", "ü"):
        response = await client.get(TOKENS, headers=KNOWN | {"X-Subject-Token": subject})
        assert response.status == 404
    assert (await client.get(TOKENS, headers=KNOWN)).status == 400


async def guessed(client, **options):
    """Guess at a name more often than it may be tried at once; return the statuses there were."""
    guesses = (login(password=f"guess {n}", **options) for n in range(ATTEMPTS + 10))
    answers = await asyncio.gather(*(client.post(TOKENS, json=guess) for guess in guesses))
    return {answer.status for answer in answers}


async def test_a_right_password_is_let_in_while_somebody_guesses(client):
    """No one is locked out by another's guesses, and the slow hash is not had for the asking."""
    await token_of(client)
    assert await guessed(client) == {401, 503}
    await token_of(client)


@pytest.mark.parametrize("guess", [{"user": "nobody"}, {"id": "nobody"}, {"domain": {"name": "Other"}}])
async def test_guesses_at_other_names_do_not_hold_up_a_first_login(client, guess):
    assert await guessed(client, **guess) == {401, 503}
    await token_of(client)


# --- discovery --------------------------------------------------------------------------------------------


async def test_versions_are_listed_to_anybody(client):
    response = await client.get("/")
    assert response.status == 300
    (version,) = (await response.json())["versions"]["values"]
    assert (version["id"][:2], version["status"]) == ("v3", "stable")
    assert version["links"] == [{"rel": "self", "href": f"{client.make_url('/v3/')}"}]
    for path in ("/v3", "/v3/"):
        response = await client.get(path)
        assert (response.status, (await response.json())["version"]) == (200, version)


async def test_the_operator_may_say_where_the_face_is(world):
    async with world.client(rules=dataclasses.replace(RULES, url="https://auth.example/keystone")) as client:
        (version,) = (await (await client.get("/")).json())["versions"]["values"]
        assert version["links"][0]["href"] == "https://auth.example/keystone/v3/"


@pytest.mark.parametrize("host", ["a b", "evil/", "é", '"><script>'])
async def test_a_host_that_is_none_is_not_repeated(client, host):
    response = await client.get("/", headers={"Host": host})
    assert response.status == 400
    assert "evil" not in await response.text()


# --- set up -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"user": ""}, "user must be text"),
        ({"domain": 5}, "domain must be text"),
        ({"passwd": "x"}, "unknown key 'passwd'"),
        ({"password_scrypt": "x"}, "must be a list of hashes"),
        ({"password_scrypt": []}, "must be a list of hashes"),
        ({"password_scrypt": ["hunter2"]}, "a password hash must be"),
        ({"password_scrypt": ["scrypt$16777216$8$1$YWFhYQ==$YWFhYQ=="]}, "a password hash"),
        ({"password_scrypt": ["scrypt$1048576$8$1$YWFhYQ==$YWFhYQ=="]}, "64 MiB"),
        ({"password_scrypt": ["scrypt$1000$8$1$YWFhYQ==$YWFhYQ=="]}, "power of two"),
    ],
)
def test_what_is_wrong_with_a_login_is_said_at_the_start(options, said):
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        FACES[2].routes(callers(CHEAP_HASH, **options))
    assert "hunter2" not in str(caught.value)


def test_two_callers_may_not_be_one_user():
    both = Callers((*callers(CHEAP_HASH).all, *callers(CHEAP_HASH, name="ceph").all))
    with pytest.raises(ValueError, match="two callers are 'swift-user'"):
        FACES[2].routes(both)


def test_logins_need_keys():
    with pytest.raises(ValueError, match="AUTHSVC_TOKEN_KEYS"):
        faces(keystone_rules=Rules())[2].routes(CALLERS)
    assert faces(keystone_rules=Rules())[2].routes(Callers())


def test_a_caller_may_have_a_login_and_nothing_else():
    source = f'[[caller]]\nname = "ceph"\ngrants = ["verify"]\n[caller.keystone]\nuser = "ceph"\npassword_scrypt = ["{CHEAP_HASH}"]\n'
    (caller,) = Callers.parse(source, OPTIONS).all
    assert FACES[2].routes(Callers((caller,)))
