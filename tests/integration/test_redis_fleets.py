"""The shared cache on a Redis by itself, with TLS, behind Sentinels and in a Cluster: real servers, and what befalls them."""

from __future__ import annotations

import asyncio
import os
import time

import pytest
from redis.crc import key_slot

from authsvc.cache.clients import open_redis
from authsvc.cache.shared import LONGEST, RedisSharedCache
from authsvc.errors import SharedCacheUnavailable
from authsvc.model import Secret
from tests.certificates import Authority
from tests.redis_fleets import SLOTS, RedisCluster, Sentinels, TLSRedis

PATIENCE = 0.5
"""Seconds; more than in production, as the machine may be busy with other tests."""


class Clock:
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


@pytest.fixture(scope="module")
def sentinels():
    with Sentinels() as fleet:
        yield fleet


@pytest.fixture(scope="module")
def cluster():
    with RedisCluster() as fleet:
        yield fleet


@pytest.fixture(scope="module")
def tls_redis(authority):
    with TLSRedis(authority.server("localhost")) as server:
        yield server


@pytest.fixture
async def opened():
    """Open a cache at an address; it is closed at the end."""
    caches = []

    def open_cache(url):
        client = open_redis(Secret(url), deadline=PATIENCE)
        caches.append(RedisSharedCache(client, Clock(), deadline=PATIENCE))
        return caches[-1]

    yield open_cache
    for cache in caches:
        await cache.close()


@pytest.fixture(params=["one", "tls", "sentinels", "cluster"])
def url(request, redis_server, authority, tmp_path):
    if request.param == "one":
        return redis_server.url()
    if request.param == "tls":
        shown = authority.client("authsvc.example").write(tmp_path, "client")
        return request.getfixturevalue("tls_redis").tls_url(shown)
    return request.getfixturevalue(request.param).url()


def names(count):
    return [f"authsvc:1:{os.urandom(16).hex()}" for _ in range(count)]


async def insist(call, holds=lambda _: True, within=20.0):
    """Call until it is answered, and rightly; a busy machine may miss a deadline of milliseconds now and then."""
    deadline = time.monotonic() + within
    while True:
        try:
            answer = await call()
            if holds(answer):
                return answer
        except SharedCacheUnavailable:
            pass
        assert time.monotonic() < deadline, "it never came back"
        await asyncio.sleep(0.05)


async def put(cache, name, record=b"record"):
    await insist(lambda: cache.put(name, record, ttl=60))


async def get(cache, *asked):
    return await insist(lambda: cache.get(*asked))


async def test_what_is_kept_is_given_back_by_every_kind(opened, url):
    cache = opened(url)
    written = names(5)
    for name in written:
        await put(cache, name, name.encode())
    assert await get(cache, *written) == [name.encode() for name in written]
    assert await get(cache, *names(2)) == [None, None]


async def test_every_kind_tells_what_it_keeps(opened, url):
    """As a process that starts asks; a cluster keeps it in several places."""
    cache = opened(url)
    wanted = dict.fromkeys(names(50), b"record")
    for name, record in wanted.items():
        await put(cache, name, record)

    async def kept():
        found = {}
        async for page in cache.pages("authsvc:1:", most=10_000):
            found |= page
        return found

    found = await insist(kept, lambda found: wanted.items() <= found.items())
    assert wanted.items() <= found.items()


async def test_it_goes_with_its_time(opened, redis_server):
    cache = opened(redis_server.url())
    (name,) = names(1)
    await insist(lambda: cache.put(name, b"record", ttl=0.05))
    await insist(lambda: cache.get(name), lambda answer: answer == [None])


async def test_what_is_no_record_is_none_and_what_is_too_long_is_cut(opened, redis_server):
    cache = opened(redis_server.url())
    a_list, long = names(2)
    redis_server.execute("RPUSH", a_list, "x")
    redis_server.execute("SET", long, "x" * (LONGEST * 2))
    assert await get(cache, a_list, long) == [None, b"x" * LONGEST]
    assert not cache.breaker.open


async def test_another_process_reads_what_one_wrote(opened, url):
    (name,) = names(1)
    await put(opened(url), name)
    assert await get(opened(url), name) == [b"record"]


@pytest.mark.parametrize("shown", ["nothing", "another authority's", "another host's name"])
async def test_tls_is_refused_where_somebody_is_not_who_they_should_be(
    opened, tls_redis, authority, tmp_path, shown
):
    mine = authority.client("authsvc.example").write(tmp_path, "client")
    if shown == "nothing":
        url = tls_redis.tls_url(None)
    elif shown == "another authority's":
        url = tls_redis.tls_url(mine, ssl_ca_certs=str(_another_authority(tmp_path)))
    else:
        url = tls_redis.tls_url(mine, host="127.0.0.1")
    with pytest.raises(SharedCacheUnavailable):
        await opened(url).get(*names(1))


def _another_authority(tmp_path):
    path = tmp_path / "another.pem"
    path.write_bytes(Authority("somebody else").certificate)
    return path


async def test_a_sentinel_that_hangs_does_not_hide_the_master(opened, sentinels):
    for hung in sentinels.sentinels:
        hung.pause()
        try:
            await put(opened(sentinels.url()), *names(1))
        finally:
            hung.resume()


async def test_the_master_fails_and_the_replica_takes_over(opened, sentinels):
    sentinels.await_whole()
    master, replica = sentinels.master_and_replica()
    cache = opened(sentinels.url())
    await put(cache, *names(1))
    try:
        master.kill()
        (name,) = names(1)
        with pytest.raises(SharedCacheUnavailable):
            await cache.put(name, b"record", ttl=1)
        await put(cache, name)
        assert await get(cache, name) == [b"record"]
        assert replica.execute("ROLE")[0] == b"master"
    finally:
        master.mend()


@pytest.mark.parametrize("how", ["killed", "paused"])
async def test_a_node_of_the_cluster_fails_and_its_replica_takes_over(opened, cluster, how):
    """Reads have to learn of it by themselves: most calls are reads."""
    cache = opened(cluster.url())
    (before, after), elsewhere = _in_slots(0, 5000, 2), _in_slots(6000, SLOTS, 1)
    for name in (before, *elsewhere):
        await put(cache, name)
    cluster.await_copied()
    failing, following = cluster.masters_of_the_first_slots()
    try:
        failing.kill() if how == "killed" else failing.pause()
        assert await get(cache, before) == [b"record"]
        assert following.execute("ROLE")[0] == b"master"
        await put(cache, after)
        assert await get(cache, before, after, *elsewhere) == [b"record"] * 3
    finally:
        failing.mend()
        cluster.await_whole()


def _in_slots(first, behind, count):
    found = []
    while len(found) < count:
        found += [name for name in names(20) if first <= key_slot(name.encode()) < behind]
    return found[:count]
