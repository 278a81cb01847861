"""Tokens this face issues: self-contained, so that every process of the region knows them, before and after a restart.

Sealed by Fernet (AES-CBC and HMAC-SHA256) under the first key and opened under any, so that keys are rotated
without a token in use becoming unknown: a store that is told so may take it for a verdict on its users.
"""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["caller", "user"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What a token says.

    Attributes:
        kind: A caller's opens this service; a user's is good for being shown to one.
        subject: The caller's name; the user's access key.
        issued_at: Unix seconds.
        expires_at: Unix seconds.
        proof: Which password it was given for; it dies with that.
    """

    kind: Kind
    subject: str
    issued_at: float
    expires_at: float
    proof: str = ""


class ServiceTokens:
    """Seals and opens tokens."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take keys of 32 bytes; without any nothing is issued and nothing known."""
        self._keys = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys]) if keys else None

    @property
    def usable(self) -> bool:
        """Say whether there is a key to seal with."""
        return self._keys is not None

    def issue(self, issued: Issued) -> str:
        """Make the token.

        Raises:
            LookupError: There is no key.
        """
        if self._keys is None:
            raise LookupError("no token keys")
        return self._keys.encrypt(msgspec.json.encode(asdict(issued))).decode()

    def open(self, token: str) -> Issued | None:
        """Return what the token says, None if it is not ours; whether it is still good is not judged here."""
        if self._keys is None or not token.isascii():
            return None
        try:
            return Issued(**msgspec.json.decode(self._keys.decrypt(token)))
        except (InvalidToken, TypeError, msgspec.DecodeError):
            return None
