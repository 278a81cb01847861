"""Records in Redis, and their twin in memory. Any trouble is a miss, and soon."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from authsvc.errors import SharedCacheUnavailable
from authsvc.service.breaker import Breaker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsvc.model import Secret
    from authsvc.ports import Clock

DEADLINE = 0.05
"""Seconds for one call; the library's own defaults wait for seconds, or for ever."""

LONGEST = 8192
"""Bytes read of a record at most: somebody else's hundred megabytes under our name are cut, and then no record."""

CONNECTIONS = 32


class RedisSharedCache:
    """A breaker in front of Redis, so that a hung one costs its deadline only now and then."""

    def __init__(self, client: Redis, clock: Clock, *, deadline: float = DEADLINE) -> None:
        """Take a client; nothing is connected yet. No call takes longer than ``deadline`` seconds."""
        self._client = client
        self._deadline = deadline
        self.breaker = Breaker(clock, rest=1.0, after=2)

    async def get(self, *names: str) -> Sequence[bytes | None]:
        """Return each name's record, None where there is none."""
        pipeline = self._client.pipeline(transaction=False)
        for name in names:
            pipeline.getrange(name, 0, LONGEST - 1)
        found = await self._within_deadline(pipeline.execute(raise_on_error=False))
        return [record if isinstance(record, bytes) and record else None for record in found]

    async def put(self, name: str, record: bytes, *, ttl: float) -> None:
        """Keep the record for ttl seconds."""
        await self._within_deadline(self._client.set(name, record, px=max(1, int(ttl * 1000))))

    async def close(self) -> None:
        """Close the connections, within a second."""
        try:
            async with asyncio.timeout(1.0):
                await self._client.aclose()
        except Exception:  # noqa: BLE001, S110 - it is going away either way
            pass

    async def _within_deadline(self, call: Any) -> Any:
        if not self.breaker.admits():
            call.close()
            raise SharedCacheUnavailable
        try:
            async with asyncio.timeout(self._deadline):
                answer = await call
        except Exception as error:
            # Down, hung, full, read-only, loading, another password: to us they are one.
            self.breaker.failed()
            raise SharedCacheUnavailable from error
        self.breaker.succeeded()
        return answer


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


def open_redis(url: Secret, *, deadline: float = DEADLINE) -> Redis:
    """Make a client for ``redis://``, ``rediss://`` or ``redis+sentinel://host:port,host:port/master``.

    Raises:
        ValueError: The URL cannot be used; it is not quoted.
    """
    options: dict[str, Any] = {
        "socket_timeout": deadline,
        "socket_connect_timeout": deadline,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
    }
    text = url.reveal()
    try:
        if text.startswith("redis+sentinel://"):
            return _by_sentinel(text, options)
        pool = BlockingConnectionPool.from_url(text, max_connections=CONNECTIONS, timeout=deadline, **options)
    except (ValueError, TypeError):
        raise ValueError(
            "the Redis URL must be redis://, rediss:// or redis+sentinel://host:port,host:port/master"
        ) from None
    return Redis.from_pool(pool)


def _by_sentinel(url: str, options: dict[str, Any]) -> Redis:
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    master = parts.path.strip("/")
    if not hosts or not master:
        raise ValueError
    nodes = []
    for host in hosts.split(","):
        name, _, port = host.rpartition(":")
        nodes.append((name or host, int(port) if name else 26379))
    if password:
        options |= {"username": unquote(username) or None, "password": unquote(password)}
    query = dict(parse_qsl(parts.query))
    sentinel: Any = Sentinel(  # type: ignore[no-untyped-call]
        nodes, sentinel_kwargs={"socket_timeout": DEADLINE}, **options
    )
    client: Redis = sentinel.master_for(master, db=int(query.get("db", 0)))
    return client
