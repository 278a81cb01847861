"""One suite over every keeper of replay marks: the process's own, and Redis."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager

import pytest

from authsvc.cache.clients import open_redis
from authsvc.cache.replays import MemoryReplays, RedisReplays
from authsvc.cache.shared import RedisSharedCache
from authsvc.errors import ReplaysUnavailable
from authsvc.model import Secret
from tests.people import StoppedClock

PATIENCE = 20.0
"""Seconds; nothing here is about haste."""


class InMemory:
    def __init__(self, _get):
        self.clock = StoppedClock()
        self.replays = MemoryReplays(self.clock)

    @asynccontextmanager
    async def open(self):
        yield self.replays

    def pass_time(self, seconds):
        self.clock.advance(seconds)

    def take_away(self):
        self.replays.down = True


class InRedis:
    def __init__(self, get):
        self.server = get("redis_server")
        self.server.execute("FLUSHALL")

    @asynccontextmanager
    async def open(self):
        cache = RedisSharedCache(
            open_redis(Secret(self.server.url()), deadline=PATIENCE), StoppedClock(), deadline=PATIENCE
        )
        try:
            yield RedisReplays(cache)
        finally:
            await cache.close()

    def pass_time(self, seconds):
        for name in self.server.execute("KEYS", "authsvc:replay:*"):
            left = self.server.execute("PTTL", name) - int(seconds * 1000)
            self.server.execute("PEXPIRE", name, left) if left > 0 else self.server.execute("DEL", name)

    def take_away(self):
        self.server.pause()


@pytest.fixture(params=[InMemory, InRedis])
def world(request):
    return request.param(request.getfixturevalue)


@pytest.fixture
def name():
    return secrets.token_hex(32)


async def test_the_first_mark_is_the_one_that_is_kept(world, name):
    async with world.open() as replays:
        assert await replays.mark(name, b"first", ttl=60) == b"first"
        assert await replays.mark(name, b"second", ttl=60) == b"first"
        assert await replays.mark(name + "0", b"second", ttl=60) == b"second"


async def test_a_mark_ends(world, name):
    async with world.open() as replays:
        await replays.mark(name, b"first", ttl=60)
        world.pass_time(59)
        assert await replays.mark(name, b"second", ttl=60) == b"first"
        world.pass_time(2)
        assert await replays.mark(name, b"third", ttl=60) == b"third"


async def test_of_two_at_once_one_is_first(world, name):
    async with world.open() as replays:
        kept = await asyncio.gather(*(replays.mark(name, b"%d" % number, ttl=60) for number in range(4)))
    assert len(set(kept)) == 1


async def test_a_keeper_that_is_away_is_neither_first_nor_second(world, name):
    async with world.open() as replays:
        world.take_away()
        with pytest.raises(ReplaysUnavailable):
            await replays.mark(name, b"first", ttl=60)


async def test_a_full_memory_makes_room_or_says_that_it_cannot_tell():
    clock = StoppedClock()
    replays = MemoryReplays(clock, most=2)
    await replays.mark("a", b"1", ttl=10)
    await replays.mark("b", b"1", ttl=20)
    with pytest.raises(ReplaysUnavailable):
        await replays.mark("c", b"1", ttl=10)
    clock.advance(11)
    assert await replays.mark("c", b"1", ttl=10) == b"1"
    assert await replays.mark("b", b"2", ttl=10) == b"1"


async def test_something_else_under_the_name_is_nobodys_first(redis_server, name):
    world = InRedis({"redis_server": redis_server}.__getitem__)
    redis_server.execute("SET", f"authsvc:replay:{name}", "")
    redis_server.execute("LPUSH", f"authsvc:replay:{name}0", "x")
    async with world.open() as replays:
        for each in (name, name + "0"):
            with pytest.raises(ReplaysUnavailable):
                await replays.mark(each, b"first", ttl=60)
