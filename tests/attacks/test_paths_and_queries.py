"""Path and query are signed as S3 reads them; what two programs may read in two ways is refused."""

from __future__ import annotations

import dataclasses

import pytest

from tests.attacks.conftest import NOW
from tests.attacks.rows import called
from tests.signers import EMPTY, STAMP, v2_header, v2_presigned, v4_header, v4_presigned, v4a_header

EXPIRES = str(int(NOW) + 600)
HERE = {"expect": {"service": "s3", "region": "us-east-1"}}
EC2 = {"scope": "20130524/us-east-1/ec2/aws4_request", "double": True}

PATHS = {
    "dots-resolved": ("/bucket/x/../key", "/bucket/key"),
    "dots-added": ("/bucket/key", "/bucket/x/../key"),
    "dot-segment": ("/bucket/key", "/bucket/./key"),
    "dots-escaped": ("/bucket/key", "/bucket/x/%2E%2E/key"),
    "out-of-the-bucket": ("/bucket/key", "/bucket/../other/key"),
    "slash-doubled": ("/bucket/key", "/bucket//key"),
    "slash-collapsed": ("/bucket//key", "/bucket/key"),
    "slash-leading": ("/bucket/key", "//bucket/key"),
    "slash-trailing": ("/bucket/key", "/bucket/key/"),
    "slash-trailing-lost": ("/bucket/key/", "/bucket/key"),
    "escaped-twice": ("/bucket/%70", "/bucket/%2570"),
    "unescaped-once": ("/bucket/%2570", "/bucket/%70"),
    "overlong-slash": ("/bucket/key", "/bucket%C0%AFkey"),
    "overlong-dots": ("/bucket/key", "/bucket/x/%C0%AE%C0%AE/key"),
    "overlong-nul": ("/bucket/key", "/bucket/key%C0%80"),
    "nul": ("/bucket/key", "/bucket/key%00"),
    "nul-and-more": ("/bucket/key", "/bucket/key%00.html"),
    "plus-for-blank": ("/bucket/a%20b", "/bucket/a+b"),
    "blank-for-plus": ("/bucket/a+b", "/bucket/a%20b"),
    "case": ("/bucket/key", "/bucket/Key"),
    "composed": ("/bucket/e%CC%81", "/bucket/%C3%A9"),
    "compatibility": ("/bucket/%EF%BD%8B", "/bucket/k"),
    "backslash": ("/bucket/a%5Cb", "/bucket/a/b"),
    "semicolon": ("/bucket/key", "/bucket/key;v=1"),
    "query-in-path": ("/bucket/key", "/bucket/key%3Facl"),
    "fragment": ("/bucket/key", "/bucket/key%23x"),
    "latin-1": ("/bucket/%C3%A9", "/bucket/%E9"),
    "surrogate": ("/bucket/key", "/bucket/key%ED%A0%80"),
    "right-to-left": ("/bucket/key", "/bucket/key%E2%80%AE"),
    "zero-width": ("/bucket/key", "/bucket/ke%E2%80%8By"),
}


def at(request, target):
    return dataclasses.replace(request, target=target)


@pytest.mark.parametrize(("signed", "sent"), [called(17, name, *pair) for name, pair in PATHS.items()])
async def test_another_path_is_another_request(gate, signed, sent):
    await gate.admits(v4_header(target=signed))
    await gate.refuses(at(v4_header(target=signed), sent), "SignatureDoesNotMatch", 403)
    presigned = v4_presigned(path=signed)
    await gate.refuses(at(presigned, f"{sent}?{presigned.query}"), "SignatureDoesNotMatch", 403)
    text = f"GET\n\n\n\nx-amz-date:{STAMP}\n{signed}"
    second = v2_header("GET", signed, text, headers=(("X-Amz-Date", STAMP),))
    await gate.admits(second)
    await gate.refuses(at(second, sent), "SignatureDoesNotMatch", 403)


@pytest.mark.parametrize(
    ("signed", "sent"),
    [
        called(17, "service-dots", "/a/b", "/a/x/../c"),
        called(17, "service-escape", "/a%20b", "/a%2520b"),
        called(17, "service-escaped-dots", "/a/b", "/a/x/%2E%2E/b"),
        called(17, "service-case", "/a", "/A"),
    ],
)
async def test_another_path_is_another_request_of_any_service(gate, signed, sent):
    await gate.admits(v4_header(target=signed, **EC2))
    await gate.refuses(at(v4_header(target=signed, **EC2), sent), "SignatureDoesNotMatch", 403)


