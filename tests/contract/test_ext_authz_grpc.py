"""Envoy's question over gRPC, asked by a real client with Envoy's own messages as published."""

from __future__ import annotations

import time
import warnings
from contextlib import asynccontextmanager

import grpc
import pytest

from authsvc.faces.callers import Callers, token_digest
from authsvc.faces.ext_authz.check import ROUTE, checks
from authsvc.faces.forward_auth.identity import HEADERS
from authsvc.faces.registry import OPTIONS
from tests.certificates import Authority
from tests.people import signed_s3
from tests.standins import cloudstack_query, secret_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what its own libraries deprecate
    from envoy_data_plane.envoy.config.core.v3 import HeaderMap, HeaderValue
    from envoy_data_plane.envoy.service.auth.v3 import (
        AttributeContext,
        AttributeContextHttpRequest,
        AttributeContextRequest,
        CheckRequest,
        CheckResponse,
    )

FILE = f"""
[[caller]]
name = "envoy"
token_sha256 = ["{token_digest("envoy")}"]
tls_names = ["envoy.example"]
grants = ["verify"]
[caller.forward_auth]
expect = {{ service = "s3" }}

[[caller]]
name = "poor"
token_sha256 = ["{token_digest("poor")}"]
grants = ["identify"]
"""
OVERWRITE = 2


@asynccontextmanager
async def serving(world, tls=None):
    callers = Callers.parse(FILE, OPTIONS)
    async with checks(
        world.service, callers, address="127.0.0.1:0", tls=tls, tell=world.events.append
    ) as port:
        yield f"127.0.0.1:{port}"


def request(
    *, method="GET", path="/bucket/k%20%2F+?x=a%2Fb&y", key="ALICEKEY", secret=None, headers=(), raw=False
):
    where, _, query = path.partition("?")
    made = signed_s3(
        method=method,
        path=where,
        query=query or None,
        at=time.time(),
        access_key=key,
        secret=secret or secret_of(key),
        headers=tuple(headers),
    )
    pairs = [(name.lower(), value) for name, value in made.headers if name != "Host"]
    pairs += [(":authority", "s3.example.com"), (":method", method), (":path", path), ("content-length", "0")]
    return question(method, path, pairs, raw=raw)


def question(method, path, pairs, *, host="s3.example.com", raw=False, **more):
    if raw:
        values = [HeaderValue(key=name, raw_value=value.encode()) for name, value in pairs]
        headers = {"header_map": HeaderMap(headers=values)}
    else:
        headers = {"headers": dict(pairs)}
    http = AttributeContextHttpRequest(method=method, path=path, host=host, **headers, **more)
    return CheckRequest(attributes=AttributeContext(request=AttributeContextRequest(http=http)))


async def ask(where, asked, *, metadata=(("x-auth-token", "envoy"),), credentials=None, options=()):
    opened = (
        grpc.aio.insecure_channel(where, options=options)
        if credentials is None
        else grpc.aio.secure_channel(where, credentials, options=options)
    )
    async with opened as channel:
        call = channel.unary_unary(ROUTE, request_serializer=bytes, response_deserializer=CheckResponse.parse)
        return await call(asked, metadata=metadata, timeout=10)


def told(options):
    return {option.header.key: option.header.value for option in options}


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_signed_request_passes_with_its_signers_name(world, method, raw):
    async with serving(world) as where:
        answer = await ask(where, request(method=method, raw=raw))
    assert answer.status.code == 0
    assert answer.denied_response is None
    headers = told(answer.ok_response.headers)
    assert set(headers) == {name.lower() for name in HEADERS}
    assert headers["x-auth-user"] == "alice"
    assert {int(option.append_action) for option in answer.ok_response.headers} == {OVERWRITE}
    assert "x-auth-token" in answer.ok_response.headers_to_remove
    (event,) = world.events
    assert (event["caller"], event["verdict"], event["status"], event["user_id"]) == (
        "envoy",
        "allow",
        200,
        "uuid-alice",
    )


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (request(secret="wrong"), "SignatureDoesNotMatch"),
        (request(key="NOBODY"), "InvalidAccessKeyId"),
        (request(key="OFFKEY"), "AccountProblem"),
        (question("GET", "/b/k", []), "AccessDenied"),
        (question("GET", "http://elsewhere/b/k", []), "InvalidRequest"),
        (question("GET", "/b/k", [], host=""), "InvalidRequest"),
        (CheckRequest(), "InvalidRequest"),
    ],
    ids=["wrong", "unknown", "off", "unsigned", "absolute", "hostless", "empty"],
)
async def test_a_no_has_its_status_and_a_body(world, asked, code):
    async with serving(world) as where:
        answer = await ask(where, asked)
    assert answer.status.code == 7
    assert answer.ok_response is None
    assert int(answer.denied_response.status.code) == 403
    assert f"<Code>{code}</Code>" in answer.denied_response.body
    headers = told(answer.denied_response.headers)
    assert headers["content-type"].startswith("application/xml")
    assert headers["x-auth-error"] == code
    assert not set(headers) & {name.lower() for name in HEADERS}


async def test_what_could_not_be_found_out_is_denied_as_503(world):
    world.directory.down = True
    async with serving(world) as where:
        answer = await ask(where, request())
    assert answer.status.code == 14
    assert int(answer.denied_response.status.code) == 503
    assert told(answer.denied_response.headers)["retry-after"] in {"1", "2", "3"}


