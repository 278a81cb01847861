"""JSON that can be read in one way only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import orjson

from authsvc.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_DEPTH: Final = 16
"""Objects and lists inside each other; the deepest request we know has five."""


def parse(raw: bytes) -> Any:
    """Return the document.

    Besides what JSON itself forbids, a name given twice in one object is refused: which of the two is meant
    would be a guess, and two readers may guess differently.

    Raises:
        Malformed: It is not JSON in UTF-8, holds NaN or a lone surrogate, nests too deep, or repeats a name.
    """
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"the body is not JSON: {error.msg}") from None
    texts = _texts((document,), MAX_DEPTH)
    if b"\\\\" in raw:
        _reread(raw)
    elif 2 * texts != raw.count(b'"') - raw.count(b'\\"'):
        raise Malformed("the body has a name twice in one object")
    return document


def _texts(nodes: Iterable[Any], depth: int) -> int:
    """Count names and strings. Each stands between two quotes on the wire, so a dropped name shows as a difference."""
    if depth < 0:
        raise Malformed("the body nests too deep")
    count = 0
    for node in nodes:
        kind = type(node)
        if kind is str:
            count += 1
        elif kind is list:
            count += _texts(node, depth - 1)
        elif kind is dict:
            count += len(node) + _texts(node.values(), depth - 1)
    return count


def _reread(raw: bytes) -> None:
    """Look for repeated names the slow way: after an escaped backslash a quote is not an escaped one."""
    try:
        json.loads(raw.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise Malformed("the body nests too deep, or has a number too long") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise Malformed("the body has a name twice in one object")
    return document
