"""Records in Redis, and their twin in memory. Any trouble is a miss, and soon."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from authsvc.cache.clients import DEADLINE, close_redis
from authsvc.errors import SharedCacheUnavailable
from authsvc.service.breaker import Breaker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsvc.cache.clients import AnyRedis
    from authsvc.ports import Clock

LONGEST = 8192
"""Bytes read of a record at most: somebody else's hundred megabytes under our name are cut, and then no record."""


class RedisSharedCache:
    """A breaker in front of Redis, so that a hung one costs its deadline only now and then."""

    def __init__(self, client: AnyRedis, clock: Clock, *, deadline: float = DEADLINE) -> None:
        """Take a client; nothing is connected yet. Nobody waits longer than ``deadline`` seconds for a call."""
        self._client = client
        self._deadline = deadline
        self._calls: set[asyncio.Task[Any]] = set()
        self.breaker = Breaker(clock, rest=1.0, after=2)

    async def get(self, *names: str) -> Sequence[bytes | None]:
        """Return each name's record, None where there is none."""
        found: Sequence[bytes | None] = await self._within_deadline(self._read_all(names))
        return found

    async def put(self, name: str, record: bytes, *, ttl: float) -> None:
        """Keep the record for ttl seconds."""
        await self._within_deadline(self._client.set(name, record, px=max(1, int(ttl * 1000))))

    async def keep_first(self, name: str, record: bytes, *, ttl: float) -> bytes:
        """Keep the record for ttl seconds unless there is one, and return the one that is kept."""
        kept: bytes = await self._within_deadline(self._first(name, record, ttl))
        return kept

    async def close(self) -> None:
        """Close the connections, within a second."""
        try:
            async with asyncio.timeout(1.0):
                if self._calls:
                    await asyncio.wait(self._calls)
                await close_redis(self._client)
        except Exception:  # noqa: BLE001, S110 - it is going away either way
            pass

    async def _first(self, name: str, record: bytes, ttl: float) -> bytes:
        if await self._client.set(name, record, px=max(1, int(ttl * 1000)), nx=True):
            return record
        found = await self._client.getrange(name, 0, LONGEST - 1)
        return found if isinstance(found, bytes) else b""

    async def _read_all(self, names: Sequence[str]) -> Sequence[bytes | None]:
        # Each by itself: a cluster keeps them in different places. There are several only while keys are rotated.
        if len(names) == 1:
            return [await self._read(names[0])]
        return await asyncio.gather(*map(self._read, names))

    async def _read(self, name: str) -> bytes | None:
        try:
            found = await self._client.getrange(name, 0, LONGEST - 1)
        except ResponseError:  # something else than a record stands there
            return None
        return found if isinstance(found, bytes) and found else None

    async def _within_deadline(self, call: Any) -> Any:
        if not self.breaker.admits():
            call.close()
            raise SharedCacheUnavailable
        # Nobody waits for longer, but the call itself ends by its own timeouts: cancelled while it connects, or
        # learns where a cluster keeps what, the library would leave sockets open and never get to know.
        task = asyncio.create_task(call, name="redis")
        self._calls.add(task)
        task.add_done_callback(self._ended)
        try:
            async with asyncio.timeout(self._deadline):
                answer = await asyncio.shield(task)
        except Exception as error:
            # Down, hung, full, read-only, loading, another password: to us they are one.
            self.breaker.failed()
            raise SharedCacheUnavailable from error
        self.breaker.succeeded()
        return answer

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._calls.discard(task)
        if not task.cancelled():
            task.exception()  # taken note of, for when nobody waits any more


class MemorySharedCache:
    """The twin: a dictionary that several caches may share; ``down = True`` takes it away."""

    def __init__(self, clock: Clock) -> None:
        """Begin empty."""
        self.down = False
        self.records: dict[str, tuple[float, bytes]] = {}
        self._clock = clock

    async def get(self, *names: str) -> Sequence[bytes | None]:
        """Return each name's record, None where there is none."""
        self._require_up()
        found = [self.records.get(name, (0.0, b"")) for name in names]
        return [record or None if until > self._clock.monotonic() else None for until, record in found]

    async def put(self, name: str, record: bytes, *, ttl: float) -> None:
        """Keep the record for ttl seconds."""
        self._require_up()
        self.records[name] = (self._clock.monotonic() + ttl, record)

    def _require_up(self) -> None:
        if self.down:
            raise SharedCacheUnavailable
