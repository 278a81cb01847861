"""Percent-encoding as the signing specifications mean it, and the one comparison."""

from __future__ import annotations

import hmac
import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from authsvc.errors import SignatureMismatch

_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~]*", re.ASCII)
_UNRESERVED_PATH = re.compile(r"[A-Za-z0-9\-._~/]*", re.ASCII)


def uri_encode(value: bytes | str) -> str:
    """Encode all but ``A-Za-z0-9-._~``, upper-case hexadecimal (AWS's UriEncode; RFC 3986 §2.3)."""
    return quote_from_bytes(value.encode() if isinstance(value, str) else value, safe="")


def recode(encoded: str) -> str:
    """Decode once and encode once, so that every spelling of a component has one canonical form."""
    if _UNRESERVED.fullmatch(encoded):
        return encoded
    return quote_from_bytes(unquote_to_bytes(encoded), safe="")


def recode_path(encoded: str) -> str:
    """Decode once and encode once, keeping ``/``: dots and doubled slashes stay as sent (S3's rule)."""
    if _UNRESERVED_PATH.fullmatch(encoded):
        return encoded
    return quote_from_bytes(unquote_to_bytes(encoded), safe="/")


def require_same(presented: str, computed: str) -> None:
    """Compare in constant time, as bytes.

    Raises:
        SignatureMismatch: They differ.
    """
    if not hmac.compare_digest(presented.encode("utf-8", "surrogatepass"), computed.encode()):
        raise SignatureMismatch
