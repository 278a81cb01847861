"""The verify question, decoded by hand: the schema beside it says the same in five times the time."""

from __future__ import annotations

from base64 import b64decode
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from authsvc.errors import Malformed
from authsvc.service.policy import ANYTHING, Expectation
from authsvc.signing import SignedRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

WANTS: Final = frozenset({"signing_key"})
_FIELDS = frozenset({"method", "target", "headers", "body", "body_sha256", "bucket", "expect", "want"})
_PAIR: Final = 2
_USUAL_NAMES: Final = 128
"""Characters of a service and a region together that are worth remembering."""
_EXPECT = frozenset({"service", "region"})

Pairs = tuple[tuple[str, str], ...]


class Question(NamedTuple):
    """A request to judge, what its endpoint is, and what is wanted beyond the verdict."""

    request: SignedRequest
    expect: Expectation = ANYTHING
    want: frozenset[str] = frozenset()


def read_question(document: Any) -> Question:
    """Decode one question as ``VerifySchema`` does, and refuse what it refuses.

    Raises:
        Malformed: ``detail["field"]`` names what is wrong.
    """
    if type(document) is not dict:
        raise Malformed("the question must be an object")
    if not document.keys() <= _FIELDS:
        raise Malformed("unknown field", field=min(document.keys() - _FIELDS))
    get = document.get
    body = get("body")
    expect = get("expect")
    want = get("want")
    request = SignedRequest(
        method=_text(document, "method"),
        target=_text(document, "target"),
        headers=read_headers(get("headers")),
        body=None if body is None else read_body(body),
        body_sha256=_text_or_none(document, "body_sha256"),
        bucket=_text_or_none(document, "bucket"),
    )
    return Question(
        request,
        ANYTHING if expect is None else _expectation(expect),
        frozenset() if want is None else _wants(want),
    )


def read_headers(headers: Any) -> Pairs:
    """Decode headers given as ordered pairs or as an object.

    Raises:
        Malformed: They are neither, or a name or value is not text.
    """
    if type(headers) is dict:
        headers = list(map(list, headers.items()))
    if type(headers) is not list:
        raise Malformed("must be a list of [name, value] pairs, or an object", field="headers")
    pairs = []
    for pair in headers:
        if type(pair) is not list or len(pair) != _PAIR:
            raise Malformed("must be a list of [name, value] pairs, or an object", field="headers")
        name, value = pair
        if type(name) is not str or type(value) is not str:
            raise Malformed("names and values must be strings", field="headers")
        pairs.append((name, value))
    return tuple(pairs)


def read_body(body: Any) -> bytes:
    """Decode base64 in its standard alphabet, padded, without white space.

    Raises:
        Malformed: It is something else.
    """
    try:
        if type(body) is str and len(body) % 4 == 0:
            return b64decode(body, validate=True)
    except ValueError:
        pass
    raise Malformed("must be standard base64 with padding", field="body")


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if type(value) is not str:
        raise Malformed("must be a string", field=name)
    return value


def _text_or_none(document: Mapping[str, Any], name: str) -> str | None:
    return None if document.get(name) is None else _text(document, name)


def _expectation(expect: Any) -> Expectation:
    if type(expect) is not dict or not expect.keys() <= _EXPECT:
        raise Malformed("must be an object of service and region", field="expect")
    service, region = expect.get("service"), expect.get("region")
    for value in (service, region):
        if value is not None and (type(value) is not str or not value):
            raise Malformed("must be a string that is not empty", field="expect")
    make = _named if len(service or "") + len(region or "") <= _USUAL_NAMES else _named.__wrapped__
    return make(service, region)


@lru_cache(maxsize=256)
def _named(service: str | None, region: str | None) -> Expectation:
    """Make an expectation once: a caller is the same endpoint all day."""
    return Expectation(service=service, region=region)


def _wants(want: Any) -> frozenset[str]:
    if type(want) is not list or not all(type(item) is str and item in WANTS for item in want):
        raise Malformed(f"must be a list out of: {', '.join(sorted(WANTS))}", field="want")
    return frozenset(want)
