"""JSON that can be read in one way only."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import orjson

from authsvc.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_DEPTH: Final = 16
"""Objects and lists inside each other; the deepest request we know has five."""

_STRINGS: Final = frozenset({str})
_LISTS: Final = frozenset({list})


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
    quotes = 2 * _texts((document,), MAX_DEPTH)
    if b"\\" not in raw:
        unique = quotes == raw.count(b'"')
    elif b"\\\\" not in raw:
        unique = quotes == raw.count(b'"') - raw.count(b'\\"')
    else:
        unique = _reread(raw)
    if not unique:
        raise Malformed("the body has a name twice in one object")
    return document


def _texts(nodes: Collection[Any], depth: int) -> int:
    """Count names and strings. Each stands between two quotes on the wire, so a dropped name shows as a difference.

    Lists of strings, and lists of lists, are most of a request; they are counted without a look at each.
    """
    if depth < 0:
        raise Malformed("the body nests too deep")
    kinds = set(map(type, nodes))
    if kinds == _STRINGS:
        return len(nodes)
    if kinds == _LISTS:
        return _texts(list(chain.from_iterable(nodes)), depth - 1)
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


def _reread(raw: bytes) -> bool:
    """Look for repeated names the slow way: after an escaped backslash a quote is not an escaped one."""
    repeated = False

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        document = dict(pairs)
        repeated = repeated or len(document) != len(pairs)
        return document

    try:
        json.loads(raw.decode(), object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise Malformed("the body nests too deep, or has a number too long") from None
    return not repeated
