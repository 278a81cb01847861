"""A string to sign that a store made of a request it saw, presented without the request (Keystone's s3tokens).

What the string says of the request is the store's word. Only strings of the forms below are read, so that
no other thing a user signs (a POST policy, another service's request) can be passed off as one::

    V4    AWS4-HMAC-SHA256 ⏎ YYYYMMDDTHHMMSSZ ⏎ YYYYMMDD/region/service/aws4_request ⏎ hash of the canonical request
    chunk AWS4-HMAC-SHA256-PAYLOAD ⏎ the same time ⏎ the same scope ⏎ signature before it ⏎ hash of nothing ⏎ hash of the chunk
    V2    METHOD ⏎ MD5 ⏎ type ⏎ date, or end of a presigned one ⏎ (x-amz-name:value ⏎)* /resource
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from authsvc.errors import Malformed, MissingDate, UnknownString
from authsvc.model import AccessKey
from authsvc.signing import amzdate
from authsvc.signing.claim import Claim
from authsvc.signing.request import EMPTY_SHA256
from authsvc.signing.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

_PART = r"([!-.0-~]{1,128})"
_V4 = re.compile(
    rf"AWS4-HMAC-SHA256\n((\d{{8}})T\d{{6}}Z)\n(\d{{8}})/{_PART}/{_PART}/aws4_request\n[0-9a-f]{{64}}",
    re.ASCII,
)
_CHUNK = re.compile(
    rf"AWS4-HMAC-SHA256-PAYLOAD\n((\d{{8}})T\d{{6}}Z)\n(\d{{8}})/{_PART}/{_PART}/aws4_request\n"
    rf"[0-9a-f]{{64}}\n{EMPTY_SHA256}\n[0-9a-f]{{64}}",
    re.ASCII,
)
_V2 = re.compile(r"[A-Z]+\n[^\n]*\n[^\n]*\n([^\n]*)\n((?:x-amz-[!-9;-~]+:[^\n]*\n)*)/[^\n]*", re.ASCII)
_EXPIRES = re.compile(r"\d{1,10}", re.ASCII)
_END_OF_TIME = 2**31
_STANDARD = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)
_URL_SAFE = re.compile(r"[A-Za-z0-9_-]*={0,2}", re.ASCII)


def decode(encoded: str) -> str:
    """Return the string to sign out of its Base64: in either alphabet, padded, and in the one canonical spelling.

    Bytes that are not UTF-8 come out as lone surrogates, and sign as the bytes they were.

    Raises:
        Malformed: It is something else.
    """
    if _URL_SAFE.fullmatch(encoded):
        encoded = encoded.replace("-", "+").replace("_", "/")
    elif not _STANDARD.fullmatch(encoded):
        raise Malformed("must be Base64 of the string to sign, in one alphabet", field="token")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise Malformed("must be Base64 with its padding", field="token") from None
    if base64.b64encode(raw).decode() != encoded:
        raise Malformed("must be Base64 as an encoder writes it", field="token")
    return raw.decode("utf-8", "surrogateescape")


def read(*, access_key: str, text: str, signature: str, chunks: bool = False) -> Claim:
    """Read who is said to have signed the string, and what the string says of itself.

    A chunk's string is read only where ``chunks`` says that the caller asks about those too: it says nothing of the
    request that the chunk belongs to.

    Raises:
        UnknownString: It has neither form.
        MissingDate: A V2 string's date cannot be read.
    """
    if text.startswith("AWS4"):
        return _v4(AccessKey(access_key), text, signature, chunks=chunks)
    return _v2(AccessKey(access_key), text, signature)


def _v4(access_key: AccessKey, text: str, signature: str, *, chunks: bool) -> Claim:
    match = _V4.fullmatch(text) or (_CHUNK.fullmatch(text) if chunks else None)
    signed_at = None if match is None else amzdate.parse_basic(match[1])
    if match is None or signed_at is None or match[2] != match[3]:
        raise UnknownString
    return Claim(
        scheme="sigv4",
        access_key=access_key,
        signature=signature,
        strings_to_sign=(text,),
        signed_at=signed_at,
        scope=_scope(match[3], match[4], match[5]),
        presented=True,
    )


@lru_cache(maxsize=256)
def _scope(date: str, region: str, service: str) -> Scope:
    """Make a scope once: a store serves one region, and a day is long."""
    return Scope(date=date, region=region, service=service)


def _v2(access_key: AccessKey, text: str, signature: str) -> Claim:
    match = _V2.fullmatch(text)
    if match is None:
        raise UnknownString
    headers = [line.split(":", 1) for line in match[2].split("\n")[:-1]]
    date = match[1] or ",".join(_values(headers, "x-amz-date"))
    presigned = _EXPIRES.fullmatch(match[1]) is not None
    if presigned and int(date) >= _END_OF_TIME:
        raise MissingDate("Invalid date (should be seconds since epoch)")
    signed_at = None if presigned or not date else amzdate.parse(date)
    if signed_at is None and date and not presigned:
        raise MissingDate
    return Claim(
        scheme="s3v2",
        access_key=access_key,
        signature=signature,
        strings_to_sign=(text,),
        signed_at=signed_at,
        expires_at=float(date) if presigned else None,
        presigned=presigned,
        token=",".join(_values(headers, "x-amz-security-token")) or None,
        presented=True,
    )


def _values(headers: Sequence[Sequence[str]], name: str) -> list[str]:
    return [value for given, value in headers if given == name]
