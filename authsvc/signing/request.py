"""The request whose signature is in question, as it came over the wire."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter

from authsvc.errors import DuplicateParameter, Malformed
from authsvc.signing.encoding import recode

_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}", re.ASCII)
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}", re.ASCII)
_TARGET = re.compile(r"/[^\x00-\x20#\x7f\ud800-\udfff]*")
_FORBIDDEN_IN_VALUE = re.compile(r"[\x00\r\n\ud800-\udfff]")
_BUCKET = re.compile(r"[A-Za-z0-9._:\-]{1,255}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_VALUE = itemgetter(1)
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

QueryPair = tuple[str, str | None]
"""Name and value of a query parameter, both still encoded; the value is None where there was no ``=``."""


@dataclass(slots=True, kw_only=True)
class SignedRequest:
    """Method, raw request-target and ordered header pairs, exactly as received.

    Never decoded and encoded again: any normalisation on the way here is a hole through which two requests
    come to share one signature. Nor changed once it is made; only for speed is it not frozen.

    Attributes:
        method: As received; its case is signed.
        target: The raw request-target in origin form (``/path?query``), still percent-encoded.
        headers: (name, value) pairs in the order received, names in any case.
        body: The body, only where the scheme signs it.
        body_sha256: Lower-case hex hash of the body, where the caller computed it.
        bucket: The bucket, only where it came from the Host (virtual-hosted style).
        path: The target up to the first ``?``.
        query: The target after it, still encoded; None without a ``?``.
        pairs: The query's parameters in order, still encoded; split on ``&`` alone, never on ``;``.
        names: Their names in the same order, each in its one spelling (``encoding.recode``).
        fields: Values by lower-case header name, in order, outer white space trimmed.

    Raises:
        Malformed: A part holds characters that cannot have come over HTTP.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = None
    body_sha256: str | None = None
    bucket: str | None = None
    path: str = field(init=False)
    query: str | None = field(init=False)
    pairs: tuple[QueryPair, ...] = field(init=False, repr=False)
    names: tuple[str, ...] = field(init=False, repr=False)
    fields: dict[str, list[str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not _METHOD.fullmatch(self.method):
            raise Malformed("the method is not a token", field="method")
        if not _TARGET.fullmatch(self.target):
            raise Malformed("the target must be a raw request-target that begins with /", field="target")
        if self.bucket is not None and not _BUCKET.fullmatch(self.bucket):
            raise Malformed("the bucket is not a bucket name", field="bucket")
        if self.body_sha256 is not None and not _SHA256.fullmatch(self.body_sha256):
            raise Malformed("body_sha256 must be 64 lower-case hexadecimal digits", field="body_sha256")
        self.path, mark, query = self.target.partition("?")
        self.query = query if mark else None
        self.pairs = _split(query) if query else ()
        self.names = tuple([recode(name) for name, _ in self.pairs])
        self.fields = _by_name(self.headers)

    def header(self, name: str) -> str | None:
        """Return the one value of a header, None where it is absent; ``name`` in lower case.

        Raises:
            DuplicateParameter: It is there more than once.
        """
        values = self.fields.get(name)
        if values is None:
            return None
        if len(values) > 1:
            raise DuplicateParameter(f"the {name} header is given more than once", argument_name=name)
        return values[0]

    def body_hash(self) -> str:
        """Return the hex SHA-256 of the body: given, else computed, else that of the empty body."""
        if self.body is not None:
            return hashlib.sha256(self.body).hexdigest()
        return self.body_sha256 or EMPTY_SHA256


def _split(query: str) -> tuple[QueryPair, ...]:
    pairs: list[QueryPair] = []
    for part in query.split("&"):
        name, mark, value = part.partition("=")
        if part:
            pairs.append((name, value if mark else None))
    return tuple(pairs)


def _by_name(headers: tuple[tuple[str, str], ...]) -> dict[str, list[str]]:
    if _is_forbidden("".join(map(_VALUE, headers))):
        raise Malformed("a header value holds a control character", field="headers")
    fields = {_folded(name): [value.strip(" \t")] for name, value in headers}
    if len(fields) < len(headers):
        fields.clear()
        for name, value in headers:
            fields.setdefault(_folded(name), []).append(value.strip(" \t"))
    return fields


def _is_forbidden(values: str) -> bool:
    if values.isascii():
        return "\n" in values or "\r" in values or "\0" in values
    return _FORBIDDEN_IN_VALUE.search(values) is not None


@lru_cache(maxsize=512)
def _folded(name: str) -> str:
    """Return a header's name in lower case; requests share a few dozen."""
    if not _HEADER_NAME.fullmatch(name):
        raise Malformed("a header name is not a token", field="headers")
    return name.lower()
