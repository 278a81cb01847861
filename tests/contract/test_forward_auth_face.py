"""Gateways ask about requests they hold back, and understand the answer."""

from __future__ import annotations

import re
import time
from urllib.parse import unquote, urlsplit

import pytest
from aiohttp import ClientSession, TCPConnector
from aiohttp.test_utils import TestClient
from botocore.auth import HmacV1Auth, HmacV1QueryAuth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from yarl import URL

from authsvc.faces.callers import Callers, token_digest
from authsvc.faces.forward_auth.identity import HEADERS
from authsvc.faces.registry import OPTIONS
from tests import signers
from tests.certificates import Authority
from tests.people import alice, signed_s3
from tests.served import Served
from tests.standins import cloudstack_query, s3_question, secret_of

FILE = f"""
[[caller]]
name = "nginx"
token_sha256 = ["{token_digest("nginx")}"]
grants = ["verify"]
[caller.forward_auth]
headers = "original"
expect = {{ service = "s3", region = "us-east-1" }}
bucket_hosts = ["s3.example.com"]

[[caller]]
name = "caddy"
token_sha256 = ["{token_digest("caddy")}"]
grants = ["verify"]
[caller.forward_auth]
headers = "forwarded"

[[caller]]
name = "unsaid"
token_sha256 = ["{token_digest("unsaid")}"]
grants = ["verify"]

[[caller]]
name = "styled"
token_sha256 = ["{token_digest("styled")}"]
grants = ["verify"]
[caller.forward_auth]
style = "ec2"

[[caller]]
name = "poor"
token_sha256 = ["{token_digest("poor")}"]
grants = ["identify"]
"""
CALLERS = Callers.parse(FILE, OPTIONS)
KEYS = ["plain", "two%20words", "%C3%BC+%2B~", "a%2Fb", "a//b", "a/../b/./c", "%2e%2e/x", "a;b=c:d@e,f"]


def gateway(question, *, caller="nginx", family="Original", **more):
    """Ask as a gateway does: the client's headers, its own token, and what the client's request was."""
    host = next(value for name, value in question["headers"] if name == "Host")
    own = {
        "X-Auth-Token": caller,
        f"X-{family}-Method": question["method"],
        f"X-{family}-URI": question["target"],
        f"X-{family}-Host": host,
    }
    headers = [(name, value) for name, value in question["headers"] if name != "Host"]
    return [*headers, *own.items(), *more.items()]


def question(method, url, headers):
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return {
        "method": method,
        "target": target,
        "headers": [["Host", parts.netloc], *([name, value] for name, value in headers.items())],
    }


def presigned(key="ALICEKEY", url="https://s3.example.com/bucket/k%20ey"):
    request = AWSRequest(method="GET", url=url, headers={"Host": urlsplit(url).netloc})
    S3SigV4QueryAuth(Credentials(key, secret_of(key)), "s3", "us-east-1", expires=600).add_auth(request)
    return question("GET", request.url, {})


def v4(method, target, secret=None):
    path, _, query = target.partition("?")
    made = signed_s3(
        method=method,
        path=path,
        query=query,
        at=time.time(),
        access_key="ALICEKEY",
        secret=secret or secret_of("ALICEKEY"),
    )
    return {"method": method, "target": target, "headers": [list(pair) for pair in made.headers]}


def v2(signer=HmacV1Auth, url="https://s3.example.com/bucket/k%20ey", **more):
    request = AWSRequest(method="GET", url=url, auth_path=more.get("auth_path"))
    signer(Credentials("ALICEKEY", secret_of("ALICEKEY"))).add_auth(request)
    return question("GET", request.url, request.headers)


def cloudstack(key="ALICEKEY", **parameters):
    query = cloudstack_query(key, command="listZones", response="json", **parameters)
    return {"method": "GET", "target": f"/client/api?{query}", "headers": [["Host", "cloud.example"]]}


