"""A directory in front of a directory: memory, then sealed records in Redis, then whoever really knows.

What it remembers are facts, with the time they were read; never a decision.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from authsvc.cache.flight import Flights
from authsvc.cache.record import Record, read, write
from authsvc.cache.seal import NAMES, BrokenSeal
from authsvc.errors import DirectoryUnavailable, SharedCacheUnavailable, Unavailable
from authsvc.model import Freshness

if TYPE_CHECKING:
    from authsvc.cache.local import Entry, LocalCache
    from authsvc.cache.seal import Sealer
    from authsvc.model import AccessKey, Credential
    from authsvc.ports import Clock, Directory, SharedCache
    from authsvc.service.lease import Lease

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

PAUSES = (0.6, 0.6)
"""Seconds after which a shared cache that did not answer is asked for them again: the first connection may take too long
on a machine that is busy starting, and a breaker lets nobody try for half a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Where records are shared, and what seals them."""

    cache: SharedCache
    sealer: Sealer


class CachedDirectory:
    """Answers from memory while that is fresh, asks once for all who want the same, and rides out outages.

    Attributes:
        rejects: Shared records that were refused, by why.
    """

    def __init__(
        self,
        origin: Directory,
        *,
        local: LocalCache,
        shared: Shared | None,
        clock: Clock,
        lease: Lease | None = None,
        fresh_for: float = 2.0,
        max_stale: float = 300.0,
        deadline: float = 0.14,
    ) -> None:
        """Take the seams.

        Args:
            origin: Whoever really knows.
            local: This process's memory.
            shared: The region's; None for none.
            clock: Ages are counted on its monotonic side.
            lease: Whom changes are told to; None if nobody tells of any.
            fresh_for: Seconds a record answers without asking again, unless the lease knows better.
            max_stale: Seconds it may still answer while the origin cannot.
            deadline: Seconds anybody waits for an answer.
        """
        self.rejects: Counter[str] = Counter(dict.fromkeys(REJECTS, 0))
        self._origin = origin
        self._local = local
        self._shared = shared
        self._clock = clock
        self._lease = lease
        self._fresh_for = fresh_for
        self._max_stale = max_stale
        self._deadline = deadline
        self._flights: Flights[Credential | None] = Flights()
        self._writes: set[asyncio.Task[None]] = set()

    async def find(self, access_key: AccessKey, *, max_age: float | None = None) -> Credential | None:
        """Return the credential.

        Raises:
            Unavailable: Nothing young enough is known, and the origin did not answer within the deadline.
        """
        demanded = max_age is not None
        entry = self._local.get(access_key)
        if entry is not None and entry.kind != "forgotten":
            limit = self._fresh_for if self._lease is None else self._lasts(access_key, entry)
            if max_age is not None:
                limit = min(limit, max_age)
            if self._clock.monotonic() - entry.since <= limit:
                return entry.credential
        elif self._is_unknown(
            access_key, self._fresh_for if max_age is None else min(max_age, self._fresh_for)
        ):
            return None
        try:
            return await self._flights.join(
                (access_key, demanded),
                partial(self._fetch, access_key, demanded=demanded),
                within=self._deadline,
            )
        except (TimeoutError, Unavailable) as error:
            unavailable = error if isinstance(error, Unavailable) else DirectoryUnavailable()
            if demanded:
                raise unavailable from None
            return self._stale(access_key, unavailable)

    @property
    def shed(self) -> int:
        """Return how many questions were refused because too many keys were being asked for."""
        return self._flights.shed

    async def ping(self) -> None:
        """Ask the origin."""
        await self._origin.ping()

    async def warm_up(self) -> None:
        """Take over what the region remembers, so that nobody is worse off here than at a process that has run for long.

        A key somebody is using then has its record here before it is first asked for: whatever a database, Redis or
        a busy machine does in that moment, there is something to answer by. Tombstones name no key; each is seen
        when its key is asked for.
        """
        if self._shared is None:
            return
        for pause in (*PAUSES, 0.0):
            try:
                await self._take_all_over(self._shared)
            except SharedCacheUnavailable:  # in the end each is looked for when it is asked for
                await asyncio.sleep(pause)
            else:
                return

    async def forget(self, access_key: AccessKey) -> None:
        """Make what anybody in the region remembers of the key unusable.

        Raises:
            SharedCacheUnavailable: The others could not be told.
        """
        known = self._local.get(access_key)
        # Another process's clock may be ahead of ours; what it read is to be forgotten as well.
        as_of = max(self._clock.now(), 0.0 if known is None else known.as_of)
        record = Record(kind="forgotten", as_of=as_of)
        self._local.put(access_key, record)
        if self._shared is not None:
            await self._share(self._shared, access_key, record)

    async def close(self) -> None:
        """End what is under way."""
        await self._flights.close()
        for task in list(self._writes):
            task.cancel()
        if self._writes:
            await asyncio.wait(self._writes)

    def _lasts(self, access_key: AccessKey, entry: Entry, *, off: float = 0.0) -> float:
        """Return for how many seconds the entry answers; the clock of who read it may be so much ``off``."""
        if self._lease is None:
            return self._fresh_for
        return self._lease.lasts(entry.since - off, _names(access_key, entry), otherwise=self._fresh_for)

    def _is_unknown(self, access_key: AccessKey, limit: float) -> bool:
        unknown_for = self._local.unknown_for(access_key)
        if unknown_for is None:
            return False
        if self._lease is not None:
            since = self._clock.monotonic() - unknown_for
            limit = min(limit, self._lease.lasts(since, (access_key,), otherwise=limit))
        return unknown_for <= limit

    async def _fetch(self, access_key: AccessKey, *, demanded: bool) -> Credential | None:
        heard = await self._hear(access_key)
        if not demanded and (entry := heard) is not None and entry.kind != "forgotten":
            age = self._clock.monotonic() - entry.since + CLOCKS_APART
            if age <= self._lasts(access_key, entry, off=CLOCKS_APART):
                return _sourced(entry, "redis")
        as_of = self._clock.now()
        credential = await self._origin.find(access_key)
        if credential is not None:
            record = Record(kind="held", as_of=credential.freshness.as_of, credential=credential)
        elif self._local.get(access_key) is not None:
            record = Record(kind="gone", as_of=as_of)
        else:
            self._local.put_unknown(access_key, as_of=as_of)
            return None
        if self._local.put(access_key, record):
            self._share_soon(access_key, record)
        return credential

    async def _hear(self, access_key: AccessKey) -> Entry | None:
        """Take in what the region knows of the key; return it if it is news."""
        if self._shared is None:
            return None
        names = self._shared.sealer.names(access_key)
        try:
            found = await self._shared.cache.get(*names)
        except SharedCacheUnavailable:
            self.rejects["unavailable"] += 1
            return None
        news = False
        for name, sealed in zip(names, found, strict=True):
            record = None if sealed is None else self._opened(access_key, name, sealed)
            if record is not None:
                news = self._local.put(access_key, record) or news
        return self._local.get(access_key) if news else None

    async def _take_all_over(self, shared: Shared) -> None:
        async for page in shared.cache.pages(NAMES, most=MOST_TAKEN_OVER):
            for name, sealed in page.items():
                self._take_over(shared, name, sealed)

    def _take_over(self, shared: Shared, name: str, sealed: bytes) -> None:
        """Remember the record; one that is of no use is nobody's question, and is not counted."""
        record = self._unsealed(shared, name, sealed)
        if isinstance(record, Record) and record.credential is not None:
            access_key = record.credential.access_key
            if name in shared.sealer.names(access_key):
                self._local.put(access_key, record)

    def _opened(self, access_key: AccessKey, name: str, sealed: bytes) -> Record | None:
        """Return the record; count it where it is of no use."""
        if self._shared is None:
            return None
        record = self._unsealed(self._shared, name, sealed)
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

    def _stale(self, access_key: AccessKey, error: Unavailable) -> Credential | None:
        entry = self._local.get(access_key)
        if entry is None or entry.kind == "forgotten":
            raise error
        if self._clock.monotonic() - entry.since > self._max_stale:
            raise error
        if self._lease is not None and self._lease.revoked(entry.since, _names(access_key, entry)):
            raise error
        return _sourced(entry, "stale")

    def _share_soon(self, access_key: AccessKey, record: Record) -> None:
        if self._shared is None or len(self._writes) >= MOST_WRITES:
            return
        task = asyncio.create_task(self._share_quietly(self._shared, access_key, record), name="share")
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _share_quietly(self, shared: Shared, access_key: AccessKey, record: Record) -> None:
        try:
            await self._share(shared, access_key, record)
        except SharedCacheUnavailable:
            self.rejects["unwritten"] += 1

    async def _share(self, shared: Shared, access_key: AccessKey, record: Record) -> None:
        ttl = self._max_stale
        expires_at = record.credential.principal.key.expires_at if record.credential is not None else None
        if expires_at is not None:
            ttl = min(ttl, expires_at - self._clock.now())
        if ttl > 0:
            name = shared.sealer.names(access_key)[0]
            await shared.cache.put(name, shared.sealer.seal(name, write(record)), ttl=ttl)


def _names(access_key: AccessKey, entry: Entry) -> tuple[str, ...]:
    """Return by what names a change of what the entry holds would be told."""
    if entry.credential is None:
        return (access_key,)
    who = entry.credential.principal
    return (access_key, who.user.id, who.account.id, who.domain.id)


def _sourced(entry: Entry, source: str) -> Credential | None:
    if entry.credential is None:
        return None
    freshness = Freshness(as_of=entry.as_of, source="redis" if source == "redis" else "stale")
    return dataclasses.replace(entry.credential, freshness=freshness)
