"""What this process remembers: bounded, packed, and never older over newer."""

from __future__ import annotations

import dataclasses
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from cachetools import LRUCache

from authsvc.cache.packed import Packer
from authsvc.cache.shelves import NAME, Shelves
from authsvc.model import Freshness

if TYPE_CHECKING:
    from authsvc.cache.record import Record
    from authsvc.model import AccessKey, Credential
    from authsvc.ports import Clock

HOT: Final = 1024
"""Keys whose records are at hand; those of all others are packed, which takes a sixth of the room and some fifteen
microseconds to undo."""


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

    But for those at hand, keys are known by a keyed hash of 128 bits. Nobody can look for two keys of one name, as
    names are others in every process; that two of a million keys have the same by chance has odds of one in 10²⁶.
    """

    def __init__(self, clock: Clock, *, known: int = 100_000, unknown: int = 10_000, hot: int = HOT) -> None:
        """Bound the maps."""
        self._clock = clock
        self._names = blake2b(digest_size=NAME, key=secrets.token_bytes(blake2b.MAX_KEY_SIZE))
        self._packer = Packer()
        self._most_hot = min(known, hot)
        self._packed = Shelves(known)
        self._hot: OrderedDict[AccessKey, Entry] = OrderedDict()
        self._unknown: LRUCache[bytes, tuple[float, float]] = LRUCache(unknown)

    def __len__(self) -> int:
        return len(self._packed)

    def get(self, access_key: AccessKey) -> Entry | None:
        """Return what is known of the key."""
        entry = self._hot.get(access_key)
        if entry is not None:
            self._hot.move_to_end(access_key)
            return entry
        name = self._name(access_key)
        packed = self._packed.take(name)
        if packed is None:
            return None
        try:
            record, since = self._packer.unpack(packed, access_key)
        except ValueError:
            return None  # whoever really knows is asked again
        self._packed.put(name, packed)
        return self._at_hand(access_key, Entry(record.kind, record.as_of, since, record.credential))

    def put(self, access_key: AccessKey, record: Record) -> bool:
        """Remember a record; say whether it was the newest."""
        before = self.get(access_key)
        if before is not None and before.as_of > record.as_of:
            return False
        name = self._name(access_key)
        _, absent_at = self._unknown.get(name, (0.0, 0.0))
        if absent_at > record.as_of:
            return False
        age = max(0.0, self._clock.now() - record.as_of)
        since = self._clock.monotonic() - age
        self._packed.take(name)
        self._packed.put(name, self._packer.pack(record, since))
        self._at_hand(access_key, self._entry(record, since))
        self._unknown.pop(name, None)
        return True

    def put_unknown(self, access_key: AccessKey, *, as_of: float) -> None:
        """Remember that nobody held the key, as far as we ever knew, at ``as_of`` (Unix seconds)."""
        self._unknown[self._name(access_key)] = (self._clock.monotonic(), as_of)

    def unknown_for(self, access_key: AccessKey) -> float | None:
        """Return for how many seconds the key has been known to be nobody's, None if it has not."""
        absent = self._unknown.get(self._name(access_key))
        return None if absent is None else self._clock.monotonic() - absent[0]

    def _at_hand(self, access_key: AccessKey, entry: Entry) -> Entry:
        self._hot[access_key] = entry
        self._hot.move_to_end(access_key)
        if len(self._hot) > self._most_hot:
            self._hot.popitem(last=False)
        return entry

    def _entry(self, record: Record, since: float) -> Entry:
        credential = record.credential
        if credential is not None:
            credential = dataclasses.replace(
                credential,
                principal=self._packer.shared(credential.principal),
                freshness=Freshness(as_of=record.as_of, source="memory"),
            )
        return Entry(record.kind, record.as_of, since, credential)

    def _name(self, access_key: AccessKey) -> bytes:
        named = self._names.copy()
        named.update(access_key.encode("utf-8", "surrogatepass"))
        return named.digest()