async def test_a_fault_of_ours_is_denied(world):
    world.directory.find = None
    async with serving(world) as where:
        answer = await ask(where, request())
    assert answer.status.code == 13
    assert int(answer.denied_response.status.code) == 500
    assert world.events[0]["status"] == 500


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ((("authorization", "Bearer envoy"),), 200),
        ((), 401),
        ((("x-auth-token", "nobody"),), 401),
        ((("x-auth-token", "envoy"), ("x-auth-token", "poor")), 401),
        ((("x-auth-token", "poor"),), 403),
    ],
)
async def test_only_gateways_are_answered(world, metadata, status):
    async with serving(world) as where:
        answer = await ask(where, request(), metadata=metadata)
    if status == 200:
        assert answer.ok_response is not None
    else:
        assert int(answer.denied_response.status.code) == status
        assert not world.decisions.all


async def test_a_header_of_the_clients_is_no_token_of_the_gateways(world):
    async with serving(world) as where:
        answer = await ask(where, request(headers=[("X-Auth-Token", "envoy")]), metadata=())
    assert int(answer.denied_response.status.code) == 401


async def test_an_unsigned_header_of_s3s_is_refused(world):
    asked = request()
    asked.attributes.request.http.headers["x-amz-copy-source"] = "/somebody/elses"
    async with serving(world) as where:
        assert (await ask(where, asked)).status.code == 7


@pytest.mark.parametrize("field", ["body", "raw_body"])
async def test_a_form_is_read(world, field):
    form = cloudstack_query("ALICEKEY", command="listZones")
    content_type = ("content-type", "application/x-www-form-urlencoded; charset=utf-8")
    value = form if field == "body" else form.encode()
    async with serving(world) as where:
        asked = question("POST", "/client/api", [content_type], **{field: value})
        assert (await ask(where, asked)).ok_response is not None
        partial = question(
            "POST", "/client/api", [content_type, ("x-envoy-auth-partial-body", "true")], **{field: value}
        )
        assert (await ask(where, partial)).ok_response is None


NAMED = (("grpc.ssl_target_name_override", "authsvc.example"),)


async def shown(where, authority, client=None):
    """Return the answer's code over TLS; None if one of the two does not trust the other's certificate."""
    own = () if client is None else (client.key, client.certificate)
    credentials = grpc.ssl_channel_credentials(authority.certificate, *own)
    try:
        return (await ask(where, request(), metadata=(), credentials=credentials, options=NAMED)).status.code
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return None


async def test_a_certificate_names_the_gateway(world):
    authority = Authority()
    server = authority.server("authsvc.example")
    pem = (server.certificate, server.key, server.authority)
    async with serving(world, tls=lambda: pem) as where:
        assert await shown(where, authority, authority.client("envoy.example")) == 0
        assert await shown(where, authority, authority.client("stranger.example")) == 16
        assert await shown(where, authority) is None


async def test_without_authorities_no_certificate_is_asked_for(world):
    authority = Authority()
    server = authority.server("authsvc.example")
    pem = (server.certificate, server.key, None)
    async with serving(world, tls=lambda: pem) as where:
        assert await shown(where, authority, authority.client("envoy.example")) == 16
        assert await shown(where, authority) == 16


async def test_certificates_are_renewed_under_open_connections(world):
    before, after = Authority("before"), Authority("after")
    old, new = before.client("envoy.example"), after.client("envoy.example")
    first, second = before.server("authsvc.example"), after.server("authsvc.example")
    pem = (first.certificate, first.key, first.authority)
    credentials = grpc.ssl_channel_credentials(before.certificate, old.key, old.certificate)
    async with (
        serving(world, tls=lambda: pem) as where,
        grpc.aio.secure_channel(where, credentials, options=NAMED) as opened,
    ):
        call = opened.unary_unary(ROUTE, request_serializer=bytes, response_deserializer=CheckResponse.parse)
        assert (await call(request(), timeout=10)).status.code == 0
        pem = (second.certificate, second.key, second.authority)
        for _ in range(3):
            assert await shown(where, after, new) == 0
            assert await shown(where, after, old) is None
            assert await shown(where, before, old) is None
        assert (await call(request(), timeout=10)).status.code == 0


@pytest.mark.parametrize("unusable", ["no key of its", "garbage", "empty", "authorities"])
async def test_a_certificate_that_cannot_be_used_takes_nobodys_place(world, unusable):
    before, after = Authority("before"), Authority("after")
    old, new = before.client("envoy.example"), after.client("envoy.example")
    first, second = before.server("authsvc.example"), after.server("authsvc.example")
    pem = (first.certificate, first.key, first.authority)
    async with serving(world, tls=lambda: pem) as where:
        assert await shown(where, before, old) == 0
        pem = {
            "no key of its": (second.certificate, first.key, second.authority),
            "garbage": (b"\0garbage", second.key, second.authority),
            "empty": (b"", b"", b""),
            "authorities": (second.certificate, second.key, b"garbage"),
        }[unusable]
        for _ in range(2):
            assert await shown(where, before, old) == 0
            assert await shown(where, after, new) is None
        pem = (second.certificate, second.key, second.authority)
        assert await shown(where, after, new) == 0


async def test_a_port_that_is_taken_is_told(world):
    async with serving(world) as where:
        with pytest.raises(ValueError, match="cannot listen"):
            async with checks(world.service, Callers(), address=where, tell=world.events.append):
                pass