@pytest.mark.parametrize(
    "target",
    [
        called(17, name, target)
        for name, target in {
            "absolute-form": "http://s3.example.com/bucket/key",
            "absolute-form-of-another": "http://evil.example/bucket/key",
            "authority-form": "s3.example.com:443",
            "asterisk": "*",
            "empty": "",
            "relative": "bucket/key",
            "nul": "/bucket/key\0",
            "newline": "/bucket/key\n/other",
            "carriage-return": "/bucket/key\r\nX-Amz-Acl: public-read",
            "blank": "/bucket/a key",
            "tab": "/bucket/a\tkey",
            "fragment": "/bucket/key#x",
            "lone-surrogate": "/bucket/\ud800",
            "delete": "/bucket/\x7f",
        }.items()
    ],
)
async def test_what_is_no_target_on_the_wire_is_no_question(gate, target):
    right = v4_header()
    error = await gate.misshapen({"method": "GET", "target": target, "headers": [*right.headers]})
    assert error.get("field", "target") == "target"


@pytest.mark.parametrize(
    "target",
    [
        called(17, f"escape-{name}", target)
        for name, target in {
            "cut": "/bucket/key%",
            "half": "/bucket/key%2",
            "no-hexadecimal": "/bucket/key%zz",
            "unicode": "/bucket/key%u002f",
            "full-width": "/bucket/key%\uff12\uff10",
            "in-the-query": "/bucket/key?prefix=%",
            "in-a-name": "/bucket/key?%=1",
        }.items()
    ],
)
async def test_a_broken_escape_is_refused(gate, target):
    await gate.refuses(at(v4_header(), target), "InvalidURI", 400)


QUERIES = {
    "one-more": ("k=b", "k=b&k=a"),
    "one-more-before": ("k=b", "k=a&k=b"),
    "one-fewer": ("k=a&k=b", "k=a"),
    "twice-the-same": ("k=b", "k=b&k=b"),
    "value": ("k=b", "k=c"),
    "value-lost": ("k=b", "k="),
    "value-lost-with-its-sign": ("k=b", "k"),
    "name-case": ("versionId=b", "versionid=b"),
    "value-case": ("k=b", "k=B"),
    "all-lost": ("acl", ""),
    "acl-added": ("prefix=x", "prefix=x&acl"),
    "semicolon-for-ampersand": ("a=1&b=2", "a=1;b=2"),
    "ampersand-for-semicolon": ("a=1%3Bb=2", "a=1&b=2"),
    "ampersand-escaped": ("a=1&b=2", "a=1%26b=2"),
    "equals-escaped": ("a=1", "a%3D1"),
    "escaped-twice": ("a=%20", "a=%2520"),
    "plus-for-itself": ("a=%2B", "a=+"),
    "nul": ("a=1", "a=1%00"),
    "swapped": ("a=1&b=2", "a=2&b=1"),
    "name-and-value-shifted": ("a=1%262", "a=1&2="),
    "array": ("a=1", "a[]=1"),
    "question-mark": ("a=1", "?a=1"),
}


@pytest.mark.parametrize(("signed", "sent"), [called(18, name, *pair) for name, pair in QUERIES.items()])
async def test_another_query_is_another_request(gate, signed, sent):
    right = v4_header(target=f"/bucket/key?{signed}")
    await gate.admits(right)
    wrong = at(right, f"/bucket/key?{sent}")
    if wrong.target.count("?") > 1:
        assert wrong.path == "/bucket/key"
    await gate.refuses(wrong, "SignatureDoesNotMatch", 403)
    presigned = v4_presigned(query=signed)
    await gate.admits(presigned)
    own = presigned.query.removeprefix(signed)
    await gate.refuses(at(presigned, f"/bucket/key?{sent}{own}"), "SignatureDoesNotMatch", 403)


REPEATED = {
    "signature": "&X-Amz-Signature=" + "0" * 64,
    "signature-empty": "&X-Amz-Signature=",
    "signature-in-other-case": "&x-amz-signature=" + "0" * 64,
    "signature-escaped": "&X%2DAmz-Signature=" + "0" * 64,
    "credential": "&X-Amz-Credential=B%2F20130524%2Fus-east-1%2Fs3%2Faws4_request",
    "credential-in-other-case": "&x-amz-credential=B%2F20130524%2Fus-east-1%2Fs3%2Faws4_request",
    "date": f"&X-Amz-Date={STAMP}",
    "expires": "&X-Amz-Expires=604800",
    "expires-in-capitals": "&X-AMZ-EXPIRES=604800",
    "signed-headers": "&X-Amz-SignedHeaders=host",
    "algorithm": "&X-Amz-Algorithm=AWS4-HMAC-SHA256",
}


@pytest.mark.parametrize("tail", [called(18, f"twice-{name}", tail) for name, tail in REPEATED.items()])
async def test_a_parameter_that_decides_is_there_once(gate, tail):
    await gate.refuses(v4_presigned(tail=tail), "InvalidArgument", 400)
    right = v4_presigned()
    before = at(right, f"/bucket/key?{tail[1:]}&{right.query}")
    await gate.refuses(before, "InvalidArgument", 400)
    await gate.refuses(v4_presigned(query=tail[1:]), "InvalidArgument", 400)


