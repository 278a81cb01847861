"""Signed requests to begin from: every scheme, in every place a signature can stand in."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tests.cloudstack_requests import encode, get, post, sign
from tests.signers import (
    ACCESS_KEY,
    EMPTY,
    SECRET_KEY,
    STAMP,
    query_api,
    v2_form,
    v2_header,
    v2_presigned,
    v4_form,
    v4_header,
    v4_presigned,
    v4a_header,
    v4a_presigned,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authsvc.signing import SignedRequest

NOW = 1369353600.0
"""When they were signed: 2013-05-24T00:00:00Z."""

EXPIRES = str(int(NOW) + 600)
PATHS = (
    "/",
    "/bucket",
    "/bucket/",
    "/bucket/key",
    "/bucket/a%20b/%C3%BC+~",
    "/bucket//x/../y/.",
    "/bucket/100%25",
)
NORMAL = tuple(path for path in PATHS if "/./" not in f"{path}/" and "//" not in path)
QUERIES = ("", "prefix=a%20b&delimiter=%2F&marker=", "uploadId=x%2F%2B%3D&partNumber=2", "acl", "k=b&k=a")
HEADERS = (
    (),
    (("Content-Type", "text/plain"), ("X-Amz-Meta-Colour", "blue  and green"), ("Range", "bytes=0-1")),
)
TOKENS = (
    EMPTY,
    "UNSIGNED-PAYLOAD",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
)
CHUNKED = (("X-Amz-Decoded-Content-Length", "0"),)
EC2 = {"scope": "20130524/us-east-1/ec2/aws4_request", "double": True}
COMMAND = {"apiKey": ACCESS_KEY, "command": "listUsers", "name": "Ann Ü ~*[]", "response": "json"}


def forms() -> list[SignedRequest]:
    """Return upload forms of both versions."""
    covered = [("acl", "private"), ("Content-Type", "text/plain")]
    return [
        *(v4_form(), v4_form(fields=covered), v4_form(key="user/${filename}"), v4_form(target="/bucket/")),
        *(v2_form(), v2_form(fields=covered), v2_form(key="user/${filename}"), v2_form(target="/bucket/")),
    ]


def corpus() -> dict[str, list[SignedRequest]]:
    """Return requests by scheme and place."""
    return {
        "sigv4 header": list(_v4_header()),
        "sigv4 query": [
            v4_presigned(method, path, query=query, headers=headers)
            for method in ("GET", "PUT")
            for path in PATHS
            for query in QUERIES
            for headers in HEADERS
        ],
        "sigv4 service": [
            *(v4_header(method, path, **EC2) for method in ("GET", "POST") for path in NORMAL),
            *(v4_header("POST", body=b"a=b", payload=None, line=_A_IS_B, **EC2) for _ in range(3)),
            *(v4_presigned(path=path, line=EMPTY, **EC2) for path in NORMAL),
        ],
        "sigv4a": [
            *(
                v4a_header("GET", path, regions=regions)
                for path in PATHS
                for regions in ("*", "us-east-1, eu-*")
            ),
            *(v4a_presigned("GET", path, query="prefix=x") for path in PATHS),
        ],
        "s3v2 header": list(_v2_header()),
        "s3v2 query": list(_v2_query()),
        "sigv2": [
            query_api(method, path, digest=digest, Filter="a b+ü~")
            for method in ("GET", "POST")
            for path in ("/", "/services/Cloud/", "/a%20b//..")
            for digest in ("sha1", "sha256")
        ],
        "cloudstack": list(_cloudstack()),
    }


_A_IS_B = hashlib.sha256(b"a=b").hexdigest()


def _v4_header() -> Iterator[SignedRequest]:
    for path in PATHS:
        for query in QUERIES:
            for headers in HEADERS:
                yield v4_header("GET", f"{path}?{query}" if query else path, headers=headers)
        if path.startswith("/bucket/"):
            for token in TOKENS:
                yield v4_header("PUT", path, payload=token, headers=CHUNKED)
        yield v4_header("GET", path, date="Fri, 24 May 2013 00:00:00 GMT")


def _v2_resource(path: str, query: str) -> str:
    signed = {
        "uploadId=x%2F%2B%3D&partNumber=2": "?partNumber=2&uploadId=x/+=",
        "acl": "?acl",
    }.get(query, "")
    return path + signed


def _v2_header() -> Iterator[SignedRequest]:
    for path in PATHS:
        for query in QUERIES[:-1]:
            target = f"{path}?{query}" if query else path
            resource = _v2_resource(path, query)
            text = f"GET\n\n\n\nx-amz-date:{STAMP}\n{resource}"
            yield v2_header("GET", target, text, headers=(("X-Amz-Date", STAMP),))
            date = "Fri, 24 May 2013 00:00:00 GMT"
            more = (("Date", date), ("Content-Type", "text/plain"), ("x-amz-meta-a", "b  c"))
            yield v2_header(
                "PUT", target, f"PUT\n\ntext/plain\n{date}\nx-amz-meta-a:b  c\n{resource}", headers=more
            )


def _v2_query() -> Iterator[SignedRequest]:
    for path in PATHS:
        for query in QUERIES[:-1]:
            text = f"GET\n\n\n{EXPIRES}\n{_v2_resource(path, query)}"
            yield v2_presigned("GET", path, text, query=query, expires=EXPIRES)


def _cloudstack() -> Iterator[SignedRequest]:
    version_3 = {"signatureVersion": "3", "expires": "2013-05-24T00:10:00+0000"}
    for digest in ("sha1", "sha512"):
        for sent in (COMMAND, COMMAND | version_3):
            query = encode(sent | {"signature": sign(sent, digest=digest, secret=SECRET_KEY)})
            yield get(query, ("Host", "region.example"))
            yield post(query)
            head, _, tail = query.partition("&")
            yield post(tail, query=head)
