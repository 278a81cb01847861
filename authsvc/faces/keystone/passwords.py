"""Passwords of services, stored as scrypt hashes: ``scrypt$N$r$p$salt$hash``, the last two in Base64 (RFC 7914)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, replace
from typing import Final, Self

_TEXT: Final = re.compile(
    r"scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+={0,2})"
)
_MOST_MEMORY: Final = 64 * 2**20
_MOST_PASSES: Final = 4
_SALT, _HASH = 16, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordHash:
    """A password's hash and how it was made; 16 MiB and some tens of milliseconds to compute."""

    n: int
    r: int
    p: int
    salt: bytes
    hashed: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a hash out of the callers file.

        Raises:
            ValueError: It is none, or one too dear to compute.
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError(
                "a password hash must be scrypt$N$r$p$salt$hash; `authsvc tokens password` makes one"
            )
        n, r, p = int(match[1]), int(match[2]), int(match[3])
        if not (n > 1 and n & (n - 1) == 0 and r and 1 <= p <= _MOST_PASSES and 128 * n * r <= _MOST_MEMORY):
            raise ValueError("a password hash asks for more than 64 MiB or 4 passes, or N is no power of two")
        return cls(n=n, r=r, p=p, salt=base64.b64decode(match[4]), hashed=base64.b64decode(match[5]))

    @classmethod
    def make(cls, password: bytes, *, n: int = 2**14) -> Self:
        """Hash a password under a salt of its own; ``n`` is what it costs, 2**14 some 40 ms."""
        empty = cls.of_nobody(n=n)
        return replace(empty, hashed=empty.compute(password))

    @classmethod
    def of_nobody(cls, *, n: int = 2**14) -> Self:
        """Make up a hash that no password has, to be as slow about as about another."""
        salt, hashed = secrets.token_bytes(_SALT), secrets.token_bytes(_HASH)
        return cls(n=n, r=8, p=1, salt=salt, hashed=hashed)

    def __str__(self) -> str:
        salt, hashed = (base64.b64encode(part).decode() for part in (self.salt, self.hashed))
        return f"scrypt${self.n}${self.r}${self.p}${salt}${hashed}"

    @property
    def fingerprint(self) -> str:
        """Return what tells this hash from others and says nothing of the password."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:16]

    def compute(self, password: bytes) -> bytes:
        """Hash a password the same way; slow, and without the interpreter's lock."""
        return hashlib.scrypt(
            password,
            salt=self.salt,
            n=self.n,
            r=self.r,
            p=self.p,
            maxmem=2 * _MOST_MEMORY,
            dklen=len(self.hashed),
        )

    def matches(self, password: bytes) -> bool:
        """Say whether it is this password's; to HMAC, inside scrypt, NULs at the end make no difference."""
        return b"\0" not in password and hmac.compare_digest(self.compute(password), self.hashed)
