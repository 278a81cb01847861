"""A store that keeps nothing: it forwards each request's head to ``/v1/verify`` and answers by the verdict."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import partial
from typing import Any
from xml.sax.saxutils import escape

import aiohttp
from aiohttp import web

from tests.threaded import Threaded

LISTING = "<ListBucketResult><Name>b</Name><Prefix/><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys>\
<IsTruncated>false</IsTruncated></ListBucketResult>"
BUCKETS = "<ListAllMyBucketsResult><Owner><ID>x</ID></Owner><Buckets/></ListAllMyBucketsResult>"
UPLOAD = "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>u1</UploadId>\
</InitiateMultipartUploadResult>"
COPIED = '<CopyObjectResult><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"e"</ETag>\
</CopyObjectResult>'
IDENTITY = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/x</Arn>\
<UserId>x</UserId><Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
REGIONS = "<DescribeRegionsResponse><regionInfo/></DescribeRegionsResponse>"
FORM = "application/x-www-form-urlencoded"
SIGNATURE = re.compile(r"(?:Signature=|AWS [^:\s]+:)([^&,\s]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Taken:
    """One request as it went to the service, and what that said."""

    question: dict[str, Any]
    status: int
    verdict: dict[str, Any]

    @property
    def signatures(self) -> set[str]:
        texts = [self.question["target"], *(value for _, value in self.question["headers"])]
        return {found for text in texts for found in SIGNATURE.findall(text)}


class Store(Threaded):
    """The store.

    Attributes:
        taken: Requests since `begin`, oldest first.
    """

    def __init__(self, verify: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        super().__init__(self._receive, beside=partial(aiohttp.ClientSession, headers=headers))
        self._verify = verify
        self.taken: list[Taken] = []
        self.signatures: set[str] = set()

    def begin(self) -> None:
        self.taken = []

    async def _receive(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        question: dict[str, Any] = {
            "method": request.method,
            "target": request.raw_path,
            "headers": [[_text(name), _text(value)] for name, value in request.raw_headers],
        }
        if request.headers.get("Content-Type", "").startswith(FORM):
            question["body"] = base64.b64encode(body).decode()
        async with self.opened.post(self._verify, json=question) as response:
            taken = Taken(question, response.status, await response.json())
        self.taken.append(taken)
        self.signatures |= taken.signatures
        return _answer(request, body, taken)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _answer(request: web.BaseRequest, body: bytes, taken: Taken) -> web.Response:
    error = taken.verdict.get("error")
    form = base64.b64decode(taken.question.get("body", ""))
    if error is not None:
        text = f"<Error><Code>{error['code']}</Code><Message>{escape(error['message'])}</Message></Error>"
        if b"DescribeRegions" in form:
            text = f"<Response><Errors>{text}</Errors></Response>"
        elif form:
            text = f"<ErrorResponse>{text}</ErrorResponse>"
        return _xml(text, error.get("status", taken.status))
    path, _, query = taken.question["target"].partition("?")
    headers = {name.lower() for name, _ in taken.question["headers"]}
    if form:
        return _xml(REGIONS if b"DescribeRegions" in form else IDENTITY)
    if request.method == "POST" and "uploads" in query:
        return _xml(UPLOAD)
    if request.method == "PUT" and "x-amz-copy-source" in headers:
        return _xml(COPIED)
    if request.method == "GET" and path.strip("/").count("/") == 0:
        return _xml(LISTING if path.strip("/") else BUCKETS)
    etag = f'"{hashlib.md5(body).hexdigest()}"'
    return web.Response(body=b"", headers={"ETag": etag, "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"})


def _xml(text: str, status: int = 200) -> web.Response:
    return web.Response(text=f'<?xml version="1.0"?>{text}', status=status, content_type="application/xml")
