"""A small S3 store that knows nobody: it believes the identity in ``X-Auth-*``, as one behind a gateway may.

It keeps objects in memory, per bucket, and a bucket belongs to the account that made it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

from aiohttp import web

from authsvc.faces.forward_auth.identity import HEADERS
from tests.threaded import Threaded

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


@dataclass
class Bucket:
    owner: str
    objects: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Arrival:
    """One request that a gateway let through."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        return [value for given, value in self.headers if given.lower() == name.lower()]


class Refused(Exception):
    def __init__(self, status: int, code: str) -> None:
        self.status, self.code = status, code


class TrustingStore(Threaded):
    """The store.

    Attributes:
        arrived: What came since `begin`, oldest first.
    """

    def __init__(self) -> None:
        super().__init__(self._receive)
        self.arrived: list[Arrival] = []
        self._buckets: dict[str, Bucket] = {}
        self._uploads: dict[str, dict[int, bytes]] = {}

    def begin(self) -> None:
        self.arrived = []

    async def _receive(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()  # not `request.read`, which ends at a megabyte
        headers = tuple((name.decode(), value.decode("latin-1")) for name, value in request.raw_headers)
        arrival = Arrival(request.method, request.raw_path, headers)
        self.arrived.append(arrival)
        try:
            return self._answer(arrival, _identity(arrival), body)
        except Refused as refusal:
            return _xml(f"<Error><Code>{refusal.code}</Code></Error>", refusal.status)

    def _answer(self, arrival: Arrival, identity: dict[str, str], body: bytes) -> web.Response:
        path, _, text = arrival.target.partition("?")
        query = dict(parse_qsl(text, keep_blank_values=True))
        if "command" in query:
            return web.json_response({f"{query['command'].lower()}response": {"count": 0}})
        name, _, key = path[1:].partition("/")
        if not name:
            return _listed_buckets(
                name for name, each in self._buckets.items() if each.owner == identity["X-Auth-Account-Id"]
            )
        bucket = self._bucket(arrival, name, identity["X-Auth-Account-Id"], key)
        if key:
            return self._object(arrival, bucket, unquote(key), query, body)
        if arrival.method == "DELETE":
            del self._buckets[name]
            return web.Response(status=204)
        return _listed(name, bucket, query) if arrival.method == "GET" else web.Response()

    def _bucket(self, arrival: Arrival, name: str, account: str, key: str) -> Bucket:
        if arrival.method == "PUT" and not key:
            self._buckets.setdefault(name, Bucket(account))
        if name not in self._buckets:
            raise Refused(404, "NoSuchBucket")
        if self._buckets[name].owner != account:
            raise Refused(403, "AccessDenied")
        return self._buckets[name]

    def _object(
        self, arrival: Arrival, bucket: Bucket, key: str, query: dict[str, str], body: bytes
    ) -> web.Response:
        objects = bucket.objects
        if "uploads" in query or "uploadId" in query:
            return self._multipart(arrival.method, objects, key, query, body)
        if arrival.method == "PUT":
            source = arrival.values("x-amz-copy-source")
            objects[key] = self._copied(unquote(source[0])) if source else _whole(arrival, body)
            if source:
                return _xml(f"<CopyObjectResult><ETag>{_etag(objects[key])}</ETag></CopyObjectResult>")
            return web.Response(headers={"ETag": _etag(objects[key])})
        if key not in objects:
            raise Refused(404, "NoSuchKey")
        if arrival.method == "DELETE":
            del objects[key]
            return web.Response(status=204)
        headers = {"ETag": _etag(objects[key]), "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        return web.Response(body=objects[key], headers=headers)

    def _multipart(
        self, method: str, objects: dict[str, bytes], key: str, query: dict[str, str], body: bytes
    ) -> web.Response:
        if "uploads" in query:
            upload = f"upload/{len(self._uploads)}+="
            self._uploads[upload] = {}
            inner = f"<Bucket>b</Bucket><Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
            return _xml(f"<InitiateMultipartUploadResult>{inner}</InitiateMultipartUploadResult>")
        parts = self._uploads[query["uploadId"]]
        if method == "PUT":
            parts[int(query["partNumber"])] = body
            return web.Response(headers={"ETag": _etag(body)})
        objects[key] = b"".join(part for _, part in sorted(parts.items()))
        inner = f"<Key>{escape(key)}</Key><ETag>{_etag(objects[key])}</ETag>"
        return _xml(f"<CompleteMultipartUploadResult>{inner}</CompleteMultipartUploadResult>")

    def _copied(self, source: str) -> bytes:
        name, _, key = source.removeprefix("/").partition("/")
        return self._buckets[name].objects[key]


def _identity(arrival: Arrival) -> dict[str, str]:
    """Return the identity; a gateway that hands on two values, or none, is not to be trusted with any."""
    assert not arrival.values("X-Auth-Token"), "the gateway gave its token away"
    given = {name: arrival.values(name) for name in HEADERS}
    assert all(len(values) == 1 and values[0] for values in given.values()), given
    return {name: values[0] for name, values in given.items()}


def _whole(arrival: Arrival, body: bytes) -> bytes:
    """Return what was put: without the framing of aws-chunked, if it came in that."""
    if not any("aws-chunked" in value for value in arrival.values("Content-Encoding")):
        return body
    whole, rest = b"", body
    while rest:
        head, _, rest = rest.partition(b"\r\n")
        size = int(head.partition(b";")[0], 16)
        if size == 0:
            break
        whole, rest = whole + rest[:size], rest[size + 2 :]
    return whole


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def _listed_buckets(names) -> web.Response:
    found = "".join(
        f"<Bucket><Name>{name}</Name><CreationDate>2026-01-01T00:00:00Z</CreationDate></Bucket>"
        for name in sorted(names)
    )
    return _xml(
        f"<ListAllMyBucketsResult {NAMESPACE}><Owner><ID>x</ID></Owner><Buckets>{found}</Buckets></ListAllMyBucketsResult>"
    )


def _listed(name: str, bucket: Bucket, query: dict[str, str]) -> web.Response:
    keys = [key for key in sorted(bucket.objects) if key.startswith(query.get("prefix", ""))]
    contents = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{len(bucket.objects[key])}</Size></Contents>"
        for key in keys
    )
    return _xml(
        f"<ListBucketResult {NAMESPACE}><Name>{name}</Name><KeyCount>{len(keys)}</KeyCount><MaxKeys>1000</MaxKeys>"
        f"<IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
    )


def _xml(text: str, status: int = 200) -> web.Response:
    return web.Response(text=f'<?xml version="1.0"?>{text}', status=status, content_type="application/xml")