# --- yes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [s3_question(), presigned(), v2(), v2(HmacV1QueryAuth), cloudstack()],
    ids=["v4", "v4-presigned", "v2", "v2-presigned", "cloudstack"],
)
@pytest.mark.parametrize(
    ("caller", "family"), [("nginx", "Original"), ("caddy", "Forwarded"), ("unsaid", "Original")]
)
async def test_a_signed_request_passes_with_its_signers_name(world, asked, caller, family):
    async with world.client(CALLERS) as client:
        answer = await client.get("/forward-auth", headers=gateway(asked, caller=caller, family=family))
        assert answer.status == 200, await answer.text()
        assert await answer.text() == ""
        assert answer.headers["X-Auth-User"] == "alice"
        assert answer.headers["X-Auth-Roles"] == "User,Root%20Admin"
        assert answer.headers["Cache-Control"] == "no-store"
    assert world.decisions.all[-1].caller == caller
    event = world.events[-1]
    assert (event["caller"], event["verdict"], event["user_id"]) == (caller, "allow", "uuid-alice")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_method_and_raw_path_are_the_clients(world, method, key):
    asked = v4(method, f"/bucket/{key}?x=a%2Fb&y")
    async with world.client(CALLERS) as client:
        answer = await client.get("/forward-auth", headers=gateway(asked))
        assert answer.status == 200, await answer.text()
        other = gateway(asked | {"method": "POST"})
        assert (await client.get("/forward-auth", headers=other)).status == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS", "PROPFIND"])
async def test_the_gateway_may_ask_by_any_method(world, method):
    async with world.client(CALLERS) as client:
        answer = await client.request(method, "/forward-auth", headers=gateway(s3_question()))
        assert (answer.status, answer.headers["X-Auth-User"]) == (200, "alice")
        denied = gateway(s3_question(secret="wrong"))
        assert (await client.request(method, "/forward-auth", headers=denied)).status == 403


async def test_the_whole_identity_is_always_told(world):
    async with world.client(CALLERS) as client:
        answer = await client.get("/forward-auth", headers=gateway(s3_question("ADMINKEY")))
    assert {name: answer.headers[name] for name in HEADERS} == {
        "X-Auth-User": "admin",
        "X-Auth-User-Id": "uuid-admin",
        "X-Auth-Account": "acme",
        "X-Auth-Account-Id": "2",
        "X-Auth-Domain": "/",
        "X-Auth-Domain-Id": "uuid-root",
        "X-Auth-Roles": "Admin,Root%20Admin",
        "X-Auth-Scheme": "sigv4",
        "X-Auth-Key-Restricted": "false",
    }


# --- no -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (s3_question(secret="wrong"), "SignatureDoesNotMatch"),
        (s3_question("NOBODY"), "InvalidAccessKeyId"),
        (s3_question("OFFKEY"), "AccountProblem"),
        (s3_question(service="ec2"), "AuthorizationHeaderMalformed"),
        ({"method": "GET", "target": "/b/k", "headers": [["Host", "s3.example.com"]]}, "AccessDenied"),
        (s3_question() | {"target": "/bucket/%zz"}, "InvalidURI"),
        (s3_question() | {"method": "GE T"}, "InvalidRequest"),
        (s3_question() | {"target": "http://s3.example.com/bucket/key"}, "InvalidRequest"),
        (
            {
                "method": "GET",
                "target": "/b/k",
                "headers": [["Host", "s3.example.com"], ["Authorization", "Bearer a-user's-own"]],
            },
            "InvalidArgument",
        ),
    ],
    ids=["wrong", "unknown", "off", "scope", "unsigned", "escape", "method", "absolute", "bearer"],
)
async def test_every_no_is_403_in_s3s_words(world, asked, code):
    async with world.client(CALLERS) as client:
        answer = await client.get("/forward-auth", headers=gateway(asked))
        text = await answer.text()
    assert answer.status == 403
    assert f"<Code>{code}</Code>" in text
    assert answer.headers["X-Auth-Error"] == code
    assert answer.content_type == "application/xml"
    assert not set(HEADERS) & set(answer.headers)


async def test_what_was_signed_is_shown_and_never_what_should_have_been(world):
    asked = s3_question(target="/bucket/<&>%00", secret="wrong")
    async with world.client(CALLERS) as client:
        text = await (await client.get("/forward-auth", headers=gateway(asked))).text()
    right = dict(s3_question(target="/bucket/<&>%00")["headers"])["Authorization"]
    assert "<StringToSign>AWS4-HMAC-SHA256" in text
    assert "<Resource>/bucket/&lt;&amp;&gt;%00</Resource>" in text
    assert right.rpartition("=")[2] not in text


