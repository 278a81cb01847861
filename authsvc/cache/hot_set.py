"""The keys in use, read again before their records are old, many with one question: nobody has to wait for it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from authsvc.cache.gathering import PAGE
from authsvc.cache.record import reading
from authsvc.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from authsvc.cache.local import LocalCache
    from authsvc.cache.records import SharedRecords
    from authsvc.model import AccessKey, Credential
    from authsvc.ports import Clock, ManyKeys

MOST: Final = 10_000
"""Keys read ahead at most; the others are read when they are asked for."""

ROUNDS: Final = 8
"""Rounds in the time for which a record is fresh; it is read again in one of the last two of them."""

SHORTEST_ROUND: Final = 0.25
"""Seconds from one round to the next at least."""

SHARED_AT_LEAST: Final = 8
"""How often a record that does not change is shared while a shared one counts."""


class HotSet:
    """Reads records again shortly before they are no longer fresh, if their keys were asked for in about that time."""

    def __init__(
        self,
        origin: ManyKeys,
        local: LocalCache,
        shared: SharedRecords,
        *,
        clock: Clock,
        fresh_for: float,
        max_stale: float,
    ) -> None:
        """Take who really knows, and where what is read is remembered and shared."""
        self._origin = origin
        self._local = local
        self._shared = shared
        self._clock = clock
        self._every = max(fresh_for / ROUNDS, SHORTEST_ROUND)
        self._old = fresh_for - 2 * self._every
        self._share_every = max(max_stale / SHARED_AT_LEAST, self._every)
        self._round = 0
        self._asked: set[AccessKey] = set()
        self._asked_before: set[AccessKey] = set()

    def asked(self, access_key: AccessKey) -> None:
        """Take note that a key is in use."""
        if len(self._asked) < MOST:
            self._asked.add(access_key)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Go on while the context is open."""

        async def keep() -> None:
            while True:
                await asyncio.sleep(self._every)
                with suppress(Unavailable):  # each is asked for when it is wanted, and rides the outage out
                    await self.read_again()

        task = asyncio.create_task(keep(), name="hot set")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def read_again(self) -> None:
        """Go one round.

        Raises:
            Unavailable: It could not be found out; what was read before that is remembered.
        """
        self._round += 1
        keys = list(self._asked | self._asked_before)
        if self._round % ROUNDS == 0:
            self._asked_before, self._asked = self._asked, set()
        due = [key for key in keys if self._is_due(key)]
        for start in range(0, len(due), PAGE):
            as_of = self._clock.now()
            found = await self._origin.find_all(due[start : start + PAGE])
            for access_key, credential in found.items():
                self._take_in(access_key, credential, as_of)

    def _is_due(self, access_key: AccessKey) -> bool:
        entry = self._local.get(access_key)
        if entry is None or entry.kind != "held":
            return False
        return self._clock.monotonic() - entry.since >= self._old

    def _take_in(self, access_key: AccessKey, credential: Credential | None, as_of: float) -> None:
        before = self._local.get(access_key)
        record = reading(credential, as_of=as_of)
        if not self._local.put(access_key, record):
            return
        known = None if before is None else before.credential
        same = known is not None and credential is not None and known.principal == credential.principal
        if before is None or not same or self._is_its_turn(access_key, before.since):
            self._shared.put_soon(access_key, record)

    def _is_its_turn(self, access_key: AccessKey, before: float) -> bool:
        """Say whether another interval has begun since ``before``; each key's begin at another time."""
        offset = hash(access_key) % self._share_every
        now = self._clock.monotonic()
        return (now + offset) // self._share_every != (before + offset) // self._share_every
