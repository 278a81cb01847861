"""Marks of messages that were accepted: in Redis for the region, or in this process where there is no Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authsvc.errors import ReplaysUnavailable, SharedCacheUnavailable

if TYPE_CHECKING:
    from authsvc.cache.shared import RedisSharedCache
    from authsvc.ports import Clock

PREFIX: Final = "authsvc:replay:"
MOST: Final = 100_000
"""Marks kept in the process; beyond, nobody can say whether a message came before."""


class RedisReplays:
    """Marks that every process of the region sees. What Redis loses (eviction, fail-over) is forgotten."""

    def __init__(self, cache: RedisSharedCache) -> None:
        """Take the shared cache's connection, with its deadline and its breaker."""
        self._cache = cache

    async def mark(self, name: str, mark: bytes, *, ttl: float) -> bytes:
        """Keep the mark unless there is one; return the one that is kept."""
        try:
            kept = await self._cache.keep_first(PREFIX + name, mark, ttl=ttl)
        except SharedCacheUnavailable as error:
            raise ReplaysUnavailable from error
        if not kept:
            raise ReplaysUnavailable
        return kept


class MemoryReplays:
    """The twin, and all there is where one process serves the region; ``down = True`` takes it away."""

    def __init__(self, clock: Clock, *, most: int = MOST) -> None:
        """Begin empty."""
        self.down = False
        self._clock = clock
        self._most = most
        self._marks: dict[str, tuple[float, bytes]] = {}

    async def mark(self, name: str, mark: bytes, *, ttl: float) -> bytes:
        """Keep the mark unless there is one; return the one that is kept."""
        now = self._clock.monotonic()
        if self.down:
            raise ReplaysUnavailable
        until, kept = self._marks.get(name, (now, b""))
        if until > now:
            return kept
        if len(self._marks) >= self._most:
            self._forget(now)
        self._marks[name] = (now + ttl, mark)
        return mark

    def _forget(self, now: float) -> None:
        self._marks = {name: kept for name, kept in self._marks.items() if kept[0] > now}
        if len(self._marks) >= self._most:
            raise ReplaysUnavailable
