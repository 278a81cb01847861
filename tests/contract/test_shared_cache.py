"""One suite over every shared cache: the in-memory twin and a real Redis."""

from __future__ import annotations

import asyncio

import pytest

from authsvc.cache.clients import DEADLINE, open_redis
from authsvc.cache.shared import LONGEST, PAGE, MemorySharedCache, RedisSharedCache
from authsvc.errors import SharedCacheUnavailable
from authsvc.model import Secret
from authsvc.wiring.clock import SystemClock

PATIENCE = 5.0
"""Seconds, where the machine's haste is not what is tested."""


class MemoryWorld:
    """The twin, taken away by a switch."""

    def __init__(self):
        self.cache = MemorySharedCache(SystemClock())

    def take_away(self):
        self.cache.down = True

    def bring_back(self):
        self.cache.down = False

    async def close(self):
        pass


class RedisWorld:
    """A server of the tests', taken away by a signal."""

    def __init__(self, server, deadline=PATIENCE):
        server.execute("FLUSHALL")
        self._server = server
        client = open_redis(Secret(server.url()), deadline=deadline)
        self.cache = RedisSharedCache(client, SystemClock(), deadline=deadline)

    def take_away(self):
        self._server.kill()

    def bring_back(self):
        self._server.mend()

    async def close(self):
        await self.cache.close()


@pytest.fixture(params=["memory", "redis"])
async def world(request):
    made = MemoryWorld() if request.param == "memory" else RedisWorld(request.getfixturevalue("redis_server"))
    yield made
    await made.close()


async def test_what_was_put_is_got_in_the_order_asked(world):
    await world.cache.put("a", b"one", ttl=60)
    await world.cache.put("b", bytes(range(256)), ttl=60)
    assert list(await world.cache.get("b", "nobody's", "a")) == [bytes(range(256)), None, b"one"]


async def test_a_later_record_replaces_an_earlier_one(world):
    await world.cache.put("a", b"one", ttl=60)
    await world.cache.put("a", b"two", ttl=60)
    assert list(await world.cache.get("a")) == [b"two"]


async def test_a_record_ends_with_its_time(world):
    await world.cache.put("a", b"one", ttl=0.05)
    await asyncio.sleep(0.2)
    assert list(await world.cache.get("a")) == [None]


async def test_what_is_away_is_unavailable_and_not_empty(world):
    await world.cache.put("a", b"one", ttl=60)
    world.take_away()
    for _ in range(4):  # enough to open a breaker
        with pytest.raises(SharedCacheUnavailable):
            await world.cache.get("a")
        with pytest.raises(SharedCacheUnavailable):
            await world.cache.put("a", b"two", ttl=60)


async def test_what_is_back_is_used_again(world):
    world.take_away()
    for _ in range(4):
        with pytest.raises(SharedCacheUnavailable):
            await world.cache.get("a")
    world.bring_back()
    for _ in range(100):
        try:
            await world.cache.put("a", b"one", ttl=60)
            break
        except SharedCacheUnavailable:
            await asyncio.sleep(0.05)
    assert list(await world.cache.get("a")) == [b"one"]


async def test_all_of_a_prefix_are_found_page_by_page(world):
    wanted = {f"ours:{number}": str(number).encode() for number in range(PAGE + 7)}
    for name, record in {**wanted, "theirs:1": b"x"}.items():
        await world.cache.put(name, record, ttl=60)
    found = {}
    async for page in world.cache.pages("ours:", most=10_000):
        found |= page
    assert found == wanted


async def test_of_more_than_asked_for_no_more_are_read(world):
    for number in range(PAGE + 7):
        await world.cache.put(f"ours:{number}", b"x", ttl=60)
    assert (
        len([name async for page in world.cache.pages("ours:", most=PAGE + 3) for name in page]) == PAGE + 3
    )


async def test_of_what_is_away_there_are_no_pages(world):
    world.take_away()
    with pytest.raises(SharedCacheUnavailable):
        await anext(world.cache.pages("", most=1))


# --- what only a server can do --------------------------------------------------------------------------------


