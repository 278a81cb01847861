"""A string to sign that a store shows without its request: whose word it is, and which strings are none."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from tests.attacks.conftest import NOW
from tests.attacks.rows import called
from tests.people import alice
from tests.signers import ACCESS_KEY, SECRET_KEY, STAMP, v2_signature, v4_header, v4_presigned
from tests.standins import POOR_TOKEN, TOKEN

SCOPE = "20130524/us-east-1/s3/aws4_request"
PATHS = ("/v3/s3tokens", "/v2.0/s3tokens")
HASH = hashlib.sha256(b"a canonical request").hexdigest()
V4 = f"AWS4-HMAC-SHA256\n{STAMP}\n{SCOPE}\n{HASH}"
V2 = f"GET\n\n\n\nx-amz-date:{STAMP}\n/bucket/key"
POLICY = base64.b64encode(
    b'{"expiration":"2013-05-25T00:00:00Z","conditions":[{"bucket":"bucket"}]}'
).decode()


def v4_made(text, scope=SCOPE, secret=SECRET_KEY):
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def shown(text, made, encode=base64.b64encode):
    raw = text if isinstance(text, bytes) else text.encode()
    return {"credentials": {"access": ACCESS_KEY, "token": encode(raw).decode(), "signature": made}}


async def said(gate, document, path=PATHS[0], **headers):
    async with gate.http.post(path, json=document, headers=headers or {"X-Auth-Token": TOKEN}) as response:
        text = await response.text()
        gate.said.append(text)
        return response.status, await response.json(), response.headers


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        called(10, "nobody", {"X-Nothing": ""}),
        called(10, "unknown-token", {"X-Auth-Token": "asv_unknown"}),
        called(10, "the-signature-itself", {"Authorization": v4_header().header("authorization")}),
        called(10, "a-leaked-url", {"X-Auth-Token": v4_presigned().target.rpartition("=")[2]}),
        called(10, "no-grant", {"X-Auth-Token": POOR_TOKEN}),
    ],
)
async def test_whoever_found_a_signed_url_learns_nothing(gate, path, headers):
    """Of a presigned URL anybody can make the string that was signed; only a service may show it here."""
    status, answer, _ = await said(gate, shown(V4, v4_made(V4)), path, **headers)
    assert status in {401, 403}
    assert "alice" not in str(answer)
    assert gate.directory.asked == 0


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "pair", [called(10, "v4", (V4, v4_made(V4))), called(10, "v2", (V2, v2_signature(V2)))]
)
async def test_a_service_is_told_who_and_given_no_token(gate, path, pair):
    status, answer, headers = await said(gate, shown(*pair), path)
    assert status == 200, answer
    assert "alice" in str(answer)
    assert "X-Subject-Token" not in headers
    token = answer.get("access", {}).get("token", {}).get("id")
    if token:
        # Version 2 has a place for one: what stands there opens nothing.
        status, _, _ = await said(gate, shown(*pair), **{"X-Auth-Token": token})
        assert status in {401, 403}


@pytest.mark.parametrize("after", [called(10, "v4", 8 * 86400)])
async def test_a_string_grows_old(gate, after):
    """Keystone itself asks for no time at all."""
    gate.clock.wall = NOW + after
    for text, made in ((V4, v4_made(V4)), (V2, v2_signature(V2))):
        status, _, _ = await said(gate, shown(text, made))
        assert status == 401


STRINGS = {
    "post-policy": POLICY,
    "policy-with-a-line": POLICY + "\n",
    "chunk": f"AWS4-HMAC-SHA256-PAYLOAD\n{STAMP}\n{SCOPE}\n{'0' * 64}\n{'0' * 64}\n{'0' * 64}",
    "trailer": f"AWS4-HMAC-SHA256-TRAILER\n{STAMP}\n{SCOPE}\n{'0' * 64}\n{'0' * 64}",
    "date-alone": "20130524",
    "three-lines": f"AWS4-HMAC-SHA256\n{STAMP}\n{SCOPE}",
    "five-lines": f"{V4}\n",
    "other-algorithm": V4.replace("SHA256", "SHA512", 1),
    "other-day": V4.replace("T", "T", 1).replace("20130524/", "20130523/"),
    "no-request-hash": V4[:-1],
    "carriage-returns": V4.replace("\n", "\r\n"),
    "v2-lower-case-method": V2.replace("GET", "get"),
    "v2-no-resource": V2.rpartition("/bucket")[0],
    "v2-two-resources": V2 + "\n/other",
    "v2-no-date": "GET\n\n\n\n/bucket/key",
    "cloudstack": "apikey=x&command=listzones",
    "query-api": "GET\nec2.example.com\n/\nAction=DescribeInstances",
    "sigv2-like": "GET\ns3.example.com\n/\n/bucket/key",
    "empty": "\n",
    "not-utf-8": b"\xff\xfe",
}


@pytest.mark.parametrize("text", [called(32, name, text) for name, text in STRINGS.items()])
async def test_what_was_signed_for_something_else_is_no_request(gate, text):
    """Each rightly signed, in every way this user signs anything."""
    raw = text if isinstance(text, bytes) else text.encode()
    for made in (
        base64.b64encode(hmac.digest(SECRET_KEY.encode(), raw, "sha1")).decode(),
        base64.b64encode(hmac.digest(SECRET_KEY.encode(), raw, "sha256")).decode(),
        v4_made(raw.decode("latin-1")),
    ):
        status, answer, _ = await said(gate, shown(raw, made))
        assert status in {400, 401}, answer


ENCODINGS = {
    "blanks": lambda raw: base64.b64encode(raw)[:8] + b" " + base64.b64encode(raw)[8:],
    "newlines": base64.encodebytes,
    "junk": lambda raw: b"*" + base64.b64encode(raw),
    "no-padding": lambda raw: base64.b64encode(raw).rstrip(b"="),
    "more-padding": lambda raw: base64.b64encode(raw) + b"=",
    "hexadecimal": lambda raw: raw.hex().encode(),
    "plain": lambda raw: raw,
}


@pytest.mark.parametrize("encode", [called(32, f"encoding-{name}", make) for name, make in ENCODINGS.items()])
async def test_a_string_has_one_encoding(gate, encode):
    text = V4 if base64.b64encode(V4.encode()).endswith(b"=") else f"{V2}?acl"
    made = v4_made(text) if text == V4 else v2_signature(text)
    assert (await said(gate, shown(text, made)))[0] == 200
    status, _, _ = await said(gate, shown(text, made, encode))
    assert status in {400, 401}


@pytest.mark.parametrize("secret", [called(0, "presented-no-secret", "")])
async def test_a_user_without_a_secret_has_no_signature(gate, secret):
    gate.directory.put(alice(access_key=ACCESS_KEY, secret=secret))
    assert (await said(gate, shown(V4, v4_made(V4, secret=secret))))[0] == 401
    assert (await said(gate, shown(V2, v2_signature(V2, secret))))[0] == 401


@pytest.mark.parametrize(
    "document",
    [
        called(25, name, document)
        for name, document in {
            "two-names": shown(V4, v4_made(V4)) | {"credential": shown(V4, "x")["credentials"]},
            "no-name": {"auth": {}},
            "list": [],
            "numbers": {"credentials": {"access": 1, "token": 2, "signature": 3}},
            "nulls": {"credentials": {"access": None, "token": None, "signature": None}},
            "empty": {"credentials": {}},
        }.items()
    ],
)
async def test_an_odd_document_is_refused(gate, document):
    status, answer, _ = await said(gate, document)
    assert status == 400, answer
    assert gate.directory.asked == 0
