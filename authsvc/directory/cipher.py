"""Stored secrets to secret keys: CloudStack's two ciphers, tried row by row."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import unicodedata
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from authsvc.errors import DirectoryUnready, SecretUnreadable
from authsvc.model import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

_V1_SALT: Final = 8
_V1_BLOCK: Final = 8
_V1_ROUNDS: Final = 1000
_V1_KEY: Final = re.compile(r"[ -~]+", re.ASCII)
_V2_NONCE: Final = 12
_V2_OVERHEAD: Final = 28
_AWS_SHAPED: Final = 40


class SecretCipher:
    """Decrypts what CloudStack stored, and encrypts what we store, under database keys.

    One table may hold both ciphers and values of several keys (``CloudStackEncryptor`` settles on a cipher per
    process, and sites are re-keyed), so each value is tried on its own: V2, which is authenticated and
    decides, with every key; then V1, which is neither. Without keys, values are stored in clear.

    ::

        V1  Base64(salt[8] ‖ DES-CBC(text))      key ‖ iv = MD5¹⁰⁰⁰(database key ‖ salt)   Jasypt
        V2  Base64(nonce[12] ‖ AES-GCM(text))    key = SHA-256(database key)               Tink
    """

    def __init__(self, keys: Sequence[Secret]) -> None:
        """Take the database keys, likeliest first; none means that secrets are stored in clear.

        Raises:
            ValueError: A key is empty.
        """
        if not all(keys):
            raise ValueError("a database key is empty")
        self._v2 = tuple(AESGCM(hashlib.sha256(_utf8(key)).digest()) for key in keys)
        # Jasypt refuses any other key, so no V1 value can have been made with one.
        self._v1 = tuple(key for key in keys if _V1_KEY.fullmatch(key.reveal()))

    def decrypt(self, stored: str) -> Secret:
        """Return the secret key that a row holds.

        Raises:
            SecretUnreadable: No key opens it, or it is empty.
        """
        if not stored:
            raise SecretUnreadable
        if not self._v2:
            return Secret(stored)
        raw = _raw(stored)
        text = None if raw is None else self._open_v2(raw) or self._open_v1(raw)
        if not text:
            raise SecretUnreadable
        return Secret(text)

    def encrypt(self, plain: Secret) -> str:
        """Return what to store for a secret key: V2 under the first key.

        Raises:
            ValueError: It is empty, or no Unicode.
        """
        if not plain:
            raise ValueError("a secret key cannot be empty")
        if not self._v2:
            return plain.reveal()
        nonce = os.urandom(_V2_NONCE)
        return base64.b64encode(nonce + self._v2[0].encrypt(nonce, _utf8(plain), None)).decode()

    def same(self, stored: str, other: str) -> bool:
        """Say whether two rows hold one secret key.

        Raises:
            SecretUnreadable: One of them does not decrypt.
        """
        return hmac.compare_digest(_utf8(self.decrypt(stored)), _utf8(self.decrypt(other)))

    def canary(self, stored_values: Sequence[str]) -> int:
        """Return how many of some stored values cannot be read, so that a wrong key is noticed at the start.

        Raises:
            DirectoryUnready: None of them can.
        """
        unreadable = sum(not self._reads(stored) for stored in stored_values)
        if stored_values and unreadable == len(stored_values):
            raise DirectoryUnready(reasons=[self._why()])
        return unreadable

    def _reads(self, stored: str) -> bool:
        if not self._v2:
            return bool(stored) and not _looks_encrypted(stored)
        try:
            self.decrypt(stored)
        except SecretUnreadable:
            return False
        return True

    def _why(self) -> str:
        if not self._v2:
            return "the stored secrets look encrypted and no database key is configured"
        return "no stored secret that was tried can be read with the configured database keys"

    def _open_v2(self, raw: bytes) -> str | None:
        if len(raw) <= _V2_OVERHEAD:
            return None
        for key in self._v2:
            try:
                return key.decrypt(raw[:_V2_NONCE], raw[_V2_NONCE:], None).decode()
            except (InvalidTag, UnicodeDecodeError):
                continue
        return None

    def _open_v1(self, raw: bytes) -> str | None:
        if not _fits_v1(raw):
            return None
        for key in self._v1:
            text = _sane(_decrypt_v1(key, raw[:_V1_SALT], raw[_V1_SALT:]))
            if text is not None:
                return text
        return None


def _utf8(secret: Secret) -> bytes:
    try:
        return secret.reveal().encode()
    except UnicodeEncodeError:
        raise ValueError("the text is no Unicode") from None


def _raw(stored: str) -> bytes | None:
    """Undo standard Base64, padding included; None if it is anything else."""
    try:
        return base64.b64decode(stored, validate=True)
    except ValueError:
        return None


def _fits_v1(raw: bytes) -> bool:
    return len(raw) >= _V1_SALT + _V1_BLOCK and len(raw) % _V1_BLOCK == 0


def _looks_encrypted(stored: str) -> bool:
    """Say whether the text has a ciphertext's shape.

    Generated secret keys have not: they are 86 characters without padding. Nor have those of AWS's shape, 40
    characters, which as a ciphertext would hold a secret of two.
    """
    raw = _raw(stored)
    if raw is None or len(stored) == _AWS_SHAPED:
        return False
    return _fits_v1(raw) or len(raw) > _V2_OVERHEAD


def _decrypt_v1(key: Secret, salt: bytes, ciphertext: bytes) -> bytes:
    """Decrypt as PBEWithMD5AndDES does (PKCS #5 v1.5); the padding is still there."""
    derived = _utf8(key) + salt
    for _ in range(_V1_ROUNDS):
        derived = hashlib.md5(derived, usedforsecurity=False).digest()
    des = derived[:_V1_BLOCK]
    try:
        # Three times the same key makes Triple DES plain DES, which is not offered by itself.
        decryptor = Cipher(TripleDES(des * 3), modes.CBC(derived[_V1_BLOCK:])).decryptor()
        return decryptor.update(ciphertext) + decryptor.finalize()
    except UnsupportedAlgorithm:
        return b""


def _sane(padded: bytes) -> str | None:
    """Return the text if it can be one: V1 is not authenticated, and a wrong key gives noise."""
    count = padded[-1] if padded else 0
    if not 1 <= count <= _V1_BLOCK or padded[-count:] != bytes([count]) * count:
        return None
    try:
        text = padded[:-count].decode()
    except UnicodeDecodeError:
        return None
    strange = any(unicodedata.category(character) in {"Cc", "Cn"} for character in text)
    return None if strange or not text else text
