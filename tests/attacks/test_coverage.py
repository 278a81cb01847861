"""What a signature does not cover must not count: headers, payload tokens, degenerate lists, names that fold."""

from __future__ import annotations

import pytest

from tests.attacks.rows import called
from tests.signers import EMPTY, HOST, STAMP, v2_header, v4_header, v4_presigned

RANDOM = "0123456789abcdef" * 4
TOKENS = (
    "UNSIGNED-PAYLOAD",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    EMPTY,
)
BELIEVED = (
    ("x-amz-copy-source", "/secret/k"),
    ("X-Amz-Copy-Source", ""),
    ("x-amz-acl", "public-read-write"),
    ("x-amz-meta-role", "admin"),
    ("x-amz-tagging", "public=1"),
    ("x-amz-grant-full-control", "id=mallory"),
    ("x-amz-bypass-governance-retention", "true"),
    ("x-amz-mfa", "1 123456"),
    ("x-amz-server-side-encryption-customer-key", "AAAA"),
    ("x-amz-security-token", "somebody's"),
    ("x-amz-decoded-content-length", "5"),
    ("x-amz-trailer", "x-amz-checksum-crc32"),
)


@pytest.mark.parametrize(
    "header", [called(1, f"{name}={value}"[:40], (name, value)) for name, value in BELIEVED]
)
@pytest.mark.parametrize("sign", [v4_header, v4_presigned], ids=["header", "presigned"])
async def test_an_unsigned_amz_header_is_refused(gate, header, sign):
    await gate.admits(sign("PUT"))
    detail = await gate.refuses(sign("PUT", unsigned_headers=[header]), "AccessDenied", 403)
    assert detail["headers_not_signed"] == [header[0].lower()]


@pytest.mark.parametrize("header", [called(1, f"v2-{name}"[:40], (name, value)) for name, value in BELIEVED])
async def test_a_header_added_to_version_2_is_refused(gate, header):
    text = f"PUT\n\n\n\nx-amz-date:{STAMP}\n/bucket/key"
    right = v2_header("PUT", "/bucket/key", text, headers=[("X-Amz-Date", STAMP)])
    await gate.admits(right)
    wrong = v2_header("PUT", "/bucket/key", text, headers=[("X-Amz-Date", STAMP), header])
    if header[0] == "x-amz-security-token":
        await gate.refuses(wrong, "InvalidToken", 400)
    else:
        await gate.refuses(wrong, "SignatureDoesNotMatch", 403)


@pytest.mark.parametrize("name", [called(1, "date", "x-amz-date")])
async def test_the_date_that_counts_is_signed(gate, name):
    """A signed Date must not lend its cover to an X-Amz-Date that wins over it."""
    date = "Fri, 24 May 2013 00:00:00 GMT"
    await gate.admits(v4_header(date=date))
    await gate.refuses(v4_header(date=date, unsigned_headers=[(name, STAMP)]), "AccessDenied", 403)


