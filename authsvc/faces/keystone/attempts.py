"""How often a password may be tried: under each name and from each address by itself.

One limit for all would let whoever guesses at any name keep everybody out. That a name is nobody's changes nothing
here, so that no limit tells which names there are.
"""

from __future__ import annotations

import asyncio
import hashlib
from ipaddress import IPv6Address, ip_address
from typing import Final

from authsvc.errors import Overloaded

ATTEMPTS: Final = 20
"""Attempts at once at most, and ``ATTEMPTS_EACH_SECOND`` in the long run, under one name from one address."""

ATTEMPTS_EACH_SECOND: Final = 4.0

REMEMBERED: Final = 1024
"""Names and addresses counted for at most. Whichever was tried longest ago is forgotten first, and may try anew."""

_OF_A_SITE: Final = 8
"""Bytes of an IPv6 address that its holder does not choose."""


class Attempts:
    """What was tried under one name from one address; ``turn`` is for one of them at a time."""

    __slots__ = ("_counted_at", "_left", "turn")

    def __init__(self, now: float) -> None:
        """Begin with all that may be tried at once; ``now`` is monotonic, seconds."""
        self._left, self._counted_at = float(ATTEMPTS), now
        self.turn = asyncio.Lock()

    def spend(self, now: float) -> None:
        """Take one out of what has come together since the last.

        Raises:
            Overloaded: None is left.
        """
        self._left = min(ATTEMPTS, self._left + (now - self._counted_at) * ATTEMPTS_EACH_SECOND)
        self._counted_at = now
        if self._left < 1:
            raise Overloaded("too many logins; try again")
        self._left -= 1


class EveryAttempt:
    """Those of all names and addresses, as far as they are remembered."""

    def __init__(self) -> None:
        """Begin with none."""
        self._all: dict[bytes, Attempts] = {}

    def at(self, name: str, address: str | None, now: float) -> Attempts:
        """Return what was tried under the name, as it was given, from the address of whoever gave it."""
        given = name.encode("utf-8", "surrogatepass")
        key = hashlib.sha256(_site(address) + b"/" + given).digest()
        attempts = self._all.pop(key, None) or Attempts(now)
        self._all[key] = attempts
        if len(self._all) > REMEMBERED:
            del self._all[next(iter(self._all))]
        return attempts


def _site(address: str | None) -> bytes:
    """Return what of an address is not for its holder to choose; nothing of one that is none."""
    try:
        ip = ip_address(address or "")
    except ValueError:
        return b""
    if isinstance(ip, IPv6Address):
        return ip.packed[:_OF_A_SITE] if ip.ipv4_mapped is None else ip.ipv4_mapped.packed
    return ip.packed
