"""A directory in front of a directory: memory, then sealed records in Redis, then whoever really knows.

What it remembers are facts, with the time they were read; never a decision.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

from authsvc.cache.flight import Flights
from authsvc.cache.hot_set import HotSet
from authsvc.cache.record import Record, reading
from authsvc.cache.records import CLOCKS_APART, SharedRecords
from authsvc.errors import DirectoryUnavailable, SharedCacheUnavailable, Unavailable
from authsvc.model import Freshness

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from authsvc.cache.local import Entry, LocalCache
    from authsvc.cache.records import Shared
    from authsvc.model import AccessKey, Credential
    from authsvc.ports import Clock, Directory, ManyKeys
    from authsvc.service.lease import Lease

PAUSES = (0.6, 0.6)
"""Seconds after which a shared cache that did not answer is asked for them again: the first connection may take too long
on a machine that is busy starting, and a breaker lets nobody try for half a second."""


class CachedDirectory:
    """Answers from memory while that is fresh, asks once for all who want the same, and rides out outages."""

    def __init__(
        self,
        origin: Directory,
        *,
        local: LocalCache,
        shared: Shared | None,
        clock: Clock,
        lease: Lease | None = None,
        ahead: ManyKeys | None = None,
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
            ahead: Who is asked for what is in use before it is asked for; None for nobody.
            fresh_for: Seconds a record answers without asking again, unless the lease knows better.
            max_stale: Seconds it may still answer while the origin cannot.
            deadline: Seconds anybody waits for an answer.
        """
        self._origin = origin
        self._local = local
        self._shared = SharedRecords(shared, clock=clock, max_stale=max_stale)
        self._clock = clock
        self._lease = lease
        self._fresh_for = fresh_for
        self._max_stale = max_stale
        self._deadline = deadline
        self._flights: Flights[Credential | None] = Flights()
        self._hot_set = None
        if ahead is not None:
            self._hot_set = HotSet(
                ahead, local, self._shared, clock=clock, fresh_for=fresh_for, max_stale=max_stale
            )

    async def find(self, access_key: AccessKey, *, max_age: float | None = None) -> Credential | None:
        """Return the credential.

        Raises:
            Unavailable: Nothing young enough is known, and the origin did not answer within the deadline.
        """
        demanded = max_age is not None
        most = math.inf if max_age is None else max_age
        entry = self._local.get(access_key)
        if entry is not None and entry.kind != "forgotten":
            if self._hot_set is not None:
                self._hot_set.asked(access_key)
            if self._clock.monotonic() - entry.since <= min(self._lasts(access_key, entry), most):
                return entry.credential
        elif self._is_unknown(access_key, most):
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
    def rejects(self) -> Mapping[str, int]:
        """Return how many shared records were of no use, by why."""
        return self._shared.rejects

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
        for pause in (*PAUSES, 0.0):
            try:
                async for access_key, record in self._shared.all():
                    self._local.put(access_key, record)
            except SharedCacheUnavailable:  # in the end each is looked for when it is asked for
                await asyncio.sleep(pause)
            else:
                return

    def read_ahead(self) -> AbstractAsyncContextManager[None]:
        """Keep what is in use fresh while the context is open, if there is anybody to ask ahead."""
        return nullcontext() if self._hot_set is None else self._hot_set.kept()

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
        await self._shared.put(access_key, record)

    async def close(self) -> None:
        """End what is under way."""
        await self._flights.close()
        await self._shared.close()

    def _lasts(self, access_key: AccessKey, entry: Entry, *, off: float = 0.0) -> float:
        """Return for how many seconds the entry answers; the clock of who read it may be so much ``off``."""
        if self._lease is None:
            return self._fresh_for
        return self._lease.lasts(entry.since - off, _names(access_key, entry), otherwise=self._fresh_for)

    def _is_unknown(self, access_key: AccessKey, most: float) -> bool:
        """Say whether nobody held the key so many seconds ago at ``most``, and it need not be asked for again."""
        unknown_for = self._local.unknown_for(access_key)
        if unknown_for is None:
            return False
        limit = min(most, self._fresh_for)
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
        if credential is None and self._local.get(access_key) is None:
            self._local.put_unknown(access_key, as_of=as_of)
            return None
        record = reading(credential, as_of=as_of)
        if self._local.put(access_key, record):
            self._shared.put_soon(access_key, record)
        return credential

    async def _hear(self, access_key: AccessKey) -> Entry | None:
        """Take in what the region knows of the key; return it if it is news."""
        news = False
        for record in await self._shared.of(access_key):
            news = self._local.put(access_key, record) or news
        return self._local.get(access_key) if news else None

    def _stale(self, access_key: AccessKey, error: Unavailable) -> Credential | None:
        entry = self._local.get(access_key)
        if entry is None or entry.kind == "forgotten":
            raise error
        if self._clock.monotonic() - entry.since > self._max_stale:
            raise error
        if self._lease is not None and self._lease.revoked(entry.since, _names(access_key, entry)):
            raise error
        return _sourced(entry, "stale")


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
