"""The parameters of a Query-style request: those of the query, then those of a form in its body."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from authsvc.errors import MalformedParameters
from authsvc.signing.encoding import decode, recode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from authsvc.signing.request import QueryPair, SignedRequest

_FORM: Final = "application/x-www-form-urlencoded"
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]*)", re.ASCII | re.IGNORECASE)
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def names(request: SignedRequest) -> Collection[str]:
    """Return the names of the parameters of query and form, each in its one spelling."""
    form = _form(request)
    if form is None:
        return request.names
    return {*request.names, *(recode(name) for name, _ in _split(form.decode("latin-1")))}


def pairs(request: SignedRequest) -> Iterator[QueryPair]:
    """Yield every parameter of query and form, still encoded.

    Raises:
        MalformedParameters: Query or form cannot be read in one way only.
    """
    if request.query is not None and not request.query.isascii():
        raise MalformedParameters("the query holds characters that have to be percent-encoded")
    yield from request.pairs
    form = _form(request)
    if form is None:
        return
    if request.method != "POST":
        # A server reads no form from any other method: parameters moved there would be signed and not obeyed.
        raise MalformedParameters("a form is sent with POST")
    charsets = _CHARSET.findall(request.header("content-type") or "")
    if not {charset.lower() for charset in charsets} <= {"utf-8", "utf8"}:
        raise MalformedParameters("the form's charset must be UTF-8")
    try:
        yield from _split(form.decode())
    except UnicodeDecodeError:
        raise MalformedParameters("the form is not UTF-8") from None


def decoded(encoded: str) -> str:
    """Decode a name or a value.

    Raises:
        MalformedParameters: It holds a broken escape, or bytes that are not UTF-8.
    """
    if "%" not in encoded:
        return encoded.replace("+", " ")
    text = None if _BROKEN_ESCAPE.search(encoded) else decode(encoded)
    if text is None:
        raise MalformedParameters("a parameter holds a broken escape, or one that is not UTF-8")
    return text


def _form(request: SignedRequest) -> bytes | None:
    """Return the body where it is a form."""
    if not request.body:
        return None
    types = request.fields.get("content-type", [])
    is_form = any(one.partition(";")[0].strip(" \t").lower() == _FORM for one in types)
    return request.body if is_form else None


def _split(text: str) -> Iterator[QueryPair]:
    for part in text.split("&"):
        if part:
            name, _, value = part.partition("=")
            yield name, value