@pytest.fixture
async def redis(redis_server):
    made = RedisWorld(redis_server)
    yield made.cache
    await made.close()


async def test_a_server_that_hangs_is_unavailable_soon(redis_server):
    hasty = RedisWorld(redis_server, deadline=DEADLINE)
    redis_server.pause()
    async with asyncio.timeout(30):
        for _ in range(200):  # the library's own limits would make minutes of this
            with pytest.raises(SharedCacheUnavailable):
                await hasty.cache.get("a")
    await hasty.close()


async def test_who_closes_while_a_call_hangs_leaves_no_connection_behind(redis_server):
    client = open_redis(Secret(f"{redis_server.url()}?client_name=leaving"), deadline=30.0)
    cache = RedisSharedCache(client, SystemClock(), deadline=PATIENCE)
    await cache.put("a", b"one", ttl=60)
    redis_server.pause()
    call = asyncio.ensure_future(cache.get("a"))
    await asyncio.sleep(0)
    await cache.close()
    redis_server.resume()
    with pytest.raises(SharedCacheUnavailable):
        await call
    async with asyncio.timeout(PATIENCE):
        while b"name=leaving" in redis_server.execute("CLIENT", "LIST", "TYPE", "normal"):
            await asyncio.sleep(0.05)


async def test_a_full_server_still_gives_what_it_has(redis, redis_server):
    await redis.put("a", b"one", ttl=60)
    redis_server.execute("CONFIG", "SET", "maxmemory", "1")
    try:
        with pytest.raises(SharedCacheUnavailable):
            await redis.put("b", b"two", ttl=60)
        assert list(await redis.get("a")) == [b"one"]
    finally:
        redis_server.execute("CONFIG", "SET", "maxmemory", "0")


@pytest.mark.parametrize(
    "poison", [("LPUSH", "a", "x"), ("HSET", "a", "x", "y"), ("SADD", "a", "x"), ("SET", "a", "")]
)
async def test_another_kind_of_value_is_no_record(redis, redis_server, poison):
    redis_server.execute(*poison)
    await redis.put("b", b"two", ttl=60)
    assert list(await redis.get("a", "b")) == [None, b"two"]
    assert [page async for page in redis.pages("", most=10)] == [{"b": b"two"}]


async def test_who_may_not_look_for_names_still_gets_what_it_asks_for(redis, redis_server):
    await redis.put("a", b"one", ttl=60)
    redis_server.execute("ACL", "SETUSER", "poor", "on", ">p", "~*", "+getrange", "+set")
    client = open_redis(Secret(f"redis://poor:p@{redis_server.host}:{redis_server.port}"), deadline=PATIENCE)
    poor = RedisSharedCache(client, SystemClock(), deadline=PATIENCE)
    with pytest.raises(SharedCacheUnavailable):
        await anext(poor.pages("", most=10))
    assert list(await poor.get("a")) == [b"one"]
    await poor.close()
    redis_server.execute("ACL", "DELUSER", "poor")


async def test_of_a_giant_value_only_the_beginning_is_read(redis, redis_server):
    redis_server.execute("SET", "a", "x" * 50_000_000)
    (found,) = await redis.get("a")
    assert len(found) == LONGEST


async def test_a_call_that_is_cancelled_leaves_the_next_one_its_own_answer(redis):
    for number in range(50):
        await redis.put(f"k{number}", str(number).encode(), ttl=60)
    for number in range(50):
        call = asyncio.ensure_future(redis.get(f"k{number}"))
        for _ in range(number % 5):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        other = (number + 7) % 50
        assert list(await redis.get(f"k{other}")) == [str(other).encode()]


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "redis://localhost:port",
        "redis+sentinel://",
        "redis+sentinel://host:26379",
        "redis+sentinel://host:port/master",
        "redis://localhost/?socket_timeout=never",
    ],
)
def test_an_address_that_cannot_be_used_is_told_without_repeating_it(url):
    with pytest.raises(ValueError, match="must be redis://") as told:
        open_redis(Secret(url))
    assert "localhost" not in str(told.value)
