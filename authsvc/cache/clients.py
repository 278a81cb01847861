"""Clients for one Redis, for the master that Sentinels name, and for a Cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

if TYPE_CHECKING:
    from authsvc.model import Secret

DEADLINE = 0.05
"""Seconds for one call; the library's own defaults wait for seconds, or for ever."""

ONE_OF_MANY = 0.1
"""Seconds for one of several servers. Nobody waits for so long, but the call goes on and finds out who is gone."""

CONNECTIONS = 32
"""To one Redis at most; the next waits for one to come free."""

CONNECTIONS_AT_ONCE = 256
"""To a master or a node at most; their pools do not wait, so the next call fails."""

FORMS = (
    "redis://host:port, redis+sentinel://host:port,host:port/master or redis+cluster://host:port,host:port "
    "(rediss… for TLS)"
)
_PORTS = {"sentinel": 26379, "cluster": 6379}

AnyRedis = Redis | RedisCluster


def open_redis(url: Secret, *, deadline: float = DEADLINE) -> AnyRedis:
    """Make a client for the address; nothing is connected yet.

    Beside ``redis://`` and ``redis+sentinel://`` or ``redis+cluster://``, whose host is a list, ``rediss`` speaks
    TLS. Options are redis-py's own, as query parameters (``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile``, …);
    ``sentinel_username`` and ``sentinel_password`` are for the Sentinels.

    Raises:
        ValueError: The URL cannot be used; it is not quoted.
    """
    try:
        scheme, _, form = urlsplit(url.reveal()).scheme.partition("+")
        match scheme, form:
            case (("redis" | "rediss"), ""):
                pool = BlockingConnectionPool.from_url(
                    url.reveal(), max_connections=CONNECTIONS, timeout=deadline, **_patience(deadline)
                )
                return Redis.from_pool(pool)
            case (("redis" | "rediss"), "sentinel"):
                return _by_sentinel(url.reveal(), scheme, deadline)
            case (("redis" | "rediss"), "cluster"):
                return _of_cluster(url.reveal(), scheme)
    except (ValueError, TypeError):
        pass
    raise ValueError(f"the Redis URL must be {FORMS}")


async def close_redis(client: AnyRedis) -> None:
    """Close the client's connections."""
    if isinstance(client, RedisCluster):
        # Its own close leaves them open once it has decided to look at the cluster anew.
        await client.nodes_manager.aclose()
        await client.nodes_manager.aclose("startup_nodes")
    await client.aclose()
    if isinstance(client, Redis) and isinstance(client.connection_pool, SentinelConnectionPool):
        for sentinel in client.connection_pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def _by_sentinel(url: str, scheme: str, deadline: float) -> Redis:
    nodes, master, options = _taken_apart(url, scheme)
    if not master:
        raise ValueError
    secure = {name: value for name, value in options.items() if name.startswith("ssl")}
    login = {name: options.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    sentinel: Any = Sentinel(  # type: ignore[no-untyped-call]
        nodes, sentinel_kwargs=_patience(ONE_OF_MANY) | secure | login
    )
    client: Redis = sentinel.master_for(
        master, **_patience(deadline) | {"max_connections": CONNECTIONS_AT_ONCE} | options
    )
    return client


def _of_cluster(url: str, scheme: str) -> RedisCluster:
    nodes, path, options = _taken_apart(url, scheme)
    if path:
        raise ValueError  # a cluster has no databases
    patience = _patience(ONE_OF_MANY) | {"max_connections": CONNECTIONS_AT_ONCE}
    return RedisCluster(startup_nodes=[ClusterNode(host, port) for host, port in nodes], **patience | options)


def _taken_apart(url: str, scheme: str) -> tuple[list[tuple[str, int]], str, dict[str, Any]]:
    """Return the hosts and ports, the path, and the library's options."""
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    form = parts.scheme.partition("+")[2]
    nodes = []
    for host in hosts.split(","):
        each = urlsplit(f"//{host}")
        if not each.hostname:
            raise ValueError
        nodes.append((each.hostname, each.port or _PORTS[form]))
    options: dict[str, Any] = dict(parse_url(f"{scheme}://{login}{at}host?{parts.query}"))
    del options["host"]
    if options.pop("connection_class", None) is SSLConnection:
        options["ssl"] = True
    return nodes, parts.path.strip("/"), options


def _patience(seconds: float) -> dict[str, Any]:
    return {
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
    }
