"""What each way to hear of changes costs, and how soon a revoked key is refused. ``python -m bench.changes``.

So many keys in use, asked about in turn at a fixed rate, without a Redis. Then somebody is asked about without a pause,
switched off meanwhile, and on again: the time counts from when the database has committed it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from authsvc.service.lease import SETTLED
from bench.cases import verify
from bench.load import answer, opened
from bench.sites import authsvc
from tests.region import ask, await_that
from tests.servers import MariaDB, install_datadir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.load import Figures, Site
    from tests.region import Region

WAYS = ("off", "hotset", "binlog")
LOG = ("--log-bin", "--binlog-format=ROW", "--server-id=1")
CONNECTIONS = 16


def main() -> None:
    """Measure each way in turn, and print a table."""
    options = _options()
    print(f"{options.keys} keys in use, {options.rate} requests/s; {options.revocations} revocations\n")
    print("| | CPU, µs a request | p50, ms | p99, ms | refused after, ms: p50 | p99 | at most |")
    print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        install_datadir(folder / "installed")
        mariadb = stack.enter_context(MariaDB(folder / "installed", options=LOG))
        for way in options.ways:
            print(f"bench: {way}", file=sys.stderr)
            with _hearing(mariadb, folder / way, way, options.keys) as (region, site):
                asyncio.run(_steady(region, site, options.rate, 2.0))  # as it begins
                figures = asyncio.run(_steady(region, site, options.rate, options.seconds))
                delays = sorted(asyncio.run(_revoked(region, site, options.revocations)))
            print(_row(way, figures, delays), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="What each way to hear of changes costs, and how soon a revoked key is refused.",
        epilog="example: python -m bench.changes --keys 500 --rate 500 hotset binlog",
    )
    parser.add_argument("--keys", type=int, default=500)
    parser.add_argument("--rate", type=int, default=500, help="requests a second")
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--revocations", type=int, default=200)
    parser.add_argument("ways", nargs="*", default=WAYS)
    return parser.parse_args()


@contextmanager
def _hearing(mariadb: MariaDB, folder: Path, way: str, keys: int) -> Iterator[tuple[Region, Site]]:
    """Run a service that hears of changes in this way; all else is as it comes."""
    settings = {"AUTHSVC_STREAM": way, "AUTHSVC_FRESH_FOR": "2"}
    with authsvc(mariadb, folder, people=keys, **settings) as (region, site):
        if way == "binlog":
            mariadb.execute(f"GRANT REPLICATION SLAVE ON *.* TO {region.name}")
            await_that(lambda: b'mode="live"} 1.0' in ask(f"{region.authsvc.ops}/metrics").body, "the stream")
            time.sleep(SETTLED + 1)
        yield region, site


async def _steady(region: Region, site: Site, rate: int, seconds: float) -> Figures:
    people = [person for name, person in region.people.items() if name.startswith("user")]
    requests = [verify(region, person) for person in people]
    return await opened(site, requests, rate=rate, seconds=seconds, connections=CONNECTIONS)


async def _revoked(region: Region, site: Site, count: int) -> list[float]:
    """Switch users off and on, at moments no round or heartbeat knows of; return the seconds until each was refused."""
    moments = random.Random(1)  # the same ones each time
    person = region.people["alice"]
    request, delays = verify(region, person), []
    for _ in range(count):
        await _asked_until(site, request, allowed=True)
        await asyncio.sleep(moments.uniform(0.0, 0.5))
        asking = asyncio.create_task(_asked_until(site, request, allowed=False))
        await asyncio.sleep(moments.uniform(0.1, 0.5))
        await asyncio.to_thread(region.rows.update, "user", person.user, state="disabled")
        committed = time.perf_counter()
        delays.append(max(0.0, await asking - committed))
        await asyncio.to_thread(region.rows.update, "user", person.user, state="enabled")
    return delays


async def _asked_until(site: Site, request: bytes, *, allowed: bool) -> float:
    """Ask every two milliseconds; return when the last question was put that was answered the other way."""
    last = time.perf_counter()
    while True:
        began = time.perf_counter()
        if json.loads(await answer(site, request))["authenticated"] is allowed:
            return last
        last = began
        await asyncio.sleep(0.002)


def _row(way: str, figures: Figures, delays: list[float]) -> str:
    late = [delays[min(len(delays) - 1, int(len(delays) * share))] * 1e3 for share in (0.5, 0.99, 1.0)]
    values = [figures.percentile(0.5), figures.percentile(0.99), *late]
    return f"| `{way}` | {figures.cpu_us:.0f} | " + " | ".join(f"{value:.1f}" for value in values) + " |"


if __name__ == "__main__":
    main()
