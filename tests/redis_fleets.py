"""Several Redis servers that belong together: watched by Sentinels, or a Cluster; and one that speaks TLS.

with Sentinels() as fleet:
    master, replica = fleet.master_and_replica()
    master.kill()
    fleet.url()
"""

from __future__ import annotations

import contextlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import redis

from tests.processes import HOST, free_port, give
from tests.region import await_that
from tests.servers import Redis

if TYPE_CHECKING:
    from pathlib import Path

    from tests.certificates import Certificate, Files

MASTER = "region-1"
SLOTS = 16384


class Fleet:
    """Servers that are started together and stopped together."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # closed if what follows fails
            self._stack = stack
            self._start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        raise NotImplementedError

    def _server(self, *options: str) -> Redis:
        return self._stack.enter_context(Redis(options=options))

    @staticmethod
    def _by_role(first: Redis, second: Redis) -> tuple[Redis, Redis]:
        """Return a master and its replica, whichever is which by now: a machine that stood still may have swapped them."""
        return (first, second) if first.execute("ROLE")[0] == b"master" else (second, first)

    @staticmethod
    def _is_replicated(*pair: Redis) -> bool:
        roles = sorted((node.execute("ROLE") for node in pair), key=lambda role: role[0])
        return [role[0] for role in roles] == [b"master", b"slave"] and roles[1][3] == b"connected"


class Sentinels(Fleet):
    """A master, its replica, and three Sentinels that agree within a second or two."""

    def _start(self) -> None:
        master = self._server()
        self._pair = master, self._server("--replicaof", HOST, str(master.port))
        self.sentinels = [self._stack.enter_context(Sentinel(master)) for _ in range(3)]
        self.await_whole()

    def url(self) -> str:
        hosts = ",".join(f"{HOST}:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{hosts}/{MASTER}"

    def master_and_replica(self) -> tuple[Redis, Redis]:
        """Return them, whichever is which by now."""
        return self._by_role(*self._pair)

    def await_whole(self) -> None:
        """Wait until the Sentinels know each other, and a master whose replica has caught up."""
        for sentinel in self.sentinels:
            await_that(lambda sentinel=sentinel: self._knows(sentinel), "the Sentinels to know each other")
        await_that(lambda: self._is_replicated(*self._pair), "the replica to have caught up")

    @staticmethod
    def _knows(sentinel: Sentinel) -> bool:
        with redis.Redis(port=sentinel.port) as client:
            told = client.sentinel_master(MASTER)
        return told["num-other-sentinels"] == 2 and told["num-slaves"] == 1


class Sentinel(Redis):
    """A Sentinel; it writes down what it learns, so it has a file of its own."""

    def __init__(self, master: Redis) -> None:
        super().__init__()
        self._file: Path = self.process.folder / "sentinel.conf"
        self._file.write_text(
            f"port {self.port}\nbind {HOST}\ndir {self.process.folder}\n"
            f"sentinel monitor {MASTER} {HOST} {master.port} 2\n"
            f"sentinel down-after-milliseconds {MASTER} 500\nsentinel failover-timeout {MASTER} 2000\n"
        )

        give(self.process.folder)

    def _arguments(self) -> list[str]:
        return [str(self._file), "--sentinel"]


class RedisCluster(Fleet):
    """Three masters and a replica of the first."""

    def _start(self) -> None:
        self.nodes = [self._node() for _ in range(4)]
        masters, replica = self.nodes[:3], self.nodes[3]
        for number, node in enumerate(masters):
            first, behind = SLOTS * number // 3, SLOTS * (number + 1) // 3
            node.execute("CLUSTER", "ADDSLOTSRANGE", first, behind - 1)
        for node in self.nodes[1:]:
            node.execute("CLUSTER", "MEET", HOST, masters[0].port, masters[0].bus)
        await_that(lambda: all(self._sees(node, 4) for node in self.nodes), "the nodes to meet")
        known = masters[0].execute("CLUSTER", "MYID").decode()
        await_that(lambda: self._replicates(replica, known), "the replica to replicate")
        self.await_whole()

    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"{HOST}:{node.port}" for node in self.nodes)

    def masters_of_the_first_slots(self) -> tuple[Redis, Redis]:
        """Return the first slots' master and its replica, whichever is which by now."""
        return self._by_role(self.nodes[0], self.nodes[3])

    def await_copied(self) -> None:
        """Wait until the replica of the first slots has what their master has."""
        await_that(self._is_copied, "the replica to have it all")

    def _is_copied(self) -> bool:
        master, _ = self.masters_of_the_first_slots()
        _, offset, replicas = master.execute("ROLE")
        return [int(replica[2]) >= int(offset) for replica in replicas] == [True]

    def await_whole(self) -> None:
        """Wait until everybody sees everybody, and the first slots have a replica that has caught up."""
        await_that(lambda: all(self._is_up(node) for node in self.nodes), "the cluster to be up")
        await_that(lambda: self._is_replicated(self.nodes[0], self.nodes[3]), "the replica to have caught up")

    def _node(self) -> ClusterNode:
        bus = free_port()
        node = ClusterNode(
            options=["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", str(bus)]
        )
        node.bus = bus
        return self._stack.enter_context(node)

    @staticmethod
    def _sees(node: Redis, count: int) -> bool:
        return f"cluster_known_nodes:{count}" in _info(node)

    @staticmethod
    def _replicates(node: Redis, master: str) -> bool:
        with contextlib.suppress(redis.ResponseError):  # it has not heard of its master yet
            node.execute("CLUSTER", "REPLICATE", master)
            return True
        return False

    @staticmethod
    def _is_up(node: Redis) -> bool:
        return "cluster_state:ok" in _info(node)


class ClusterNode(Redis):
    """A node, and the port it talks to the others on."""

    bus: int


class TLSRedis(Redis):
    """A Redis that speaks TLS, as `redis.example`, to whoever shows a certificate of the authority's."""

    def __init__(self, certificate: Certificate) -> None:
        self.tls_port = free_port()
        super().__init__()
        self.files: Files = certificate.write(self.process.folder / "tls", "server")

        give(self.process.folder)

    def _arguments(self) -> list[str]:
        return [
            *super()._arguments(),
            *("--tls-port", str(self.tls_port)),
            *("--tls-cert-file", str(self.files.certificate), "--tls-key-file", str(self.files.key)),
            *("--tls-ca-cert-file", str(self.files.authority)),
        ]

    def tls_url(self, shown: Files | None, host: str = "localhost", **query: str) -> str:
        options = {"ssl_ca_certs": str(self.files.authority), **query}
        if shown is not None:
            options |= {"ssl_certfile": str(shown.certificate), "ssl_keyfile": str(shown.key)}
        pairs = "&".join(f"{name}={quote(value)}" for name, value in options.items())
        return f"rediss://{host}:{self.tls_port}/0?{pairs}"


def _info(node: Redis) -> str:
    told: Any = node.execute("CLUSTER", "INFO")
    return told.decode() if isinstance(told, bytes) else "\n".join(f"{k}:{v}" for k, v in told.items())
