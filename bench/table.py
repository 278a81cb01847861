"""One table: every way of asking, in every state of the cache, against a bare handler and Keystone in the same run.

``bench/run [--rounds 5] [--requests 3000] [--only verify] [--plots docs/plots]``, for example. Machines are noisy, so lanes take
turns round by round; the figure to trust is the server's CPU per request, and the ratio to the bare aiohttp handler
that reads and answers the same bytes. The service is as its image has it, the hot path compiled, but in the one lane that
says otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import statistics
import sys
import tempfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cases import CASES
from bench.keystone import keystone
from bench.load import Figures, Site, answer, closed, opened
from bench.plots import draw
from bench.sites import ONE_KEY, authsvc, bare
from tests.servers import MariaDB, Redis, install_datadir

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.cases import Case

PEOPLE = 200
"""How many take turns where memory is not to answer."""

NEW_HEADS = 1000
"""Requests with different heads, as clients send them that number theirs: more than a process remembers."""

RATE = 500
"""Requests each second of the open loop."""


@dataclass(slots=True, kw_only=True)
class Lane:
    """One line of the table: where what is sent, and what came of each round."""

    case: str
    state: str
    site: Site
    requests: Sequence[bytes]
    share: float = 1.0
    connections: int = 16
    verifications: int = 1
    rounds: list[Figures] = field(default_factory=list)

    def median(self, what: str) -> float:
        """Return the median over the rounds of an attribute of ``Figures``, per verification where it is a cost."""
        value = statistics.median(getattr(figures, what) for figures in self.rounds)
        return value / self.verifications if what == "cpu_us" else value

    def percentile(self, share: float) -> float:
        """Return the median over the rounds of a latency in milliseconds."""
        return statistics.median(figures.percentile(share) for figures in self.rounds)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        prog="bench/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="a first one, to warm up, is not counted")
    parser.add_argument("--requests", type=int, default=3000, help="in each round, where an answer is quick")
    parser.add_argument("--only", nargs="+", choices=[case.name for case in CASES])
    parser.add_argument("--without-keystone", action="store_true")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--plots", type=Path, help="draw them into this folder, as SVG")
    options = parser.parse_args()
    asked = options.only or [case.name for case in CASES]
    asked += [case.yardstick for case in CASES if case.name in asked]
    cases = [case for case in CASES if case.name in asked]
    with tempfile.TemporaryDirectory(prefix="authsvc-bench-") as name, contextlib.ExitStack() as stack:
        lanes = list(_lanes(stack, Path(name), cases, with_keystone=not options.without_keystone))
        asyncio.run(_measure(lanes, options))
        _tell(f"{RATE} requests/s, open loop")
        steady = [asyncio.run(_steady(lane)) for lane in lanes if _is_steady(lane)]
    print(report(lanes, steady))
    if options.json:
        options.json.write_text(json.dumps(document(lanes, steady), indent=1) + "\n")
    if options.plots:
        draw(document(lanes, steady), options.plots)


def _lanes(
    stack: contextlib.ExitStack, folder: Path, cases: Sequence[Case], *, with_keystone: bool
) -> Iterator[Lane]:
    """Start everything, then yield every lane there is."""
    _tell("starting MariaDB, Redis and the services")
    install_datadir(folder / "datadir")
    mariadb = stack.enter_context(MariaDB(folder / "datadir"))
    redis = stack.enter_context(Redis())
    serve = partial(authsvc, mariadb)
    states = {
        "memory": serve(folder / "memory", people=1),
        "memory, not compiled": serve(folder / "source", people=1, compiled=False),
        "Redis": serve(folder / "redis", people=PEOPLE, redis=redis, **ONE_KEY),
        "database": serve(folder / "database", people=PEOPLE, **ONE_KEY),
        "memory, 2 workers": serve(folder / "workers", people=1, workers=2),
    }
    opened = {state: stack.enter_context(service) for state, service in states.items()}
    asked: dict[str, bytes] = {}
    lanes = []
    for case in cases:
        for state, (region, site) in opened.items():
            people = [person for name, person in region.people.items() if name.startswith("user")]
            requests = [case.spelled(region, person) for person in people]
            asked.setdefault(case.name, requests[0])
            lanes.append(
                Lane(
                    case=case.name,
                    state=state,
                    site=site,
                    requests=requests,
                    share=_share(case, state),
                    connections=4 if state == "database" else 16,  # fewer than it pools
                    verifications=case.verifications,
                )
            )
            if (case.name, state) == ("verify", "memory"):
                numbered = [_numbered(requests[0], number) for number in range(NEW_HEADS)]
                lanes.append(replace(lanes[-1], state="memory, new heads", requests=numbered, rounds=[]))
    yield from _yardsticks(stack, folder, opened["memory"][1], cases, asked)
    yield from lanes
    if with_keystone and "s3tokens" in asked:
        site, request = stack.enter_context(keystone(folder / "keystone"))
        yield Lane(case="s3tokens", state="Keystone", site=site, requests=[request], share=0.1)


def _yardsticks(
    stack: contextlib.ExitStack, folder: Path, site: Site, cases: Sequence[Case], asked: dict[str, bytes]
) -> Iterator[Lane]:
    """Let the bare handler answer every case's request with the bytes that authsvc answers it with."""
    answers = {name: asyncio.run(answer(site, request)) for name, request in asked.items()}
    yardstick = stack.enter_context(bare(folder / "bare", answers))
    for case in cases:
        if case.yardstick != case.name:
            continue
        method, _, rest = asked[case.name].split(b" ", 2)
        request = b" ".join((method, f"/{case.name}".encode(), rest))
        yield Lane(
            case=case.name,
            state="bare",
            site=yardstick,
            requests=[request],
            share=_share(case, "memory"),
            verifications=case.verifications,
        )