V2_UNSIGNED = [
    called(18, "v2-acl", "acl"),
    called(18, "v2-version", "versionId=1"),
    called(18, "v2-acl-escaped", "a%63l"),
    called(18, "v2-override", "response-content-type=text/html"),
    called(18, "v2-upload", "uploadId=x"),
]


@pytest.mark.parametrize("query", V2_UNSIGNED)
async def test_a_sub_resource_added_to_version_2_is_refused(gate, query):
    text = f"GET\n\n\n\nx-amz-date:{STAMP}\n/bucket/key"
    request = v2_header("GET", f"/bucket/key?{query}", text, headers=(("X-Amz-Date", STAMP),))
    await gate.refuses(request, "SignatureDoesNotMatch", 403)


@pytest.mark.parametrize("query", [called(18, "v2-unsigned-is-told", "prefix=x&max-keys=1&Acl=")])
async def test_what_version_2_does_not_sign_is_told(gate, query):
    text = f"GET\n\n\n\nx-amz-date:{STAMP}\n/bucket/key"
    request = v2_header("GET", f"/bucket/key?{query}", text, headers=(("X-Amz-Date", STAMP),))
    answer = await gate.admits(request)
    assert answer["signature"]["unsigned_query"] == ["prefix", "max-keys", "Acl"]


@pytest.mark.parametrize(
    "query",
    [
        called(18, "v2-twice", "versionId=1&versionId=2"),
        called(18, "v2-twice-escaped", "versionId=1&version%49d=1"),
        called(18, "v2-value-like-another", "versionId=1%26acl"),
        called(18, "v2-newline", "versionId=1%0A"),
        called(18, "v2-nul", "versionId=%00"),
        called(18, "v2-not-utf-8", "versionId=%FF"),
    ],
)
async def test_a_sub_resource_is_read_in_one_way(gate, query):
    for resource in ("versionId=1&versionId=2", "versionId=1", "versionId=1&acl", "acl&versionId=1"):
        text = f"GET\n\n\n\nx-amz-date:{STAMP}\n/bucket/key?{resource}"
        request = v2_header("GET", f"/bucket/key?{query}", text, headers=(("X-Amz-Date", STAMP),))
        await gate.refuses(request, "InvalidArgument", 400)


OVERRIDES = (
    "response-content-type=text/html",
    "response-content-disposition=attachment",
    "response-content-encoding=gzip",
    "response-content-language=en",
    "response-cache-control=public",
    "response-expires=0",
    "response%2Dcontent%2Dtype=text/html",
    "prefix=x&response-content-type=text/html",
)


@pytest.mark.parametrize("query", [called(26, query[:40], query) for query in OVERRIDES])
async def test_nobody_may_override_headers_of_an_answer(gate, query):
    question = {"method": "GET", "target": f"/bucket/key?{query}", "headers": [["Host", "s3.example.com"]]}
    detail = await gate.refuses(question, "InvalidRequest", 400)
    assert detail == {"anonymous": True}


@pytest.mark.parametrize("query", [called(26, "anonymous", ""), called(26, "anonymous-query", "?prefix=x")])
async def test_a_request_nobody_signed_is_told_from_a_forged_one(gate, query):
    question = {"method": "GET", "target": f"/bucket/key{query}", "headers": [["Host", "s3.example.com"]]}
    answer = await gate.ask(question)
    assert answer["scheme"] is None
    assert answer["access_key"] is None
    assert await gate.refuses(question, "AccessDenied", 403) == {"anonymous": True}
    assert gate.directory.asked == 0


@pytest.mark.parametrize("payload", [called(26, "anonymous-payload", EMPTY)])
async def test_half_a_signature_is_no_anonymous_request(gate, payload):
    """A request that lost its Authorization on the way must not be served as one that never had it."""
    right = v4_header(payload=payload)
    stripped = [list(pair) for pair in right.headers if pair[0] != "Authorization"]
    await gate.refuses({"method": "GET", "target": right.target, "headers": stripped}, "AccessDenied", 403)


@pytest.mark.parametrize(
    "method",
    [called(17, f"method-{name}", name) for name in ("HEAD", "get", "Get", "PUT", "POST", "OPTIONS")],
)
async def test_another_method_is_another_request(gate, method):
    for right in (
        v4_header(),
        v4_presigned(),
        v4a_header(),
        v2_presigned("GET", "/bucket/key", f"GET\n\n\n{EXPIRES}\n/bucket/key", expires=EXPIRES),
    ):
        await gate.admits(right)
        await gate.refuses(dataclasses.replace(right, method=method), "SignatureDoesNotMatch", 403)
