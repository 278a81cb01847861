"""Records in Redis, and their twin in memory. Any trouble is a miss, and soon."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from authsvc.cache.clients import DEADLINE, close_redis
from authsvc.errors import SharedCacheUnavailable
from authsvc.service.breaker import Breaker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from authsvc.cache.clients import AnyRedis
    from authsvc.ports import Clock

LONGEST = 8192
"""Bytes read of a record at most: somebody else's hundred megabytes under our name are cut, and then no record."""

LAST_CALLS = 1.0
"""Seconds that calls under way get to end by themselves when the cache is closed."""

PAGE = 250
"""Records read at a time where many are: some five milliseconds."""


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

    async def pages(self, prefix: str, *, most: int) -> AsyncIterator[Mapping[str, bytes]]:
        """Yield records whose names begin so, by name and some at a time; each page has the deadline of a call."""
        names = self._client.scan_iter(match=f"{prefix}*", count=PAGE)
        while most > 0:
            page = await self._within_deadline(self._page(names, min(PAGE, most)))
            if page is None:
                return
            yield page
            most -= PAGE

    async def keep_first(self, name: str, record: bytes, *, ttl: float) -> bytes:
        """Keep the record for ttl seconds unless there is one, and return the one that is kept."""
        kept: bytes = await self._within_deadline(self._first(name, record, ttl))
        return kept

    async def close(self) -> None:
        """Close the connections, within two seconds; calls under way get the first of them to end by themselves."""
        if self._calls:
            await asyncio.wait(self._calls, timeout=LAST_CALLS)
        try:
            async with asyncio.timeout(1.0):
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

    async def _page(self, names: AsyncIterator[bytes], size: int) -> Mapping[str, bytes] | None:
        """Return the records of the next so many names; None after the last."""
        found: list[str] = []
        async for raw in names:
            found.append(raw.decode(errors="replace"))
            if len(found) == size:
                break
        if not found:
            return None
        async with self._client.pipeline(transaction=False) as together:
            for name in found:
                together.getrange(name, 0, LONGEST - 1)
            records = await together.execute(raise_on_error=False)
        # Beside what stands there no more, and what is no record.
        pairs = zip(found, records, strict=True)
        return {each: record for each, record in pairs if record and isinstance(record, bytes)}

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

    async def pages(self, prefix: str, *, most: int) -> AsyncIterator[Mapping[str, bytes]]:
        """Yield records whose names begin so, one at a time."""
        self._require_up()
        for name in list(islice((name for name in self.records if name.startswith(prefix)), most)):
            (record,) = await self.get(name)
            if record is not None:
                yield {name: record}

    def _require_up(self) -> None:
        if self.down:
            raise SharedCacheUnavailable