@pytest.mark.parametrize(
    ("asked", "where", "status", "pattern"),
    [
        (cloudstack("NOBODY"), "", 401, r'{"errorresponse":{"uuidList":\[\],"errorcode":401,'),
        (cloudstack("NOBODY"), "?style=s3", 403, "<Error><Code>"),
        (s3_question("NOBODY"), "?style=cloudstack", 401, "<errorresponse>"),
        (s3_question("NOBODY"), "?style=ec2", 403, "<Response><Errors><Error><Code>InvalidClientTokenId<"),
        (s3_question("NOBODY"), "?style=nonsense", 403, "<Error><Code>InvalidAccessKeyId<"),
    ],
)
async def test_a_no_is_said_in_the_clients_style(world, asked, where, status, pattern):
    async with world.client(CALLERS) as client:
        answer = await client.get(
            f"/forward-auth{where}", headers=gateway(asked, caller="caddy", family="Forwarded")
        )
        assert answer.status == status
        assert re.search(pattern, await answer.text())


async def test_the_style_of_the_callers_entry(world):
    async with world.client(CALLERS) as client:
        answer = await client.get("/forward-auth", headers=gateway(s3_question("NOBODY"), caller="styled"))
        assert "<Response><Errors>" in await answer.text()


async def test_a_cause_is_not_told_to_clients_of_cloudstack(world):
    texts = set()
    async with world.client(CALLERS) as client:
        for asked in (cloudstack("NOBODY"), cloudstack("OFFKEY"), cloudstack(secret="wrong")):
            texts.add(await (await client.get("/forward-auth", headers=gateway(asked))).text())
    assert len(texts) == 1


# --- neither --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [s3_question(), cloudstack()], ids=["s3", "cloudstack"])
async def test_what_could_not_be_found_out_is_neither(world, asked):
    world.directory.down = True
    async with world.client(CALLERS) as client:
        answer = await client.get("/forward-auth", headers=gateway(asked))
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) in {1, 2, 3}
    assert not set(HEADERS) & set(answer.headers)
    assert world.events[-1]["verdict"] == "unavailable"


async def test_a_fault_of_ours_is_no_yes(world):
    world.directory.find = None
    async with world.client(CALLERS) as client:
        answer = await client.get("/forward-auth", headers=gateway(s3_question()))
    assert answer.status == 500


# --- who asks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caller", "status", "code"),
    [
        ("nobody", 401, "CallerUnauthorized"),
        ("", 401, "CallerUnauthorized"),
        ("poor", 403, "CallerForbidden"),
    ],
)
@pytest.mark.parametrize("path", ["/forward-auth", "/ext-authz/bucket/key"])
async def test_only_gateways_are_answered(world, path, caller, status, code):
    async with world.client(CALLERS) as client:
        answer = await client.get(path, headers=gateway(s3_question(), caller=caller))
        assert answer.status == status
        assert f"<Code>{code}</Code>" in await answer.text()
    assert not world.decisions.all


async def test_a_bearer_token_is_the_users_and_makes_no_caller(world):
    async with world.client(CALLERS) as client:
        headers = [
            pair for pair in gateway(s3_question()) if pair[0] not in {"X-Auth-Token", "Authorization"}
        ]
        answer = await client.get("/forward-auth", headers=[*headers, ("Authorization", "Bearer nginx")])
        assert answer.status == 401


async def test_a_certificate_names_a_gateway(world, tmp_path):
    authority = Authority()
    own = authority.server("localhost").write(tmp_path, "own")
    entry = FILE.replace(f'token_sha256 = ["{token_digest("nginx")}"]', 'tls_names = ["nginx.example"]', 1)
    server = Served(world.app(Callers.parse(entry, OPTIONS)), host="localhost", scheme="https")
    await server.start_server(ssl=own.server_context(client_authority=own.authority))
    headers = [pair for pair in gateway(s3_question()) if pair[0] != "X-Auth-Token"]
    async with TestClient(server) as client:
        for name, status in (("nginx.example", 200), ("stranger.example", 401)):
            shown = (
                authority.client(name).write(tmp_path, name).client_context(server_authority=own.authority)
            )
            connector = TCPConnector(ssl=shown, force_close=True)
            async with ClientSession(connector=connector) as session:
                answer = await session.get(client.make_url("/forward-auth"), headers=headers)
                assert answer.status == status


# --- what is believed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("caller", "family"), [("nginx", "Original"), ("caddy", "Forwarded")])
async def test_a_clients_own_headers_of_the_other_family_are_not_believed(world, caller, family):
    other = {"Original": "Forwarded", "Forwarded": "Original"}[family]
    good, bad = s3_question(), s3_question(target="/somebody/elses", secret="wrong")
    forged = gateway(good, caller=caller, family=other)
    async with world.client(CALLERS) as client:
        headers = [*gateway(bad, caller=caller, family=family)]
        headers += [pair for pair in forged if pair[0].startswith(f"X-{other}")]
        assert (await client.get("/forward-auth", headers=headers)).status == 403
        assert (await client.get("/forward-auth", headers=forged)).status == 403


