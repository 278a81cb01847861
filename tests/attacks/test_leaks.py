"""What gives something away, or falls over: signatures of other shapes, logs at debug level, side doors, odd headers."""

from __future__ import annotations

import dataclasses

import pytest

from tests.attacks.conftest import NOW
from tests.attacks.rows import called
from tests.cloudstack_requests import get
from tests.signers import (
    ACCESS_KEY,
    EMPTY,
    SECRET_KEY,
    STAMP,
    query_api,
    v2_header,
    v4_header,
    v4_presigned,
    v4a_header,
)
from tests.standins import POOR_TOKEN, TOKEN

EXPIRES = str(int(NOW) + 600)
ODD = {
    "not-ascii": "é" * 64,
    "arabic-digits": "٠" * 64,
    "one-digit": "0",
    "two-characters-more": "0" * 66,
    "emoji": "🦊",
    "right-to-left": "\u202e" + "0" * 63,
    "soft-hyphen": "\xad" * 64,
    "very-long": "0" * 50_000,
}


@pytest.mark.parametrize("made", [called(21, name, made) for name, made in ODD.items()])
async def test_a_signature_of_any_shape_is_compared_and_refused(gate, made):
    """Comparing in constant time takes bytes: text would have been a fault at the first letter that is not ASCII.

    That nothing confidential is compared in another way is held by tests/unit/test_layers.py.
    """
    right = v4_header()
    value = right.header("authorization").rpartition("=")[0]
    headers = (*right.headers[:-1], ("Authorization", f"{value}={made}"))
    wrong = dataclasses.replace(right, headers=headers)
    await gate.refuses(wrong, "SignatureDoesNotMatch", 403)
    presigned = v4_presigned()
    target = presigned.target.rpartition("=")[0] + "=" + made
    await gate.refuses(dataclasses.replace(presigned, target=target), "SignatureDoesNotMatch", 403)
    expiring = f"/bucket/key?AWSAccessKeyId={ACCESS_KEY}&Expires={EXPIRES}&Signature={made}"
    question = {"method": "GET", "target": expiring, "headers": []}
    await gate.refuses(question, "SignatureDoesNotMatch", 403)


CANARY = "canary-7f3a9c"
TELLING = {
    "signature": lambda: v4_header(
        headers=[("X-Amz-Server-Side-Encryption-Customer-Key", CANARY), ("x-amz-meta-a", "b")],
        access_key="NOBODY",
    ),
    "customer-key": lambda: changed(
        v4_header(headers=[("X-Amz-Server-Side-Encryption-Customer-Key", CANARY)])
    ),
    "token": lambda: changed(v4_presigned(query=f"X-Amz-Security-Token={CANARY}")),
    "token-unsigned": lambda: v4_header(unsigned_headers=[("X-Amz-Security-Token", CANARY)]),
    "bearer": lambda: {"method": "GET", "target": "/", "headers": [["Authorization", f"Bearer {CANARY}"]]},
    "basic": lambda: {"method": "GET", "target": "/", "headers": [["Authorization", f"Basic {CANARY}"]]},
    "cookie": lambda: v4_header(unsigned_headers=[("Cookie", CANARY)]),
    "cloudstack-password": lambda: get(
        f"apiKey={ACCESS_KEY}&password={CANARY}&signature=" + "A" * 27 + "%3D"
    ),
    "cloudstack-userdata": lambda: get(
        f"apiKey={ACCESS_KEY}&userData={CANARY}&signature=" + "A" * 27 + "%3D"
    ),
    "cloudstack-twice": lambda: get(f"apiKey={ACCESS_KEY}&password={CANARY}&password=x&signature=A"),
    "query-api-password": lambda: query_api(Password=CANARY, extra="&x=1"),
    "v2-token": lambda: v2_header(
        "GET", "/b/k", "x", headers=[("X-Amz-Date", STAMP), ("x-amz-security-token", CANARY)]
    ),
    "v2-customer-key": lambda: v2_header(
        "GET",
        "/b/k",
        "x",
        headers=[("X-Amz-Date", STAMP), ("x-amz-server-side-encryption-customer-key", CANARY)],
    ),
}


def changed(request):
    return dataclasses.replace(request, method="DELETE")


@pytest.mark.parametrize("make", [called(22, name, make) for name, make in TELLING.items()])
async def test_what_was_sent_in_confidence_is_repeated_to_nobody(gate, caplog, make):
    await gate.ask(make())
    logged = "\n".join(str(record.__dict__) for record in caplog.records) + str(gate.lines)
    assert CANARY not in logged + str(gate.events.decisions)
    assert CANARY not in "".join(gate.said)


@pytest.mark.parametrize(
    "sign",
    [
        called(22, "v4", v4_header),
        called(22, "v4-query", v4_presigned),
        called(22, "v4a", v4a_header),
        called(22, "query-api", query_api),
    ],
)
async def test_no_refusal_writes_a_signature_or_a_query(gate, caplog, sign):
    for request in (sign(), changed(sign())):
        await gate.ask(request)
    logged = "\n".join(str(record.__dict__) for record in caplog.records) + str(gate.lines)
    assert "Signature" not in logged.replace("SignatureMismatch", "").replace("SignatureDoesNotMatch", "")
    assert ACCESS_KEY not in logged
    assert len(gate.lines) == 2


