"""What is asked besides whose a key is: fresh for a moment, and for longer while there is nobody to ask."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from cachetools import LRUCache

from authsvc.cache.flight import Flights
from authsvc.errors import Unavailable
from authsvc.model import Freshness

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Sequence

    from authsvc.model import Certificate, Identity, Region, Source
    from authsvc.ports import Certificates, Clock, Regions, Users

MOST: Final = 10_000
"""Answers of a kind at most; the least recently used go first."""

DEADLINE: Final = 0.14
"""Seconds anybody waits where something is remembered."""

PATIENCE: Final = 2.0
"""Seconds anybody waits where nothing is; whoever is asked has a deadline of its own, and a shorter one."""

Asked = TypeVar("Asked", bound="Hashable")
Answer = TypeVar("Answer")


class Remembered(Generic[Asked, Answer]):
    """A question that is put once for all who ask the same, and rides out an outage.

    That there is nothing (None) is not remembered, so that whoever makes names up pushes no answer out.
    """

    def __init__(
        self,
        ask: Callable[[Asked], Awaitable[Answer]],
        *,
        clock: Clock,
        fresh_for: float,
        max_stale: float,
        most: int = MOST,
    ) -> None:
        """Take whom to ask; for how many seconds an answer is good, and for how many while nobody gives another."""
        self._ask = ask
        self._clock = clock
        self._fresh_for = fresh_for
        self._max_stale = max_stale
        self._known: LRUCache[Asked, tuple[float, Answer]] = LRUCache(most)
        self._flights: Flights[Answer] = Flights()
        self._era = 0

    async def __call__(self, asked: Asked) -> tuple[Answer, Source]:
        """Return the answer, and where it came from.

        Raises:
            Unavailable: Nothing young enough is known, and nobody answered.
        """
        known = self._known.get(asked)
        if known is not None and self._age(known) <= self._fresh_for:
            return known[1], "memory"
        usable = known is not None and self._age(known) <= self._max_stale
        try:
            answer = await self._flights.join(
                (asked, self._era),
                partial(self._put, asked),
                within=DEADLINE if usable else PATIENCE,
            )
        except (TimeoutError, Unavailable) as error:
            known = self._known.get(asked)  # it may have been forgotten meanwhile
            if known is None or self._age(known) > self._max_stale:
                raise (error if isinstance(error, Unavailable) else Unavailable()) from None
            return known[1], "stale"
        return answer, "database"

    def forget(self, asked: Asked) -> None:
        """Ask anew next time; an answer that is on its way already is not remembered, and nobody joins in."""
        self._known.pop(asked, None)
        self._era += 1

    async def close(self) -> None:
        """End what is under way."""
        await self._flights.close()

    async def _put(self, asked: Asked) -> Answer:
        since, era = self._clock.monotonic(), self._era
        answer = await self._ask(asked)
        if answer is None:
            self._known.pop(asked, None)
        elif era == self._era:
            self._known[asked] = (since, answer)
        return answer

    def _age(self, known: tuple[float, Answer]) -> float:
        return self._clock.monotonic() - known[0]


class RememberedCertificates:
    """Certificates in front of certificates. What this process changes it sees at once, the others when theirs is not fresh."""

    def __init__(self, origin: Certificates, *, clock: Clock, fresh_for: float, max_stale: float) -> None:
        """Take whoever really knows."""
        self._origin = origin
        self._find = Remembered(origin.find, clock=clock, fresh_for=fresh_for, max_stale=max_stale)
        self.close = self._find.close

    async def find(self, sha256: str) -> Certificate | None:
        """Return the certificate with this hash."""
        certificate, _ = await self._find(sha256)
        return certificate

    async def list(self, user_id: str | None = None) -> Sequence[Certificate]:
        """Return a user's certificates, or everybody's, as they are now."""
        return await self._origin.list(user_id)

    async def add(self, certificate: Certificate) -> Certificate:
        """Keep the certificate."""
        try:
            return await self._origin.add(certificate)
        finally:
            self._find.forget(certificate.sha256)

    async def revoke(self, sha256: str, *, at: float) -> bool:
        """Revoke the certificate for good."""
        try:
            return await self._origin.revoke(sha256, at=at)
        finally:
            self._find.forget(sha256)


class RememberedUsers:
    """Users in front of users."""

    def __init__(self, origin: Users, *, clock: Clock, fresh_for: float, max_stale: float) -> None:
        """Take whoever really knows."""
        self._find = Remembered(origin.find_user, clock=clock, fresh_for=fresh_for, max_stale=max_stale)
        self.close = self._find.close

    async def find_user(self, user_id: str) -> Identity | None:
        """Return the live user with this id; its freshness says who remembered it."""
        identity, source = await self._find(user_id)
        if identity is None or source == "database":
            return identity
        freshness = Freshness(as_of=identity.freshness.as_of, source=source)
        return dataclasses.replace(identity, freshness=freshness)


class RememberedRegions:
    """A registry in front of a registry."""

    def __init__(self, origin: Regions, *, clock: Clock, fresh_for: float, max_stale: float) -> None:
        """Take whoever really knows."""

        async def ask(_all: None) -> Sequence[Region]:
            return await origin.list()

        self._list = Remembered(ask, clock=clock, fresh_for=fresh_for, max_stale=max_stale)
        self.close = self._list.close

    async def list(self) -> Sequence[Region]:
        """Return all regions by id."""
        regions, _ = await self._list(None)
        return regions