@pytest.mark.parametrize("name", ["Method", "URI", "Host"])
async def test_both_families_are_a_guess_where_nobody_said(world, name):
    asked = s3_question()
    async with world.client(CALLERS) as client:
        for family, other in (("Original", "Forwarded"), ("Forwarded", "Original")):
            headers = gateway(asked, caller="unsaid", family=family)
            assert (await client.get("/forward-auth", headers=headers)).status == 200
            forged = [*headers, (f"X-{other}-{name}", dict(headers)[f"X-{family}-{name}"])]
            assert (await client.get("/forward-auth", headers=forged)).status == 403


@pytest.mark.parametrize("name", ["X-Original-Method", "X-Original-URI", "X-Original-Host"])
async def test_what_a_gateway_must_say_it_says_once(world, name):
    headers = gateway(s3_question())
    without = [pair for pair in headers if pair[0] != name]
    async with world.client(CALLERS) as client:
        for given in (without, [*without, (name, "")], [*headers, (name, dict(headers)[name])]):
            assert (await client.get("/forward-auth", headers=given)).status == 403


async def test_a_request_for_another_host_is_another_request(world):
    headers = [pair for pair in gateway(s3_question()) if pair[0] != "X-Original-Host"]
    async with world.client(CALLERS) as client:
        answer = await client.get(
            "/forward-auth", headers=[*headers, ("X-Original-Host", "other.example.com")]
        )
        assert answer.status == 403


async def test_a_connection_header_hides_nothing(world):
    """An unsigned x-amz- header is refused, also where a client has it dropped hop by hop."""
    headers = [
        *gateway(s3_question()),
        ("X-Amz-Copy-Source", "/somebody/elses"),
        ("Connection", "x-amz-copy-source"),
    ]
    async with world.client(CALLERS) as client:
        assert (await client.get("/forward-auth", headers=headers)).status == 403


def with_length(length, **asked):
    request = AWSRequest(
        method="PUT",
        url="https://s3.example.com/bucket/key",
        data=b"",
        headers={
            "Host": "s3.example.com",
            "Content-Length": length,
            "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD",
        },
    )
    SigV4Auth(Credentials("ALICEKEY", secret_of("ALICEKEY")), "s3", "us-east-1").add_auth(request)
    made = question("PUT", request.url, request.headers)
    made["headers"] = [pair for pair in made["headers"] if pair[0] != "Content-Length"]
    return made


async def test_a_signed_length_is_the_clients_where_the_gateway_says_it(world):
    asked = with_length("7")
    async with world.client(CALLERS) as client:
        for length, status in (("7", 200), ("8", 403), ("", 403)):
            headers = gateway(asked, **{"X-Original-Content-Length": length})
            assert (await client.get("/forward-auth", headers=headers)).status == status
        for caller, family in (("caddy", "Forwarded"), ("unsaid", "Original")):
            headers = gateway(asked, caller=caller, family=family, **{"X-Original-Content-Length": "7"})
            assert (await client.get("/forward-auth", headers=headers)).status == 403


async def test_a_bucket_in_the_host_is_part_of_what_version_2_signs(world):
    asked = v2(url="https://photos.s3.example.com/k%20ey", auth_path="/photos/k%20ey")
    asked["headers"] = [["Host", "photos.S3.example.com:8080"], *asked["headers"][1:]]
    async with world.client(CALLERS) as client:
        assert (await client.get("/forward-auth", headers=gateway(asked))).status == 200
        elsewhere = gateway(asked, caller="caddy", family="Forwarded")
        assert (await client.get("/forward-auth", headers=elsewhere)).status == 403


async def test_a_form_that_is_passed_on_is_read(world):
    form = cloudstack_query("ALICEKEY", command="listZones").encode()
    asked = {"method": "POST", "target": "/client/api", "headers": [["Host", "cloud.example"]]}
    headers = gateway(asked, **{"Content-Type": "application/x-www-form-urlencoded"})
    async with world.client(CALLERS) as client:
        assert (await client.post("/forward-auth", headers=headers, data=form)).status == 200
        assert (await client.get("/forward-auth", headers=headers)).status == 403
        partial = [*headers, ("X-Envoy-Auth-Partial-Body", "true")]
        assert (await client.post("/forward-auth", headers=partial, data=form)).status == 403
        assert (await client.post("/forward-auth", headers=headers, data=b"x" * 70000)).status == 403


