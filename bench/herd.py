"""What many cold keys asked for in one moment cost. ``python -m bench.herd``.

As many connections as keys, all open; then a question about another key on each of them at once, from a process that remembers
nothing, without a Redis. It is what a restarted process meets, or one whose guests try keys that nobody holds.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cases import verify
from bench.load import exchange
from bench.sites import ONE_KEY, authsvc
from tests.servers import MariaDB, install_datadir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.load import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Herd:
    """One moment: how many were answered with a verdict, seconds until the last was, and the server's CPU seconds."""

    keys: int
    answered: int
    seconds: float
    cpu: float


def main() -> None:
    """Measure herds of each size in turn, and print a table."""
    parser = argparse.ArgumentParser(
        description="What many cold keys asked for in one moment cost.",
        epilog="example: python -m bench.herd --times 20 1 64 256",
    )
    parser.add_argument("sizes", nargs="*", type=int, default=[1, 4, 16, 64, 256], metavar="KEYS")
    parser.add_argument("--times", type=int, default=20)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        install_datadir(folder / "installed")
        mariadb = stack.enter_context(MariaDB(folder / "installed"))
        people = 2 * max(options.sizes)
        region, site = stack.enter_context(authsvc(mariadb, folder / "site", people=people, **ONE_KEY))
        requests = [verify(region, who) for name, who in region.people.items() if name.startswith("user")]
        herds = asyncio.run(_herds(site, requests, options.sizes, options.times))
    print("| keys at once | answered | all of them after, ms | server CPU a key, µs |")
    print("|---:|---:|---:|---:|")
    for size in options.sizes:
        of_it = [herd for herd in herds if herd.keys == size]
        answered = sum(herd.answered for herd in of_it) / sum(herd.keys for herd in of_it)
        after = statistics.median(herd.seconds for herd in of_it) * 1e3
        cpu = statistics.median(herd.cpu / herd.keys for herd in of_it) * 1e6
        print(f"| {size} | {answered:.0%} | {after:.1f} | {cpu:.0f} |")


async def _herds(site: Site, requests: list[bytes], sizes: list[int], times: int) -> list[Herd]:
    supply = itertools.cycle(requests)
    await _herd(site, supply, max(sizes))  # as it begins
    return [await _herd(site, supply, size) for _ in range(times) for size in sizes]


async def _herd(site: Site, supply: Iterator[bytes], size: int) -> Herd:
    opened = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(size)]
    # A process that has slept is slow to begin with, on a virtual machine by tens of milliseconds.
    for _ in range(100):
        await exchange(*opened[0], next(supply))
    questions = [next(supply) for _ in opened]
    cpu, began = site.cpu_seconds(), time.perf_counter()
    answers = [
        exchange(reader, writer, question)
        for (reader, writer), question in zip(opened, questions, strict=True)
    ]
    statuses = [status for status, _ in await asyncio.gather(*answers)]
    seconds = time.perf_counter() - began
    spent = site.cpu_seconds() - cpu
    for _, writer in opened:
        writer.close()
    await asyncio.sleep(0.6)  # a breaker that opened rests for half a second
    return Herd(keys=size, answered=statuses.count(200), seconds=seconds, cpu=spent)


if __name__ == "__main__":
    main()
