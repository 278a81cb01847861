"""Requests worth signing: what people's keys, prefixes and headers look like on a bad day."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
HOST = "s3.example.com:9000"
REGION = "us-east-1"
BUCKET = "bucket"
EXPIRES = 600


@dataclass(frozen=True, kw_only=True)
class Order:
    """A request to be signed; nothing in it is encoded yet."""

    name: str
    key: str = "key"
    method: str = "GET"
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    service: str = "s3"
    token: str | None = None

    @property
    def path(self) -> str:
        """The path as clients send it: S3's, or for other services the key alone."""
        return quote(f"/{BUCKET}/{self.key}" if self.service == "s3" else f"/{self.key}", safe="/-_.~")

    @property
    def target(self) -> str:
        """Path and query as most clients send them."""
        query = "&".join(f"{quote(n, safe='-_.~')}={quote(v, safe='-_.~')}" for n, v in self.query)
        return f"{self.path}?{query}" if query else self.path

    def document(self, client: str) -> dict[str, Any]:
        """Describe it to a program that signs."""
        return {
            "client": client,
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            "session_token": self.token,
            "region": REGION,
            "service": self.service,
            "method": self.method,
            "host": HOST,
            "path": self.path,
            "query": [list(pair) for pair in self.query],
            "headers": self.headers,
            "body": None if self.body is None else base64.b64encode(self.body).decode(),
            "bucket": BUCKET,
            "key": self.key,
            "expires": EXPIRES,
        }


ORDERS = (
    Order(name="plain"),
    Order(name="spaces", key="two words  and more "),
    Order(name="unicode", key="ünïcödé/日本語/🦊/e\u0301"),
    Order(name="doubled-slashes", key="a//b///c"),
    Order(name="dots", key="a/../b/./c"),
    Order(name="dots-first", key="../x"),
    Order(name="percent-2F", key="a%2Fb"),
    Order(name="percent", key="100%"),
    Order(name="plus", key="1+1=2"),
    Order(name="tilde", key="~/x~y~"),
    Order(name="reserved", key="!*'();:@&=$,[]?#"),
    Order(name="quotes", key='"<>\\^`{|}'),
    Order(name="trailing-slash", key="folder/"),
    Order(name="control", key="\t\x7f\x01"),
    Order(name="long", key="é" * 500),
    Order(name="empty-values", query=(("prefix", ""), ("delimiter", ""))),
    Order(name="repeated-names", query=(("k", "b"), ("k", "a"), ("k", "b"))),
    Order(name="awkward-query", query=(("prefix", "a b/+~ü%2F=&?#;:@$,'()*!"), ("marker", "~"))),
    Order(name="awkward-names", query=(("a b", "1"), ("ü", "2"), ("a+b", "3"), ("a[0]", "4"))),
    Order(name="order", query=(("b", "1"), ("A", "2"), ("a-b", "3"), ("a", "4"), ("a1", "5"), ("é", "6"))),
    Order(name="sub-resources", query=(("uploadId", "x/+="), ("partNumber", "2")), method="PUT"),
    Order(name="put", method="PUT", body=b"some bytes", headers={"content-type": "text/plain"}),
    Order(name="empty-put", method="PUT", body=b""),
    Order(name="head", method="HEAD"),
    Order(name="delete", method="DELETE", key="a/ü b"),
    Order(
        name="metadata",
        method="PUT",
        body=b"x",
        headers={"x-amz-meta-colour": "blue  and   green", "x-amz-acl": "private"},
    ),
    Order(name="copy", method="PUT", headers={"x-amz-copy-source": "/bucket/sour%20ce/%2B%C3%BC"}),
)

SERVICE_ORDERS = tuple(replace(order, service="execute-api") for order in ORDERS)
"""The same for a service that is not S3: its paths are normalised and encoded twice."""
