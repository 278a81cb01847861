"""Sealed records: what leaves the process for Redis can be neither read nor made by whoever holds Redis.

::

    sealed   version[1] ‖ kid[4] ‖ nonce[12] ‖ AES-256-GCM( record, AAD = version ‖ kid ‖ name )
    name     authsvc:1: ‖ hex( HMAC-SHA256( HKDF(key, "name"), access key )[:16] )

Sealed under its own name a record cannot be moved to another key's. Every configured key opens; the first
seals and gives the name records are written under, and all their names are looked at, so that processes with
the old and with the new list of keys see each other's records while keys are rotated.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsvc.model import AccessKey

VERSION = b"\x01"
NAMES = "authsvc:1:"
"""What the name of every record begins with."""

_KID, _NONCE, _TAG = 4, 12, 16
SHORTEST = len(VERSION) + _KID + _NONCE + _TAG


class BrokenSeal(ValueError):
    """The bytes were not sealed under this name by any key we have."""


class Sealer:
    """Seals with the first key, opens with any."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take keys of 32 bytes, at least one."""
        if not keys:
            raise ValueError("no cache key")
        self._peppers = [_derived(key, b"authsvc cache name") for key in keys]
        self._ciphers = {
            hashlib.sha256(key).digest()[:_KID]: AESGCM(_derived(key, b"authsvc cache seal")) for key in keys
        }
        self._first = next(iter(self._ciphers))

    def names(self, access_key: AccessKey) -> list[str]:
        """Return the names to look under; the first is the one to write under."""
        text = access_key.encode("utf-8", "surrogatepass")
        return [f"{NAMES}{hmac.digest(pepper, text, 'sha256')[:16].hex()}" for pepper in self._peppers]

    def seal(self, name: str, record: bytes) -> bytes:
        """Seal a record under its name."""
        head, nonce = VERSION + self._first, os.urandom(_NONCE)
        return head + nonce + self._ciphers[self._first].encrypt(nonce, record, head + name.encode())

    def open(self, name: str, sealed: bytes) -> bytes:
        """Return the record.

        Raises:
            BrokenSeal: It is not one that was sealed under this name.
        """
        head, rest = sealed[: 1 + _KID], sealed[1 + _KID :]
        cipher = self._ciphers.get(head[1:])
        if len(sealed) < SHORTEST or head[:1] != VERSION or cipher is None:
            raise BrokenSeal("not sealed by a key we have")
        try:
            return cipher.decrypt(rest[:_NONCE], rest[_NONCE:], head + name.encode())
        except InvalidTag:
            raise BrokenSeal("the seal is broken") from None


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key)
