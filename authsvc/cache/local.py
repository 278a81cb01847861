"""What this process remembers: bounded, packed, and never older over newer."""

from __future__ import annotations

import dataclasses
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cachetools import LRUCache

from authsvc.cache.record import read, write
from authsvc.model import Freshness

if TYPE_CHECKING:
    from authsvc.cache.record import Record
    from authsvc.model import AccessKey, Credential
    from authsvc.ports import Clock

HOT: Final = 4096
"""Keys whose records are at hand; those of all others are packed, as they take a third of the room so and some ten
microseconds to unpack."""

_SINCE = struct.Struct("<d")


@dataclass(frozen=True, slots=True)
class Entry:
    """A record in memory; ``since`` is on the monotonic clock, so a stepped wall clock neither ages nor renews it."""

    kind: str
    as_of: float
    since: float
    credential: Credential | None


class LocalCache:
    """Least-recently-used maps: keys somebody holds or held, and keys nobody does.

    They are apart so that a flood of random keys evicts nobody. A known key's record is replaced only by a newer
    one; that it is gone, or forgotten, is a record too.
    """

    def __init__(self, clock: Clock, *, known: int = 100_000, unknown: int = 10_000, hot: int = HOT) -> None:
        """Bound the maps."""
        self._clock = clock
        self._most = known
        self._packed: dict[AccessKey, bytes] = {}  # the least recently used first
        self._hot: LRUCache[AccessKey, Entry] = LRUCache(min(known, hot))
        self._unknown: LRUCache[AccessKey, tuple[float, float]] = LRUCache(unknown)

    def __len__(self) -> int:
        return len(self._packed)

    def get(self, access_key: AccessKey) -> Entry | None:
        """Return what is known of the key."""
        entry = self._hot.get(access_key)
        if entry is not None:
            return entry
        packed = self._packed.pop(access_key, None)
        if packed is None:
            return None
        self._packed[access_key] = packed
        entry = self._hot[access_key] = _unpacked(packed)
        return entry

    def put(self, access_key: AccessKey, record: Record) -> bool:
        """Remember a record; say whether it was the newest."""
        before = self.get(access_key)
        if before is not None and before.as_of > record.as_of:
            return False
        _, absent_at = self._unknown.get(access_key, (0.0, 0.0))
        if absent_at > record.as_of:
            return False
        age = max(0.0, self._clock.now() - record.as_of)
        since = self._clock.monotonic() - age
        self._packed.pop(access_key, None)
        self._packed[access_key] = _SINCE.pack(since) + write(record)
        self._hot[access_key] = _entry(record, since)
        if len(self._packed) > self._most:
            oldest = next(iter(self._packed))
            del self._packed[oldest]
            self._hot.pop(oldest, None)
        self._unknown.pop(access_key, None)
        return True

    def put_unknown(self, access_key: AccessKey, *, as_of: float) -> None:
        """Remember that nobody held the key, as far as we ever knew, at ``as_of`` (Unix seconds)."""
        self._unknown[access_key] = (self._clock.monotonic(), as_of)

    def unknown_for(self, access_key: AccessKey) -> float | None:
        """Return for how many seconds the key has been known to be nobody's, None if it has not."""
        absent = self._unknown.get(access_key)
        return None if absent is None else self._clock.monotonic() - absent[0]


def _entry(record: Record, since: float) -> Entry:
    credential = record.credential
    if credential is not None:
        freshness = Freshness(as_of=record.as_of, source="memory")
        credential = dataclasses.replace(credential, freshness=freshness)
    return Entry(record.kind, record.as_of, since, credential)


def _unpacked(packed: bytes) -> Entry:
    (since,) = _SINCE.unpack_from(packed)
    record = read(packed[_SINCE.size :], source="memory")
    return Entry(record.kind, record.as_of, since, record.credential)