def _numbered(request: bytes, number: int) -> bytes:
    line, _, rest = request.partition(b"\r\n")
    return b"%b\r\nX-Request-Id: %08d\r\n%b" % (line, number, rest)


def _share(case: Case, state: str) -> float:
    """Return which part of the requests a lane needs for a steady figure."""
    return (1.0 if state.startswith("memory") else 0.3) / (1 if case.verifications == 1 else 20)


def _is_steady(lane: Lane) -> bool:
    return lane.state == "memory, 2 workers" and lane.verifications == 1


async def _steady(lane: Lane) -> dict[str, object]:
    """Send at a fixed rate whatever comes back; answers count from when their request was due."""
    figures = await opened(lane.site, lane.requests, rate=RATE, seconds=20, connections=16)
    return {
        "case": lane.case,
        "state": lane.state,
        "rate": RATE,
        "p50_ms": round(figures.percentile(0.5), 2),
        "p99_ms": round(figures.percentile(0.99), 2),
    }


async def _measure(lanes: Sequence[Lane], options: argparse.Namespace) -> None:
    for number in range(options.rounds + 1):
        _tell(f"round {number} of {options.rounds}" if number else "warming up")
        for lane in lanes:
            count = max(lane.connections, int(options.requests * lane.share))
            figures = await closed(lane.site, lane.requests, count=count, connections=lane.connections)
            if number:
                lane.rounds.append(figures)


def report(lanes: Sequence[Lane], steady: Sequence[dict[str, object]]) -> str:
    """Return the tables as Markdown, which a terminal shows as well."""
    yardsticks = {lane.case: lane.median("cpu_us") for lane in lanes if lane.state == "bare"}
    yardsticks |= {case.name: yardsticks[case.yardstick] for case in CASES if case.yardstick in yardsticks}
    lines = [
        machine(),
        "",
        "| asked | answered by | server CPU, µs | ratio | requests/s | p50, ms | p99, ms |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for lane in lanes:
        name = f"{lane.case}, each of {lane.verifications}" if lane.verifications > 1 else lane.case
        cpu = lane.median("cpu_us")
        cells = (
            name,
            "the bare handler" if lane.state == "bare" else lane.state,
            f"{cpu:.1f}",
            f"{cpu / yardsticks[lane.case]:.2f}",
            f"{lane.median('rate'):.0f}",
            f"{lane.percentile(0.5):.2f}",
            f"{lane.percentile(0.99):.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        f"| {RATE} requests/s, open loop | answered by | p50, ms | p99, ms |",
        "|---|---|---:|---:|",
        *(f"| {each['case']} | {each['state']} | {each['p50_ms']} | {each['p99_ms']} |" for each in steady),
    ]
    return "\n".join(lines)


def document(lanes: Sequence[Lane], steady: Sequence[dict[str, object]]) -> dict[str, object]:
    """Return the figures for programs."""
    return {
        "machine": machine(),
        "steady": list(steady),
        "lanes": [
            {
                "case": lane.case,
                "state": lane.state,
                "cpu_us": round(lane.median("cpu_us"), 1),
                "rate": round(lane.median("rate")),
                "p50_ms": round(lane.percentile(0.5), 2),
                "p99_ms": round(lane.percentile(0.99), 2),
            }
            for lane in lanes
        ],
    }


def machine() -> str:
    """Say what was measured on, and when."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} CPUs ({model}), Linux {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def _tell(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr)


if __name__ == "__main__":
    main()
