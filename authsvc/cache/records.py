"""What the region remembers: sealed records that other processes wrote, opened and looked at before they count."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authsvc.cache.flight import end
from authsvc.cache.record import Record, read, write
from authsvc.cache.seal import NAMES, BrokenSeal
from authsvc.errors import SharedCacheUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from authsvc.cache.seal import Sealer
    from authsvc.model import AccessKey
    from authsvc.ports import Clock, SharedCache

CLOCKS_APART = 0.5
"""Seconds another process's clock may be off: a shared record counts as so much older, and one from further in
the future is none."""

REJECTS = ("unavailable", "seal", "layout", "age", "key", "unwritten")
"""Why the shared cache was of no use: not reached; a record with a broken seal, of a strange layout, too old or from
the future, of another key; a record that could not be written."""

MOST_WRITES = 256
"""Records on their way to the shared cache at most; beyond it they are not shared."""

MOST_TAKEN_OVER = 10_000
"""Records a process takes over from the shared cache at its start: half a second of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Where records are shared, and what seals them."""

    cache: SharedCache
    sealer: Sealer


class SharedRecords:
    """Reads and writes them. Where nothing is shared there is nothing to read, and writing is nobody's loss.

    Attributes:
        rejects: Records that were refused, by why.
    """

    def __init__(self, shared: Shared | None, *, clock: Clock, max_stale: float) -> None:
        """Take the region's cache; a record older than ``max_stale`` seconds counts no more."""
        self.rejects: Counter[str] = Counter(dict.fromkeys(REJECTS, 0))
        self._shared = shared
        self._clock = clock
        self._max_stale = max_stale
        self._writes: set[asyncio.Task[None]] = set()

    async def of(self, access_key: AccessKey) -> list[Record]:
        """Return what the region knows of the key; nothing if it does not say."""
        if self._shared is None:
            return []
        names = self._shared.sealer.names(access_key)
        try:
            found = await self._shared.cache.get(*names)
        except SharedCacheUnavailable:
            self.rejects["unavailable"] += 1
            return []
        records = (
            self._opened(self._shared, access_key, name, sealed)
            for name, sealed in zip(names, found, strict=True)
            if sealed is not None
        )
        return [record for record in records if record is not None]

    async def all(self) -> AsyncIterator[tuple[AccessKey, Record]]:
        """Yield what is known of keys that somebody holds. One that is of no use is nobody's question, and is not counted.

        Raises:
            SharedCacheUnavailable: No answer in time.
        """
        if self._shared is None:
            return
        async for page in self._shared.cache.pages(NAMES, most=MOST_TAKEN_OVER):
            for name, sealed in page.items():
                record = self._unsealed(self._shared, name, sealed)
                if isinstance(record, Record) and record.credential is not None:
                    access_key = record.credential.access_key
                    if name in self._shared.sealer.names(access_key):
                        yield access_key, record

    async def put(self, access_key: AccessKey, record: Record) -> None:
        """Let the others know.

        Raises:
            SharedCacheUnavailable: They could not be told.
        """
        if self._shared is None:
            return
        ttl = self._max_stale
        expires_at = record.credential.principal.key.expires_at if record.credential is not None else None
        if expires_at is not None:
            ttl = min(ttl, expires_at - self._clock.now())
        if ttl > 0:
            name = self._shared.sealer.names(access_key)[0]
            await self._shared.cache.put(name, self._shared.sealer.seal(name, write(record)), ttl=ttl)

    def put_soon(self, access_key: AccessKey, record: Record) -> None:
        """Let the others know, if that can be done, while nobody waits for it."""
        if self._shared is None or len(self._writes) >= MOST_WRITES:
            return
        task = asyncio.create_task(self._put_quietly(access_key, record), name="share")
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def close(self) -> None:
        """End what is under way."""
        await end(self._writes)

    async def _put_quietly(self, access_key: AccessKey, record: Record) -> None:
        try:
            await self.put(access_key, record)
        except SharedCacheUnavailable:
            self.rejects["unwritten"] += 1

    def _opened(self, shared: Shared, access_key: AccessKey, name: str, sealed: bytes) -> Record | None:
        """Return the record; count it where it is of no use."""
        record = self._unsealed(shared, name, sealed)
        if isinstance(record, Record):
            if record.credential is None or record.credential.access_key == access_key:
                return record
            record = "key"
        self.rejects[record] += 1
        return None

    def _unsealed(self, shared: Shared, name: str, sealed: bytes) -> Record | str:
        """Return the record; which of ``REJECTS`` it is if its seal, layout or age is wrong."""
        try:
            record = read(shared.sealer.open(name, sealed), source="redis")
        except BrokenSeal:
            return "seal"
        except ValueError:
            return "layout"
        if not -CLOCKS_APART <= self._clock.now() - record.as_of <= self._max_stale + CLOCKS_APART:
            return "age"
        return record