@pytest.mark.parametrize(
    "value",
    [
        called(1, "other-hash", RANDOM),
        called(1, "token", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        called(1, "empty", ""),
    ],
)
async def test_an_unsigned_payload_line_may_repeat_what_was_signed_and_nothing_else(gate, value):
    await gate.admits(v4_presigned(unsigned_headers=[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")]))
    wrong = v4_presigned(unsigned_headers=[("x-amz-content-sha256", value)])
    await gate.refuses(wrong, "AccessDenied", 403)


@pytest.mark.parametrize("token", [called(2, token[:40], token) for token in TOKENS])
@pytest.mark.parametrize(
    "more",
    [
        (),
        (("x-amz-meta-snowball-auto-extract", "true"),),
        (("content-encoding", "aws-chunked"),),
    ],
    ids=["", "snowball", "chunked"],
)
async def test_no_payload_token_switches_the_signature_off(gate, token, more):
    right = v4_header("PUT", payload=token, headers=[*more, ("x-amz-decoded-content-length", "0")])
    await gate.admits(right)
    for request in (right, v4_header("PUT", payload=token, headers=more)):
        authorization = request.header("authorization")
        wrong = authorization[: authorization.index("Signature=") + 10] + RANDOM
        headers = [[name, wrong if name == "Authorization" else value] for name, value in request.headers]
        described = {"method": "PUT", "target": request.target, "headers": headers}
        await gate.refuses(described, "SignatureDoesNotMatch", 403)


@pytest.mark.parametrize(
    "token",
    [
        called(2, "lower-case", "unsigned-payload"),
        called(2, "longer", "UNSIGNED-PAYLOAD-TRAILER"),
        called(2, "shorter", "STREAMING-"),
        called(2, "invented", "STREAMING-NONE"),
        called(2, "empty", ""),
        called(2, "hash-too-short", "ab" * 31),
        called(2, "hash-too-long", "ab" * 33),
        called(2, "hash-with-blank", "ab" * 31 + " a"),
        called(2, "unicode-digits", "٠" * 64),
    ],
)
async def test_a_token_nobody_defined_is_refused(gate, token):
    await gate.refuses(v4_header(payload=token), "InvalidArgument", 400)


@pytest.mark.parametrize("token", [called(2, token[:40], token) for token in TOKENS if token.startswith("S")])
async def test_a_presigned_request_has_no_stream_to_sign(gate, token):
    pinned = v4_presigned("PUT", query=f"X-Amz-Content-Sha256={token}", line=token)
    await gate.refuses(pinned, "InvalidArgument", 400)


LISTS = {
    "empty": "",
    "semicolon": ";",
    "leading": ";host;x-amz-content-sha256;x-amz-date",
    "trailing": "host;x-amz-content-sha256;x-amz-date;",
    "doubled": "host;;x-amz-content-sha256;x-amz-date",
    "twice": "host;host;x-amz-content-sha256;x-amz-date",
    "unsorted": "x-amz-date;host;x-amz-content-sha256",
    "upper-case": "Host;x-amz-content-sha256;x-amz-date",
    "absent": "host;x-absent;x-amz-content-sha256;x-amz-date",
    "blank": "host; x-amz-content-sha256;x-amz-date",
    "commas": "host:x-amz-content-sha256:x-amz-date",
    "escaped": "host%3Bx-amz-content-sha256%3Bx-amz-date",
    "unicode": "host;x-amz-content-sha256;x-amz-date;\u212aey",
    "star": "*",
}


@pytest.mark.parametrize("signed", [called(15, name, text) for name, text in LISTS.items()])
async def test_a_degenerate_list_of_signed_headers_is_refused(gate, signed):
    await gate.refuses(v4_header(signed=signed), "AuthorizationHeaderMalformed", 400)


@pytest.mark.parametrize(
    "signed",
    [
        called(15, name, text)
        for name, text in {
            "semicolon": ";",
            "trailing": "host;",
            "twice": "host;host",
            "upper-case": "Host",
            "absent": "host;x-absent",
            "raw-semicolon-and-more": "host;x-amz-date",
        }.items()
    ],
)
async def test_a_degenerate_list_in_the_query_is_refused(gate, signed):
    await gate.refuses(v4_presigned(signed=signed), "AuthorizationQueryParametersError", 400)


@pytest.mark.parametrize("sign", [called(15, "header", v4_header), called(15, "presigned", v4_presigned)])
async def test_the_host_has_to_be_signed(gate, sign):
    await gate.admits(sign(headers=[("Date", "x")]))
    signed = "date" if sign is v4_presigned else "date;x-amz-content-sha256;x-amz-date"
    detail = await gate.refuses(sign(headers=[("Date", "x")], signed=signed), "AccessDenied", 403)
    assert detail["headers_not_signed"] == ["host"]


@pytest.mark.parametrize("sign", [called(15, "presigned", v4_presigned)])
async def test_an_empty_list_in_the_query_is_refused(gate, sign):
    await gate.refuses(sign(signed=""), "AuthorizationQueryParametersError", 400)


ALIASES = ["X_Amz_Copy_Source", "x-amz_copy-source", "X.Amz.Acl", "x_amz-meta-a", "X~Amz~Acl", "x!amz!acl"]


@pytest.mark.parametrize("name", [called(19, name, name) for name in ALIASES])
@pytest.mark.parametrize("sign", [v4_header, v4_presigned], ids=["header", "presigned"])
async def test_a_name_that_a_gateway_folds_is_refused(gate, name, sign):
    """Even where it is signed: the signature does not say what it becomes."""
    await gate.refuses(sign(unsigned_headers=[(name, "/secret/k")]), "AccessDenied", 403)
    await gate.refuses(sign(headers=[(name, "/secret/k")]), "AccessDenied", 403)


@pytest.mark.parametrize("name", [called(19, f"v2-{name}", name) for name in ALIASES])
async def test_a_name_that_a_gateway_folds_is_refused_in_version_2(gate, name):
    text = f"PUT\n\n\n\nx-amz-date:{STAMP}\n/bucket/key"
    headers = [("X-Amz-Date", STAMP), (name, "/secret/k")]
    await gate.refuses(v2_header("PUT", "/bucket/key", text, headers=headers), "AccessDenied", 403)


EVIL = ("Host", "evil.example")


@pytest.mark.parametrize(
    "said",
    [
        called(20, name.lower(), (name, HOST[1]))
        for name in (
            "X-Forwarded-Host",
            "X-Original-Host",
            "X-Host",
            "X-Forwarded-Server",
            "Forwarded",
            "X-Rewrite-URL",
            "X-Original-URL",
        )
    ],
)
async def test_no_header_of_a_proxy_stands_in_for_the_host(gate, said):
    right = v4_header()
    headers = [pair for pair in right.headers if pair[0] != "Host"]
    await gate.refuses(
        {"method": "GET", "target": right.target, "headers": [EVIL, said, *headers]},
        "SignatureDoesNotMatch",
        403,
    )


@pytest.mark.parametrize(
    "hosts",
    [
        called(20, "good-then-evil", [HOST, EVIL]),
        called(20, "evil-then-good", [EVIL, HOST]),
        called(20, "other-case", [HOST, ("hOST", "evil.example")]),
        called(20, "twice-the-same", [HOST, HOST]),
    ],
)
@pytest.mark.parametrize("sign", [v4_header, v4_presigned], ids=["header", "presigned"])
async def test_two_hosts_are_refused(gate, hosts, sign):
    right = sign()
    rest = [pair for pair in right.headers if pair[0] != "Host"]
    question = {"method": "GET", "target": right.target, "headers": [*hosts, *rest]}
    await gate.refuses(question, "InvalidArgument", 400)


@pytest.mark.parametrize(
    "host",
    [
        called(20, name, value)
        for name, value in {
            "port": "s3.example.com:443",
            "dot": "s3.example.com.",
            "case": "S3.example.com",
            "user": "x@s3.example.com",
            "blank": "s3.example.com evil.example",
            "empty": "",
        }.items()
    ],
)
async def test_a_host_spelt_otherwise_is_another_host(gate, host):
    right = v4_header()
    headers = [("Host", host), *(pair for pair in right.headers if pair[0] != "Host")]
    await gate.refuses(
        {"method": "GET", "target": right.target, "headers": headers}, "SignatureDoesNotMatch", 403
    )


@pytest.mark.parametrize("body", [called(34, "one", b"one"), called(34, "other", b"another")])
async def test_an_unsigned_body_may_be_any_and_the_answer_says_so(gate, body):
    answer = await gate.admits(v4_presigned("PUT", body=body))
    assert answer["signature"]["payload"] == "unsigned"
    assert answer["signature"]["body_sha256"] is None


@pytest.mark.parametrize("body", [called(34, "signed", b"another")])
async def test_a_signed_body_is_that_body(gate, body):
    await gate.admits(v4_header("PUT", payload=EMPTY, body=b""))
    await gate.refuses(v4_header("PUT", payload=EMPTY, body=body), "XAmzContentSHA256Mismatch", 400)
    await gate.refuses(
        v4_header("PUT", payload=EMPTY, body_sha256="ab" * 32), "XAmzContentSHA256Mismatch", 400
    )
