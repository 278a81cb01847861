"""What is measured, each as a process of its own: authsvc in three states, and the bare handler."""

from __future__ import annotations

import contextlib
import functools
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.load import Site
from tests.compiled import KEPT, NotCompiled, build
from tests.processes import free_port
from tests.region import Region

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

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
    compiled: bool = True,
    **settings: str,
) -> Iterator[tuple[Region, Site]]:
    """Run the service over CloudStack's tables with so many people; what it has read stays fresh for a minute.

    Args:
        mariadb: Where the tables are made.
        folder: For its files.
        people: How many users there are, ``user0`` and so on.
        redis: Its Redis, if it has one.
        workers: Processes.
        compiled: Whether the hot path is, as in the image, or it runs as the wheel does.
        settings: Beside those; by their variables.

    Raises:
        SystemExit: It was to be compiled, and what runs is not.
    """
    settings = {"AUTHSVC_FRESH_FOR": "60", **settings}
    if compiled:
        settings |= {"PYTHONPATH": str(compiled_tree()), "PYTHONSAFEPATH": "1"}
    with Region(mariadb, VERSION, folder, redis=redis, **settings) as region:
        if workers > 1:
            region.authsvc.words = ("serve", "--workers", str(workers))
        for number in range(people):
            region.add(f"user{number}")
        with (folder / "callers.toml").open("a") as callers:
            callers.write(FORWARD_AUTH)
        region.authsvc.start().await_ready()
        site = Site(port=urlsplit(region.authsvc.url).port or 0, pid=region.authsvc.pid)
        if compiled and not site.maps("__mypyc"):
            raise SystemExit("the service runs, but not compiled")
        yield region, site
        region.authsvc.stop()


@functools.cache
def compiled_tree() -> Path:
    """Return a tree whose hot path is compiled, from the sources that are here.

    Raises:
        SystemExit: It cannot be.
    """
    print("bench: compiling the hot path, about a minute unless it is there", file=sys.stderr)
    try:
        return build(KEPT)
    except NotCompiled as error:
        raise SystemExit(str(error)) from None


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
