"""The native face over HTTP: shapes, statuses, codes, and what comes before what."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient
from botocore.auth import HmacV1PostAuth, S3SigV4Auth, S3SigV4PostAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from authsvc import errors
from authsvc.directory.memory import MemoryDirectory
from authsvc.errors import AuthError
from authsvc.faces import ec2, native
from authsvc.faces.callers import GRANTS, Caller, Callers, token_digest
from authsvc.faces.native.openapi import document
from authsvc.model import Secret
from authsvc.signing import Scope
from authsvc.signing.sigv4 import signing_key
from tests.certificates import Authority
from tests.served import Served
from tests.signers import multipart
from tests.standins import AUTHORIZED, POOR_TOKEN, TOKEN, SystemClock, World, s3_question, secret_of

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
POSTS = ("/v1/verify", "/v1/verify/batch", "/v1/users/lookup", "/v1/forget")


@pytest.fixture
async def client(world):
    async with world.client(headers=AUTHORIZED) as client:
        yield client


async def asked(client, path, question, status=200):
    response = await client.post(path, json=question)
    assert response.status == status, await response.text()
    assert response.content_type == "application/json"
    return await response.json()


async def refused(client, path, question, status, code):
    answer = await asked(client, path, question, status)
    assert answer["error"]["code"] == code
    return answer["error"]


async def test_a_signed_request_is_authenticated(client, schemas, world):
    answer = await asked(client, "/v1/verify", s3_question(expect={"service": "s3", "region": "us-east-1"}))
    signature = answer["signature"]
    assert answer == {
        "authenticated": True,
        "scheme": "sigv4",
        "access_key": "ALICEKEY",
        "principal": {
            "user": {"id": "uuid-alice", "name": "alice", "state": "enabled"},
            "account": {"id": "2", "name": "acme", "type": 0, "role": "Root Admin", "state": "enabled"},
            "domain": {"id": "uuid-root", "name": "ROOT", "path": "/"},
            "key": {"id": "pair-1", "expires_at": "2100-01-01T00:00:00Z", "restricted": False},
        },
        "signature": {
            "signed_at": signature["signed_at"],
            "expires_at": None,
            "scope": {"date": signature["scope"]["date"], "region": "us-east-1", "service": "s3"},
            "signed_headers": ["host", "x-amz-content-sha256", "x-amz-date"],
            "unsigned_query": [],
            "payload": "signed",
            "body_sha256": hashlib.sha256(b"").hexdigest(),
        },
        "freshness": {"as_of": answer["freshness"]["as_of"], "source": "database"},
    }
    assert RFC3339.fullmatch(signature["signed_at"])
    assert RFC3339.fullmatch(answer["freshness"]["as_of"])
    assert re.fullmatch(r"\d{8}", signature["scope"]["date"])
    schemas("Verdict", answer)
    (event,) = world.events
    assert {
        "caller": "store",
        "use_case": "verify",
        "verdict": "allow",
        "user_id": "uuid-alice",
    }.items() <= event.items()


async def test_headers_may_be_an_object(client):
    question = s3_question()
    question["headers"] = dict(question["headers"])
    assert (await asked(client, "/v1/verify", question))["authenticated"]


async def test_a_tampered_request_is_refused_in_the_clients_words(client, schemas, world):
    question = s3_question() | {"target": "/bucket/other"}
    answer = await asked(client, "/v1/verify", question)
    assert (answer["authenticated"], answer["scheme"], answer["access_key"]) == (False, "sigv4", "ALICEKEY")
    error = answer["error"]
    assert (error["code"], error["status"]) == ("SignatureDoesNotMatch", 403)
    assert {"string_to_sign", "canonical_request"} <= error["detail"].keys()
    assert "principal" not in answer
    schemas("Verdict", answer)
    assert world.events[0]["reason"] == "SignatureMismatch"


def without(question, *names):
    return question | {"headers": [pair for pair in question["headers"] if pair[0].lower() not in names]}


def without_payload_hash(question):
    """Leave the payload hash out of the request and of what it says is signed."""
    return json.loads(
        json.dumps(without(question, "x-amz-content-sha256")).replace("x-amz-content-sha256;", "")
    )


@pytest.mark.parametrize(
    ("question", "code", "status"),
    [
        (lambda: s3_question("NOBODY"), "InvalidAccessKeyId", 403),
        (lambda: s3_question() | {"target": "/%zz"}, "InvalidURI", 400),
        (lambda: s3_question(secret="other"), "SignatureDoesNotMatch", 403),
        (lambda: s3_question("OFFKEY"), "AccountProblem", 403),
        (lambda: s3_question("TWICEKEY"), "AccountProblem", 403),
        (lambda: s3_question("NARROWKEY"), "AccountProblem", 403),
        (lambda: s3_question(expect={"region": "eu-west-1"}), "AuthorizationHeaderMalformed", 400),
        (lambda: s3_question(expect={"service": "sts"}), "SignatureDoesNotMatch", 403),
        (lambda: without(s3_question(), "authorization"), "AccessDenied", 403),
        (lambda: without(s3_question(), "x-amz-date"), "AccessDenied", 403),
        (lambda: without_payload_hash(s3_question()), "InvalidRequest", 400),
        (lambda: s3_question(body=b"a", body_sha256=hashlib.sha256(b"b").hexdigest()), "XAmzContentSHA256Mismatch", 400),
        (lambda: s3_question("NOBODY", service="ec2"), "InvalidClientTokenId", 403),
        (lambda: s3_question("OFFKEY", service="ec2"), "AccountProblem", 403),
        (lambda: without(s3_question(service="ec2"), "authorization") | {"expect": {"service": "ec2"}},
         "MissingAuthenticationToken", 403),
        (lambda: {"method": "GET", "target": "/", "headers": [["Authorization", "Basic YTpi"]]}, "InvalidArgument", 400),
    ],
)  # fmt: skip
async def test_a_no_is_200_with_the_code_to_send(client, schemas, question, code, status):
    answer = await asked(client, "/v1/verify", question())
    assert (answer["authenticated"], answer["error"]["code"], answer["error"]["status"]) == (
        False,
        code,
        status,
    )
    schemas("Verdict", answer)


async def test_an_account_problem_names_its_reason(client):
    answer = await asked(client, "/v1/verify", s3_question("OFFKEY"))
    assert answer["error"]["detail"]["reason"] == "user-disabled"


async def test_no_answer_holds_a_secret_or_the_right_signature(client):
    right = s3_question()
    question = right | {
        "headers": [
            [name, re.sub("Signature=.{64}", "Signature=" + "0" * 64, value)]
            for name, value in right["headers"]
        ]
    }
    text = json.dumps(await asked(client, "/v1/verify", question))
    (signature,) = re.findall("Signature=(.{64})", json.dumps(right))
    assert signature not in text
    assert secret_of("ALICEKEY") not in text


async def test_could_not_tell_is_503(client, world):
    world.directory.down = True
    for path, question in (
        ("/v1/verify", s3_question()),
        ("/v1/users/lookup", {"access_key": "ALICEKEY"}),
        ("/v1/forget", {"access_key": "ALICEKEY"}),
    ):
        response = await client.post(path, json=question)
        assert response.status == 503
        assert response.headers["Retry-After"] in ("1", "2", "3")
        assert (await response.json())["error"]["code"] == "ServiceUnavailable"
    assert [event["verdict"] for event in world.events] == ["unavailable"] * 3


async def test_a_no_has_one_name_in_the_log_whoever_is_told_it(client, world):
    for headers, status in (({}, 404), ({"Authorization": "Bearer nobody"}, 401)):
        response = await client.post("/v1/users/lookup", json={"access_key": "NOBODY"}, headers=headers)
        assert response.status == status
    assert [event["verdict"] for event in world.events] == ["deny"] * 2


class Refuses:
    """A use case that has one error to give."""

    def __init__(self, error):
        self._error = error

    async def __call__(self, *_args, **_options):
        raise self._error


def leaves(kind):
    for child in kind.__subclasses__():
        yield child
        yield from leaves(child)


@pytest.mark.parametrize("kind", [kind for kind in leaves(AuthError) if kind.__module__ == errors.__name__])
@pytest.mark.parametrize("scheme", ["sigv4", "cloudstack", None])
async def test_every_error_is_answered_and_none_is_a_fault(world, schemas, kind, scheme):
    error = kind(
        "bytes \udcff in it", reason="x", odd=b"\xff", many={"b\udcff", 1}, deep={"n": (None, object)}
    )
    error.scheme, error.access_key = scheme, "KEY\udcff"
    service = replace(world.service, verify=Refuses(error))

    class Fixed(World):
        service = None

    fixed = Fixed()
    fixed.service = service
    async with fixed.client(headers=AUTHORIZED) as client:
        response = await client.post("/v1/verify", json=s3_question())
        if issubclass(kind, errors.Unavailable):
            assert response.status == 503
        else:
            assert response.status == 200
            answer = await response.json()
            assert 400 <= answer["error"]["status"] < 500
            schemas("Verdict", answer)


@pytest.mark.parametrize("path", POSTS)
async def test_a_caller_is_known_before_its_body_is_read(world, path):
    """The body announced here never comes; an answer that waited for it would never come either."""
    async with world.client() as client:
        for header in (
            "",
            "Authorization: Bearer wrong\r\n",
            "X-Auth-Token: wrong\r\nExpect: 100-continue\r\n",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
            writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\n{header}Content-Length: 1000\r\n\r\n".encode())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith(b"HTTP/1.1 401 ")
            length = int(re.search(rb"Content-Length: (\d+)", head)[1])
            assert json.loads(await reader.readexactly(length))["error"]["code"] == "CallerUnauthorized"
            writer.close()
        response = await client.post(
            path, headers={"Authorization": f"Bearer {POOR_TOKEN}"}, data=b"x" * 100_000
        )
        assert response.status == 403
        assert (await response.json())["error"]["code"] == "CallerForbidden"
    assert world.directory.asked == 0


async def test_a_body_is_asked_for_once_its_caller_is_known(world):
    async with world.client() as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        body = json.dumps(s3_question()).encode()
        head = f"POST /v1/verify HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {TOKEN}\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode())
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 200 ")
        writer.close()


@pytest.mark.parametrize("cut", ["Content-Length: 999", "Transfer-Encoding: chunked"])
async def test_a_caller_that_hangs_up_is_no_fault_of_ours(world, cut):
    """Served as in production: there a handler lives on when its client is gone, and meets a body cut short."""
    runner = web.AppRunner(world.app())
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        _, writer = await asyncio.open_connection(*runner.addresses[0])
        head = f"POST /v1/verify HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {TOKEN}\r\n{cut}\r\n\r\nfff\r\n"
        writer.write(head.encode())
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.transport.abort()
        async with asyncio.timeout(20):
            while not world.events:
                await asyncio.sleep(0.005)
    finally:
        await runner.cleanup()
    assert world.events[0]["status"] == 400


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ([], None),
        (None, None),
        ({}, "method"),
        ({"method": 1}, "method"),
        ({"method": "G T"}, "method"),
        ({"target": "bucket"}, "target"),
        ({"target": "https://s3.example.com/"}, "target"),
        ({"target": "/a b"}, "target"),
        ({"headers": None}, "headers"),
        ({"headers": "Host: x"}, "headers"),
        ({"headers": [["Host"]]}, "headers.0"),
        ({"headers": [["Host", 1]]}, "headers.0.1"),
        ({"headers": {"Host": ["x"]}}, "headers.Host.value"),
        ({"headers": [["Ho st", "x"]]}, "headers"),
        ({"headers": [["Host", "x\ny"]]}, "headers"),
        ({"body": "a"}, "body"),
        ({"body": "_-__"}, "body"),
        ({"body": "YQ"}, "body"),
        ({"body_sha256": "AB" * 32}, "body_sha256"),
        ({"bucket": "a/b"}, "bucket"),
        ({"bucket": ""}, "bucket"),
        ({"expect": []}, "expect"),
        ({"expect": {"service": ""}}, "expect.service"),
        ({"expect": {"host": "x"}}, "expect.host"),
        ({"want": ["secret_key"]}, "want.0"),
        ({"want": "signing_key"}, "want"),
        ({"boddy": ""}, "boddy"),
    ],
)
async def test_a_wrong_shape_is_400_and_names_the_field(client, schemas, question, field):
    whole = s3_question() | question if question else question
    error = await refused(client, "/v1/verify", whole, 400, "MalformedRequest")
    assert error.get("field") == field
    if field:
        assert field in error["message"]
    schemas("Refusal", {"error": error})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"method=GET",
        b"\xff\xfe",
        b'\xef\xbb\xbf{"method": "GET"}',
        b'{"method": "\xff"}',
        b'{"method": "\\ud800"}',
        b'{"method": NaN}',
        b'{"method": 1e999}',
        b'{"method": ' + b"9" * 5000 + b"}",
        b'{"want": ' + b"[" * 30000 + b"]" * 30000 + b"}",
        b'{"want": ' + b"[" * 1020 + b"]" * 1020 + b"}",
        b'{"method": "GET", "method": "PUT"}',
        b'{"method": "GET", "meth\\u006fd": "PUT"}',
        b'{"method": "\\\\", "method": "PUT"}',
        b'{"expect": {"region": "a", "region": "a"}}',
        b'{"headers": {"Host": "a", "Host": "b"}}',
        b'{"a": ' + b"[" * 900 + b'"\\\\"' + b"]" * 900 + b', "a": 1}',
    ],
    ids=lambda body: repr(body[:30]),
)
@pytest.mark.parametrize("path", POSTS)
async def test_what_is_not_json_to_be_read_one_way_is_400(client, path, body):
    response = await client.post(path, data=body, headers={"Content-Type": "application/json"})
    assert response.status == 400, await response.text()
    assert (await response.json())["error"]["code"] == "MalformedRequest"


async def test_quotes_and_backslashes_in_strings_are_no_repeated_names(client):
    question = s3_question()
    question["headers"] += [
        ["If-None-Match", '"abc"'],
        ["X-Path", "C:\\\\x\\"],
        ["X-Mixed", '\\"'],
        ["X-Json", '{"a":1,"a":2}'],
    ]
    assert (await asked(client, "/v1/verify", question))["authenticated"]
    response = await client.post(
        "/v1/verify",
        data=json.dumps(question).replace("/", "\\/").encode(),
        headers={"Content-Type": "application/json"},
    )
    assert (await response.json())["authenticated"]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON", 200),
        ("application/x-www-form-urlencoded", 200),
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/xml", 415),
    ],
)
async def test_a_body_that_says_it_is_something_else_is_415(client, content_type, status):
    response = await client.post(
        "/v1/verify", data=json.dumps(s3_question()).encode(), headers={"Content-Type": content_type}
    )
    assert response.status == status
    if status == 415:
        error = (await response.json())["error"]
        assert error["code"] == "UnsupportedMediaType"
        assert "application/json" in error["message"]


async def test_a_body_without_a_type_is_taken_for_json(client):
    response = await client.post(
        "/v1/verify", data=json.dumps(s3_question()).encode(), skip_auto_headers=["Content-Type"]
    )
    assert response.status == 200


@pytest.mark.parametrize("path", POSTS)
async def test_more_than_64_kib_is_413(client, path):
    async def slowly():
        for _ in range(66):
            yield b" " * 1024

    for data in (b" " * 65537, slowly()):
        response = await client.post(path, data=data, headers={"Content-Type": "application/json"})
        assert response.status == 413
        assert (await response.json())["error"]["code"] == "RequestEntityTooLarge"


async def test_64_kib_are_welcome(client):
    body = json.dumps(s3_question()).encode().ljust(65536)
    response = await client.post("/v1/verify", data=body, headers={"Content-Type": "application/json"})
    assert response.status == 200


async def test_a_compressed_body_is_415(client):
    response = await client.post("/v1/verify", json={}, compress="gzip")
    assert response.status == 415


async def test_other_methods_and_paths_are_refused_in_json(client):
    response = await client.get("/v1/verify")
    assert (response.status, response.headers["Allow"]) == (405, "POST")
    assert (await response.json())["error"]["code"] == "MethodNotAllowed"
    response = await client.post("/v2/verify")
    assert response.status == 404
    assert (await response.json())["error"]["code"] == "NotFound"


async def test_a_batch_keeps_order_and_one_bad_entry_spoils_only_itself(client, schemas):
    questions = [
        s3_question(),
        {"method": "GET"},
        s3_question("NOBODY"),
        7,
        s3_question() | {"target": "%zz"},
        s3_question("OFFKEY"),
        s3_question(),
    ]
    answer = await asked(client, "/v1/verify/batch", {"requests": questions})
    schemas("BatchVerdict", answer)
    assert [
        (result["authenticated"], result.get("error", {}).get("code"), result.get("error", {}).get("status"))
        for result in answer["results"]
    ] == [
        (True, None, None),
        (False, "MalformedRequest", 400),
        (False, "InvalidAccessKeyId", 403),
        (False, "MalformedRequest", 400),
        (False, "MalformedRequest", 400),
        (False, "AccountProblem", 403),
        (True, None, None),
    ]
    first, last = answer["results"][0], answer["results"][6]
    last["freshness"]["as_of"] = first["freshness"]["as_of"]  # a second may have begun between them
    assert first == last
    assert answer["results"][4]["error"]["detail"]["field"] == "target"


async def test_what_a_batch_cannot_tell_it_says_in_place(client, world, schemas):
    world.directory.down = True
    answer = await asked(client, "/v1/verify/batch", {"requests": [s3_question(), {}]})
    schemas("BatchVerdict", answer)
    assert [(result["error"]["code"], result["error"]["status"]) for result in answer["results"]] == [
        ("ServiceUnavailable", 503),
        ("MalformedRequest", 400),
    ]


@pytest.mark.parametrize(
    "question",
    [{}, [], {"requests": {}}, {"requests": None}, {"requests": [{}] * 257}, {"requests": [], "want": []}],
)
async def test_a_batch_that_is_none_is_400(client, question):
    await refused(client, "/v1/verify/batch", question, 400, "MalformedRequest")


async def test_a_batch_may_be_empty_or_hold_256(client):
    assert (await asked(client, "/v1/verify/batch", {"requests": []}))["results"] == []
    entry = {"method": "GET", "target": "/", "headers": []}
    results = (await asked(client, "/v1/verify/batch", {"requests": [entry] * 256}))["results"]
    assert len(results) == 256
    assert {result["error"]["code"] for result in results} == {"AccessDenied"}


async def test_a_batch_is_worked_at_many_at_once_but_not_without_bound(world):
    class Crowded(MemoryDirectory):
        now = most = 0

        async def find(self, access_key, *, max_age=None):
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.001)
            self.now -= 1
            return await super().find(access_key)

    world.directory = Crowded(SystemClock(), world.people)
    async with world.client(headers=AUTHORIZED) as client:
        answer = await asked(client, "/v1/verify/batch", {"requests": [s3_question()] * 80})
    assert all(result["authenticated"] for result in answer["results"])
    assert 8 <= world.directory.most <= 64


STREAMING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


def streaming(key="ALICEKEY", **more):
    """Sign a request for a payload signed in chunks, as SDKs do: the token stands where the hash would."""

    class Streaming(S3SigV4Auth):
        def payload(self, request):
            return STREAMING

    request = AWSRequest(
        method="PUT",
        url="https://s3.example.com/b/k",
        headers={"Host": "s3.example.com", "X-Amz-Decoded-Content-Length": "3"},
    )
    Streaming(Credentials(key, secret_of(key)), "s3", "us-east-1").add_auth(request)
    return {
        "method": "PUT",
        "target": "/b/k",
        "headers": [list(pair) for pair in request.headers.items()],
        **more,
    }


async def test_what_a_store_needs_to_check_chunks_is_in_the_answer(client, schemas):
    question = streaming()
    answer = await asked(client, "/v1/verify", question)
    schemas("Verdict", answer)
    (authorization,) = [value for name, value in question["headers"] if name == "Authorization"]
    (date,) = [value for name, value in question["headers"] if name == "X-Amz-Date"]
    seed = authorization.rpartition("=")[2]
    scope = f"{date[:8]}/us-east-1/s3/aws4_request"
    empty = hashlib.sha256(b"").hexdigest()
    assert answer["signature"]["streaming"] == {
        "algorithm": "AWS4-HMAC-SHA256-PAYLOAD",
        "seed_signature": seed,
        "timestamp": date,
        "scope": scope,
        "payload_mode": "streaming",
        "decoded_length": 3,
        "trailer_names": [],
        "first_string_to_sign_prefix": f"AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{seed}\n{empty}\n",
    }
    assert "streaming" not in (await asked(client, "/v1/verify", s3_question()))["signature"]


async def test_chunks_that_come_along_are_checked(client):
    def framed(data, answer):
        chunks = answer["signature"]["streaming"]
        key = bytes.fromhex(answer["signature"]["signing_key"])
        previous, body = chunks["seed_signature"], b""
        prefix = chunks["first_string_to_sign_prefix"].replace(f"{previous}\n", "{}\n", 1)
        for piece in (data, b""):
            text = prefix.format(previous) + hashlib.sha256(piece).hexdigest()
            previous = hmac.new(key, text.encode(), "sha256").hexdigest()
            body += f"{len(piece):x};chunk-signature={previous}\r\n".encode() + piece + b"\r\n"
        return body

    question = streaming(want=["signing_key"])
    body = framed(b"abc", await asked(client, "/v1/verify", question))
    assert (await asked(client, "/v1/verify", question | {"body": base64.b64encode(body).decode()}))[
        "authenticated"
    ]
    for other, said in (
        (body.replace(b"abc", b"abd"), (403, "SignatureDoesNotMatch")),
        (body[:-9], (400, "IncompleteBody")),
        (b"", (400, "IncompleteBody")),
        (body[:-2] + b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n", (400, "MalformedTrailerError")),
    ):
        answer = await asked(client, "/v1/verify", question | {"body": base64.b64encode(other).decode()})
        assert (answer["error"]["status"], answer["error"]["code"]) == said


def form_question(
    key="ALICEKEY", *, conditions=None, fields=(), bucket="bucket", file=b"data", seconds=600, legacy=False
):
    """Let botocore sign an upload form, and fill it in as a browser does."""
    request = AWSRequest(method="POST", url="https://s3.example.com/bucket")
    request.context["s3-presign-post-fields"] = {"key": "user/${filename}"}
    end = datetime.fromtimestamp(time.time() + seconds, UTC)
    request.context["s3-presign-post-policy"] = {
        "expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "conditions": [{"bucket": "bucket"}, ["starts-with", "$key", "user/"], *(conditions or [])],
    }
    credentials = Credentials(key, secret_of(key))
    auth = HmacV1PostAuth(credentials) if legacy else S3SigV4PostAuth(credentials, "s3", "us-east-1")
    auth.add_auth(request)
    signed = request.context["s3-presign-post-fields"]
    return {
        "method": "POST",
        "target": f"/{bucket}",
        "headers": [
            ["Host", "s3.example.com"],
            ["Content-Type", "multipart/form-data; boundary=9431149156168"],
        ],
        "body": base64.b64encode(multipart([*signed.items(), *fields], file=file)).decode(),
    }


@pytest.mark.parametrize("legacy", [False, True])
async def test_an_upload_form_is_authenticated(client, schemas, legacy):
    question = form_question(legacy=legacy, conditions=[["content-length-range", 1, 10]])
    answer = await asked(client, "/v1/verify", question)
    schemas("Verdict", answer)
    assert answer["scheme"] == ("s3v2-post" if legacy else "sigv4-post")
    assert answer["principal"]["user"]["name"] == "alice"
    assert answer["signature"]["payload"] == "unsigned"
    assert answer["signature"]["upload"] == {
        "bucket": "bucket",
        "key": "user/file.txt",
        "content_length_range": [1, 10],
        "content_length": 4,
    }


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    ("changes", "status", "code", "message"),
    [
        ({"bucket": "other"}, 403, "AccessDenied", "Invalid according to Policy: Policy Condition failed"),
        ({"fields": [("acl", "public-read")]}, 403, "AccessDenied", "Invalid according to Policy: Extra input fields: acl"),
        ({"conditions": [{"acl": "private"}], "fields": [("acl", "public-read")]}, 403, "AccessDenied", "Invalid according"),
        ({"seconds": -5}, 403, "AccessDenied", "Invalid according to Policy: Policy expired."),
        ({"seconds": 86400 * 8}, 403, "AccessDenied", "the request is valid for longer"),
        ({"conditions": [["content-length-range", 0, 3]]}, 400, "EntityTooLarge", "Your proposed upload exceeds"),
        ({"conditions": [["content-length-range", 5, 9]]}, 400, "EntityTooSmall", "Your proposed upload is smaller"),
        ({"conditions": [["eq", "$key"]]}, 400, "InvalidPolicyDocument", "Invalid Policy: Invalid eq"),
        ({"file": None}, 400, "InvalidArgument", "POST requires exactly one file upload"),
        ({"key": "NOBODYKEY"}, 403, "InvalidAccessKeyId", "The AWS Access Key Id you provided"),
    ],
)  # fmt: skip
async def test_an_upload_form_that_is_refused(*, client, changes, status, code, message, legacy):
    answer = await asked(client, "/v1/verify", form_question(legacy=legacy, **changes))
    assert (answer["error"]["status"], answer["error"]["code"]) == (status, code)
    assert answer["error"]["message"].startswith(message)


async def test_what_is_wrong_with_a_form_is_told_to_who_signed_it_alone(client):
    question = form_question(bucket="other")
    body = base64.b64decode(question["body"])
    place = body.index(b"x-amz-signature") + 30
    body = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
    answer = await asked(client, "/v1/verify", question | {"body": base64.b64encode(body).decode()})
    assert answer["error"]["code"] == "SignatureDoesNotMatch"


async def test_a_form_for_another_region(client):
    answer = await asked(client, "/v1/verify", form_question() | {"expect": {"region": "eu-1"}})
    assert (answer["error"]["status"], answer["error"]["code"]) == (400, "InvalidArgument")
    assert answer["error"]["detail"] == {"argument_name": "x-amz-credential"}


async def test_the_signing_key_is_given_for_chunks_to_whoever_is_granted_it(client):
    answer = await asked(client, "/v1/verify", streaming(want=["signing_key"]))
    assert answer["signature"]["payload"] == "streaming"
    scope = Scope(**answer["signature"]["scope"])
    secret = Secret(secret_of("ALICEKEY"))
    assert answer["signature"]["signing_key"] == signing_key(secret, scope).hex()
    assert "signing_key" not in (await asked(client, "/v1/verify", streaming()))["signature"]
    assert (
        "signing_key"
        not in (await asked(client, "/v1/verify", s3_question(want=["signing_key"])))["signature"]
    )


async def test_what_the_caller_has_no_grant_for_it_may_not_want(world):
    callers = Callers(
        [
            Caller(
                name="plain",
                grants=frozenset({"verify", "identify"}),
                token_sha256=frozenset({token_digest("t")}),
            )
        ]
    )
    async with TestClient(Served(world.app(callers)), headers={"X-Auth-Token": "t"}) as client:
        await refused(client, "/v1/verify", streaming(want=["signing_key"]), 403, "CallerForbidden")
        await refused(
            client,
            "/v1/users/lookup",
            {"access_key": "ALICEKEY", "want": ["secret_key"]},
            403,
            "CallerForbidden",
        )
        await refused(client, "/v1/forget", {"access_key": "ALICEKEY"}, 403, "CallerForbidden")
        answer = await asked(
            client, "/v1/verify/batch", {"requests": [streaming(want=["signing_key"]), streaming()]}
        )
        assert answer["results"][0]["error"]["code"] == "CallerForbidden"
        assert answer["results"][1]["authenticated"]
        assert "secret" not in json.dumps(await asked(client, "/v1/users/lookup", {"access_key": "ALICEKEY"}))
    assert world.forgotten == []


async def test_a_user_is_looked_up_in_full(client, schemas, world):
    answer = await asked(client, "/v1/users/lookup", {"access_key": "ALICEKEY"})
    schemas("Identified", answer)
    assert answer["principal"]["user"] == {
        "id": "uuid-alice",
        "name": "alice",
        "state": "enabled",
        "firstname": "Ada & <b>",
        "lastname": "Łovelace",
        "email": "alice@example.com",
        "timezone": None,
        "created": "2013-04-03T14:40:00Z",
        "source": "UNKNOWN",
    }
    assert answer["principal"]["key"]["id"] == "pair-1"
    assert "secret" not in json.dumps(answer)
    assert world.events[0]["user_id"] == "uuid-alice"


async def test_a_disabled_user_is_looked_up_too(client):
    answer = await asked(client, "/v1/users/lookup", {"access_key": "OFFKEY"})
    assert answer["principal"]["user"]["state"] == "disabled"


async def test_nobodys_key_is_404(client):
    await refused(client, "/v1/users/lookup", {"access_key": "aliceKEY"}, 404, "UnknownAccessKey")
    error = await refused(client, "/v1/users/lookup", {"access_key": "TWICEKEY"}, 403, "AccountProblem")
    assert error["detail"] == {"reason": "ambiguous-access-key"}


async def test_a_secret_key_is_given_only_where_it_may_be_used(client, schemas, world):
    answer = await asked(client, "/v1/users/lookup", {"access_key": "ALICEKEY", "want": ["secret_key"]})
    assert answer["secret_key"] == secret_of("ALICEKEY")
    for key, reason in (("OFFKEY", "user-disabled"), ("NARROWKEY", "key-restricted")):
        error = await refused(
            client, "/v1/users/lookup", {"access_key": key, "want": ["secret_key"]}, 403, "AccountProblem"
        )
        schemas("Refusal", {"error": error})
        assert error["detail"] == {"reason": reason}
        assert secret_of(key) not in json.dumps(error)
    assert secret_of("ALICEKEY") not in repr(world.events)


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({}, "access_key"),
        ({"access_key": 1}, "access_key"),
        ({"access_key": ""}, "access_key"),
        ({"access_key": "x" * 256}, "access_key"),
        ({"access_key": "x", "want": ["password"]}, "want.0"),
        ({"access_key": "x", "extra": 1}, "extra"),
        ([], None),
    ],
)
async def test_a_lookup_that_is_none_is_400(client, question, field):
    error = await refused(client, "/v1/users/lookup", question, 400, "MalformedRequest")
    assert error.get("field") == field


async def test_forget_forgets(client, world):
    response = await client.post("/v1/forget", json={"access_key": "ALICEKEY"})
    assert response.status == 204
    assert world.forgotten == ["ALICEKEY"]
    await refused(client, "/v1/forget", {"key": "ALICEKEY"}, 400, "MalformedRequest")


async def test_a_client_certificate_names_its_caller(world, tmp_path):
    authority = Authority()
    server = authority.server("127.0.0.1").write(tmp_path, "server")
    callers = Callers([Caller(name="swift", grants=GRANTS, tls_names=frozenset({"swift.example"}))])
    runner = web.AppRunner(world.app(callers))
    await runner.setup()
    try:
        context = server.server_context(client_authority=server.authority)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        url = f"https://127.0.0.1:{runner.addresses[0][1]}/v1/verify"
        for name, status in (("Swift.example", 200), ("other.example", 401)):
            shown = authority.client(name).write(tmp_path, name).client_context()
            async with ClientSession() as session:
                response = await session.post(url, json=s3_question(), ssl=shown)
                assert response.status == status
    finally:
        await runner.cleanup()
    assert [event.get("caller") for event in world.events] == ["swift", None]


async def test_the_description_is_valid_and_is_what_is_served(world):
    async with world.client() as client:
        response = await client.get("/openapi.json")
        assert (response.status, response.content_type) == (200, "application/json")
        described = await response.json()
    validate(described)
    assert described["openapi"].startswith("3.1.")
    assert {(method.upper(), path) for path, item in described["paths"].items() for method in item} == {
        (route.method, route.path) for face in (native.FACE, ec2.FACE) for route in face.routes(Callers())
    }


async def test_every_schema_is_described_and_every_example_fits():
    described = document()
    names = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(described)))
    assert names == described["components"]["schemas"].keys()
    Draft202012Validator.check_schema(described["components"]["schemas"]["VerifyRequest"])


async def test_the_page_needs_nothing_from_anywhere(world):
    async with world.client() as client:
        response = await client.get("/docs")
        assert (response.status, response.content_type) == (200, "text/html")
        policy = response.headers["Content-Security-Policy"]
        page = await response.text()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy
    assert not re.search(r"<script|https?://|src=|@import|url\(|style=", page)
    for path in document()["paths"]:
        assert path in page
