"""JSON that can be read in one way only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from authsvc.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

write: Final = msgspec.json.Encoder().encode
"""Writes a document; datetimes in UTC become RFC 3339."""


def parse(raw: bytes) -> Any:
    """Return the document.

    Besides what JSON itself forbids, a name given twice in one object is refused: which of the two is meant
    would be a guess, and two readers may guess differently.

    Raises:
        Malformed: It is not JSON in UTF-8, holds NaN or a lone surrogate, nests too deep, or repeats a name.
    """
    try:
        document = msgspec.json.decode(raw)
        if _may_repeat(raw, document) and _repeats(raw):
            raise Malformed("the body has a name twice in one object")
    except msgspec.DecodeError as error:
        raise Malformed(f"the body is not JSON: {error}") from None
    except UnicodeDecodeError:
        raise Malformed("the body is not JSON: it is not UTF-8") from None
    except RecursionError:
        raise Malformed("the body nests too deep") from None
    return document


def at_sight(raw: bytes, shape: msgspec.json.Decoder[T], strings: Callable[[T], int]) -> T | None:
    """Return the document if it has the shape and can be read in one way only; None if a closer look is needed.

    A shape writes what it read just as it stood there: what may be missing is ``msgspec.UNSET`` where it is.
    ``strings`` counts the strings of what was read, names included: where more stood, a name came twice.
    """
    try:
        document = shape.decode(raw)
        if b"\\" in raw:  # which may spell a quote
            return None if _may_repeat(raw, document) else document
        return document if raw.count(b'"') == 2 * strings(document) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _may_repeat(raw: bytes, document: Any) -> bool:
    """Say whether what was read as ``document`` may have a name twice.

    A name that was dropped takes its quotes along. Nothing else changes their number when a document is written
    again, but for a quote that was spelt by its code point.
    """
    if b"\\" in raw and b"\\u0022" in raw:
        return True
    return write(document).count(b'"') != raw.count(b'"')


def _repeats(raw: bytes) -> bool:
    """Look for repeated names the slow way."""
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
    return repeated