async def test_a_body_of_another_kind_is_the_stores_to_compare(world):
    asked = s3_question(method="PUT", body=b"what the client sent")
    async with world.client(CALLERS) as client:
        answer = await client.post("/forward-auth", headers=gateway(asked), data=b"x" * 200000)
        assert answer.status == 200


async def test_a_signed_body_that_nobody_can_see_is_refused(world):
    """A request signed over no body at all must not vouch for whatever body is sent with it."""
    form = b"Action=DescribeRegions"
    async with world.client(CALLERS) as client:

        async def told(method, body, shown):
            asked = s3_question(service="ec2", method=method, target="/", body=body)
            headers = gateway(asked, caller="caddy", family="Forwarded")
            headers.append(("Content-Type", "application/x-www-form-urlencoded"))
            return (await client.post("/forward-auth", headers=headers, data=shown)).status

        assert await told("POST", form, form) == 200
        assert await told("POST", form, b"") == 403
        assert await told("POST", b"", form) == 403
        assert await told("POST", b"", b"") == 403
        decision = world.decisions.all[-1]
        assert (decision.verdict, decision.reason) == ("deny", "BodyMismatch"), "as the gateway was told"
        assert await told("GET", b"", b"") == 200


async def test_a_hash_stated_in_a_presigned_query_is_the_stores_to_compare(world):
    world.directory.put(alice(access_key=signers.ACCESS_KEY, secret=signers.SECRET_KEY))
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    made = signers.v4_presigned(
        "PUT",
        query=f"X-Amz-Content-Sha256={signers.EMPTY}",
        line=signers.EMPTY,
        stamp=stamp,
        scope=f"{stamp[:8]}/us-east-1/s3/aws4_request",
    )
    asked = {"method": "PUT", "target": made.target, "headers": [list(pair) for pair in made.headers]}
    async with world.client(CALLERS) as client:
        answer = await client.get("/forward-auth", headers=gateway(asked))
        assert answer.status == 200, await answer.text()


# --- Envoy ----------------------------------------------------------------------------------------------


def envoy(asked):
    return [*map(tuple, asked["headers"]), ("X-Auth-Token", "unsaid")]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
async def test_envoy_asks_with_the_clients_own_method_and_path(world, method, key):
    target = f"/bucket/{key}?x=a%2Fb&y"
    async with world.client(CALLERS) as client:
        base = str(client.make_url("")).rstrip("/")
        for secret, status in ((None, 200), ("wrong", 403)):
            asked = v4(method, target, secret)
            url = URL(f"{base}/ext-authz{target}", encoded=True)
            answer = await client.session.request(method, url, headers=envoy(asked))
            assert answer.status == status, await answer.text()
            assert answer.headers.get("X-Auth-User") == ("alice" if status == 200 else None)


async def test_what_stands_before_the_path_is_envoys(world):
    async with world.client(CALLERS) as client:
        base = str(client.make_url("")).rstrip("/")
        url = URL(f"{base}/ext%2Dauthz/bucket/key", encoded=True)
        answer = await client.session.get(url, headers=envoy(s3_question(target="/bucket/key")))
        assert answer.status == 403


async def test_envoy_is_told_503_where_it_could_not_be_found_out(world):
    world.directory.down = True
    async with world.client(CALLERS) as client:
        answer = await client.get("/ext-authz/bucket/key", headers=envoy(s3_question(target="/bucket/key")))
    assert answer.status == 503


def test_names_of_any_letters_are_told_in_ascii():
    from authsvc.faces.forward_auth.identity import identity_headers
    from authsvc.model import Role
    from authsvc.service.verify import Verified
    from tests.unit.test_policy import claim

    name = "Ü\r\nX-Auth-Roles: Admin, 日本\x00"
    credential = alice(
        user={"name": name}, account={"name": "", "role": Role(id="1", name="a, b", type="User")}
    )
    told = identity_headers(Verified(claim=claim(), credential=credential))
    assert all(re.fullmatch(r"[!-~]+", value) for value in told.values())
    assert unquote(told["X-Auth-User"]) == name
    assert told["X-Auth-Account"] == "-"
    assert told["X-Auth-Roles"] == "User,a%2C%20b"