DOORS = (
    *("/env", "/config", "/debug", "/debug/pprof", "/settings", "/metrics", "/health", "/livez", "/readyz"),
    *("/minio/bootstrap/v1/verify", "/minio/health/cluster", "/actuator/env", "/.env", "/.git/config"),
    *("/v1", "/v1/", "/v1/callers", "/v1/keys", "/v1/users", "/v1/secrets", "/admin", "/server-status"),
    *("/openapi.json/..%2f..%2fetc/passwd", "/docs/../../etc/passwd", "/static/%2e%2e/settings.py"),
    *("//v1/verify", "/v1/verify/", "/V1/VERIFY", "/v1/verify%00", "/v1/verify;x=1"),
)


@pytest.mark.parametrize("path", [called(23, path, path) for path in DOORS])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
async def test_there_is_no_side_door(gate, path, method):
    from yarl import URL

    url = URL(f"http://127.0.0.1:{gate.http.port}{path}", encoded=True)
    async with gate.http.session.request(method, url, data=b"{}", allow_redirects=False) as response:
        text = await response.text()
        assert response.status in {400, 401, 404, 405}, text
    for canary in (SECRET_KEY, TOKEN, POOR_TOKEN, ACCESS_KEY, "AUTHSVC_"):
        assert canary not in text


@pytest.mark.parametrize("path", [called(23, path, path) for path in ("/openapi.json", "/docs")])
async def test_what_is_for_anybody_holds_nothing_of_anybody(gate, path):
    async with gate.http.get(path) as response:
        assert response.status == 200
        text = await response.text()
    for canary in (SECRET_KEY, TOKEN, POOR_TOKEN, ACCESS_KEY, "mysql://", "AUTHSVC_DATABASE"):
        assert canary not in text


ODD_HEADERS = {
    "empty-copy-source": [("x-amz-copy-source", "")],
    "only-blanks": [("x-amz-copy-source", " \t ")],
    "very-long-value": [("x-amz-meta-a", "x" * 30_000)],
    "very-many": [(f"x-amz-meta-{number}", "x") for number in range(900)],
    "same-name-often": [("x-amz-meta-a", str(number)) for number in range(900)],
    "not-ascii": [("x-amz-meta-a", "ünïcödé 🦊")],
    "latin-1": [("x-amz-meta-a", "\xe9\xff")],
    "control-1": [("x-amz-meta-a", "\x01\x1b[31m")],
    "next-line": [("x-amz-meta-a", "a\x85b")],
    "line-separator": [("x-amz-meta-a", "a\u2028b")],
    "commas": [("x-amz-meta-a", ",,,")],
    "semicolons": [("x-amz-meta-a", ";host;")],
    "date-beside": [("Date", "Fri, 30 Feb 2013 25:61:61 GMT")],
    "content-length-text": [("Content-Length", "abc")],
    "range-text": [("Range", "bytes=--1")],
}


@pytest.mark.parametrize("headers", [called(25, name, headers) for name, headers in ODD_HEADERS.items()])
async def test_odd_headers_are_signed_like_any(gate, headers):
    """Whoever signed them signed them; what they mean is the store's business. None is a fault."""
    if len(headers) < 2:
        await gate.admits(v4_header(headers=headers))
        await gate.admits(v4_presigned(headers=headers))
    else:
        answer = await gate.ask(v4_header(headers=headers))
        assert answer["authenticated"] is True


FORBIDDEN = {
    "newline": ("x-amz-meta-a", "a\nb"),
    "carriage-return": ("x-amz-meta-a", "a\rb"),
    "nul": ("x-amz-meta-a", "a\0b"),
    "lone-surrogate": ("x-amz-meta-a", "\ud800"),
    "injected": ("x-amz-meta-a", "a\r\nx-amz-acl: public-read"),
    "name-with-colon": ("x-amz-meta:a", "b"),
    "name-with-blank": ("x-amz-meta a", "b"),
    "name-with-newline": ("x-amz-meta-a\n", "b"),
    "name-empty": ("", "b"),
    "name-not-ascii": ("x-amz-metá", "b"),
    "name-kelvin": ("x-amz-\u212aey", "b"),
    "name-long": ("x" * 300, "b"),
}


@pytest.mark.parametrize("header", [called(25, name, header) for name, header in FORBIDDEN.items()])
async def test_what_cannot_have_come_over_http_is_no_question(gate, header):
    right = v4_header()
    headers = [*map(list, right.headers), list(header)]
    error = await gate.misshapen({"method": "GET", "target": right.target, "headers": headers})
    assert error.get("field", "headers") == "headers"


METHODS = {
    "empty": "",
    "blank": "GET ",
    "newline": "GET\n",
    "two": "GET /x",
    "unicode": "GЕT",
    "nul": "GET\0",
    "long": "G" * 65,
}


@pytest.mark.parametrize("method", [called(25, f"method-{name}", method) for name, method in METHODS.items()])
async def test_what_is_no_method_is_no_question(gate, method):
    right = v4_header()
    error = await gate.misshapen(
        {"method": method, "target": right.target, "headers": [*map(list, right.headers)]}
    )
    assert error["field"] == "method"


@pytest.mark.parametrize("payload", [called(25, "no-payload-hash", None)])
async def test_s3_wants_the_payload_hash(gate, payload):
    await gate.refuses(v4_header(payload=payload, line=EMPTY), "InvalidRequest", 400)
