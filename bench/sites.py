"""What is measured, each as a process of its own: authsvc in three states, and the bare handler."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.load import Site
from tests.processes import free_port
from tests.region import Region

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.servers import MariaDB, Redis

VERSION = "4.22"
"""CloudStack's; in it keys have an index, so that the database is no slower than it has to be."""

FORWARD_AUTH = '[caller.forward_auth]\nheaders = "original"\n'

ONE_KEY = {"AUTHSVC_CACHE_SIZE": "1"}
"""Room for one key: with more people than that asking in turn, memory never answers."""


@contextlib.contextmanager
def authsvc(
    mariadb: MariaDB,
    folder: Path,
    *,
    people: int,
    redis: Redis | None = None,
    workers: int = 1,
    **settings: str,
) -> Iterator[tuple[Region, Site]]:
    """Run the service over CloudStack's tables with so many people; what it has read stays fresh for a minute."""
    settings = {"AUTHSVC_FRESH_FOR": "60", **settings}
    with Region(mariadb, VERSION, folder, redis=redis, **settings) as region:
        if workers > 1:
            region.authsvc.words = ("serve", "--workers", str(workers))
        for number in range(people):
            region.add(f"user{number}")
        with (folder / "callers.toml").open("a") as callers:
            callers.write(FORWARD_AUTH)
        region.authsvc.start().await_ready()
        yield region, Site(port=urlsplit(region.authsvc.url).port or 0, pid=region.authsvc.pid)
        region.authsvc.stop()


@contextlib.contextmanager
def compiled(mariadb: MariaDB, folder: Path, *, tree: Path, people: int) -> Iterator[tuple[Region, Site]]:
    """Run the service out of a tree whose hot path is compiled.

    Raises:
        SystemExit: What runs is not compiled.
    """
    found_first = {"PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1"}
    with authsvc(mariadb, folder, people=people, **found_first) as (region, site):
        if "__mypyc" not in Path(f"/proc/{site.pid}/maps").read_text():
            raise SystemExit("the service runs, but not compiled")
        yield region, site


@contextlib.contextmanager
def bare(folder: Path, answers: Mapping[str, bytes]) -> Iterator[Site]:
    """Run the handler that answers these bytes."""
    folder.mkdir()
    for name, answer in answers.items():
        (folder / name).write_bytes(answer)
    port = free_port()
    with running([sys.executable, "-m", "bench.bare", str(port), str(folder)], port) as site:
        yield site


@contextlib.contextmanager
def running(command: list[str], port: int, environment: Mapping[str, str] | None = None) -> Iterator[Site]:
    """Run a server until the context ends.

    Raises:
        SystemExit: Nothing answers on its port.
    """
    process = subprocess.Popen(command, env=environment)
    try:
        _await_port(port, process)
        yield Site(port=port, pid=process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise SystemExit(f"nothing answers on port {port}")
