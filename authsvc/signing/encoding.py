"""Percent-encoding as the signing specifications mean it, and the one comparison."""

from __future__ import annotations

import hmac
import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from authsvc.errors import SignatureMismatch

# Unreserved characters, and upper-case escapes of exactly the bytes that have to be escaped.
_CANONICAL = re.compile(
    r"[A-Za-z0-9\-._~]*+(?:%(?:[018-9A-F][0-9A-F]|2[0-9ABCF]|3[A-F]|40|5[B-E]|60|7[BCDF])"
    r"[A-Za-z0-9\-._~]*+)*+",
    re.ASCII,
)
_CANONICAL_PATH = re.compile(
    r"[A-Za-z0-9\-._~/]*+(?:%(?:[018-9A-F][0-9A-F]|2[0-9ABC]|3[A-F]|40|5[B-E]|60|7[BCDF])"
    r"[A-Za-z0-9\-._~/]*+)*+",
    re.ASCII,
)

_USUAL: Final = 32
"""Characters of a component that is worth remembering."""


def uri_encode(value: bytes | str) -> str:
    """Encode all but ``A-Za-z0-9-._~``, upper-case hexadecimal (AWS's UriEncode; RFC 3986 §2.3)."""
    return quote_from_bytes(value.encode() if isinstance(value, str) else value, safe="")


def recode(encoded: str) -> str:
    """Decode once and encode once, so that every spelling of a component has one canonical form."""
    return _recoded(encoded) if len(encoded) <= _USUAL else _recoded.__wrapped__(encoded)


@lru_cache(maxsize=4096)
def _recoded(encoded: str) -> str:
    """Recode a component; requests share the names of a few dozen parameters, and many a value."""
    if _CANONICAL.fullmatch(encoded):
        return encoded
    return quote_from_bytes(unquote_to_bytes(encoded), safe="")


def recode_path(encoded: str) -> str:
    """Decode once and encode once, keeping ``/``: dots and doubled slashes stay as sent (S3's rule)."""
    if _CANONICAL_PATH.fullmatch(encoded):
        return encoded
    return quote_from_bytes(unquote_to_bytes(encoded), safe="/")


def decode(encoded: str) -> str | None:
    """Decode once as forms do, ``+`` being a space; None if the bytes are not UTF-8."""
    if "%" not in encoded and "+" not in encoded:
        return encoded
    try:
        return unquote_to_bytes(encoded.replace("+", " ")).decode()
    except UnicodeDecodeError:
        return None


def require_same(presented: str, computed: str) -> None:
    """Compare in constant time, as bytes.

    Raises:
        SignatureMismatch: They differ.
    """
    if not hmac.compare_digest(presented.encode("utf-8", "surrogatepass"), computed.encode()):
        raise SignatureMismatch
