"""Addresses of Redis: what they mean, and that none is quoted when it cannot be used. Nothing is connected."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.sentinel import SentinelConnectionPool, SentinelManagedSSLConnection

from authsvc.cache.clients import open_redis
from authsvc.model import Secret

CA = "ssl_ca_certs=/etc/ssl/ca.pem"


def opened(url):
    return open_redis(Secret(url))


def options(client):
    """Return what connections are made with."""
    if isinstance(client, RedisCluster):
        return client.nodes_manager.connection_kwargs
    return client.connection_pool.connection_kwargs


def asked(client):
    """Return the addresses that are asked first, and what with."""
    if isinstance(client, RedisCluster):
        return [(node.host, node.port) for node in client.nodes_manager.startup_nodes.values()]
    sentinels = client.connection_pool.sentinel_manager.sentinels
    return [(options(each)["host"], options(each)["port"]) for each in sentinels]


def test_one_redis():
    plain = opened("redis://user:p%40ss@redis.example:6380/3")
    assert isinstance(plain, Redis)
    expected = {"host": "redis.example", "port": 6380, "db": 3, "username": "user", "password": "p@ss"}
    assert expected.items() <= options(plain).items()
    secure = opened(f"rediss://redis.example/?{CA}")
    assert secure.connection_pool.connection_class is SSLConnection
    assert options(secure)["ssl_ca_certs"] == "/etc/ssl/ca.pem"


def test_the_master_sentinels_name():
    client = opened("redis+sentinel://user:p%40ss@a.example:26380,b.example,[::1]:26381/region-1?db=2")
    assert isinstance(client.connection_pool, SentinelConnectionPool)
    assert client.connection_pool.service_name == "region-1"
    assert asked(client) == [("a.example", 26380), ("b.example", 26379), ("::1", 26381)]
    assert {"db": 2, "username": "user", "password": "p@ss"}.items() <= options(client).items()
    for sentinel in client.connection_pool.sentinel_manager.sentinels:
        assert options(sentinel).get("password") is None


def test_sentinels_have_a_password_of_their_own_and_the_same_tls():
    client = opened(f"rediss+sentinel://:pw@a.example/m?sentinel_password=other&{CA}")
    (sentinel,) = client.connection_pool.sentinel_manager.sentinels
    assert (options(client)["password"], options(sentinel)["password"]) == ("pw", "other")
    assert client.connection_pool.connection_class is SentinelManagedSSLConnection
    assert sentinel.connection_pool.connection_class is SSLConnection
    assert options(client)["ssl_ca_certs"] == options(sentinel)["ssl_ca_certs"] == "/etc/ssl/ca.pem"


def test_a_cluster():
    client = opened(f"rediss+cluster://user:p%40ss@a.example:7000,b.example?{CA}")
    assert asked(client) == [("a.example", 7000), ("b.example", 6379)]
    expected = {"username": "user", "password": "p@ss", "ssl_ca_certs": "/etc/ssl/ca.pem"}
    assert expected.items() <= options(client).items()
    assert options(client)["connection_class"] is SSLConnection
    assert options(opened("redis+cluster://a.example"))["connection_class"] is Connection


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://:s3cret@a:1",  # no master
        "redis+sentinel://:s3cret@/m",
        "redis+sentinel://:s3cret@a,,b/m",
        "redis+cluster://:s3cret@a/3",  # a cluster has no databases
        "redis+cluster://:s3cret@",
        "redis+cluster://:s3cret@a:port",
        "redis+other://:s3cret@a",
        "http://:s3cret@a",
        "s3cret",
        "redis://:s3cret@a:port",
        "redis://:s3cret@a?ssl_cert_reqs=perhaps&socket_timeout=s3cret",
    ],
)
def test_what_cannot_be_used_is_refused_and_not_quoted(url):
    with pytest.raises(ValueError, match="the Redis URL must be redis://") as told:
        opened(url)
    assert "s3cret" not in str(told.value)
    assert told.value.__suppress_context__ or told.value.__context__ is None
