"""How many of what for which load: the plans of docs/scaling.md, computed from what one process was measured to do.

``python -m bench.plans`` prints what stands there; measure with ``bench/run``, change the figures below, and put it there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from authsvc.directory.engine import POOL

VERIFY = 0.15e-3
"""Seconds of CPU for a warm ``/v1/verify``, answered from memory: 0.09 to 0.11 ms on loopback, and what a network wants."""

FROM_REDIS, FROM_DATABASE = 0.32e-3, 1.0e-3
"""Seconds of CPU to read a record from there, sealing, opening and remembering included."""

FRESH_FOR, FRESH_LONGER = 2.0, 10.0
"""Seconds a record answers without being read again: the setting's default, and what one may raise it to."""

AHEAD, AHEAD_EVERY, AHEAD_PAGE = 0.11e-3, 1.5, 64
"""The same with ``AUTHSVC_STREAM=hotset``: seconds of CPU a key, seconds from one reading to the next, keys a query."""

TOLD_EVERY = 60.0
"""Seconds from one reading to the next with ``AUTHSVC_STREAM=binlog``."""

BUSY = 0.6
"""Of a core that a process is to use: a third of the processes may go, and the rest still carry all of it."""

SPARE = 1.1
"""Processes for one that carries the load: a tenth more, while some are replaced."""

POD_MEMORY = 128
"""MiB, as the chart requests."""

REPLICA = 2_500
"""Queries by key a second that a replica is asked at most; it answers several times as many."""

FEW = 300
"""Keys in use at a time, for what one process carries."""

TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One load: requests a second, keys in use within ``FRESH_FOR``, and in how many cells.

    ``seen_by`` is at how many processes a key arrives; None for all of them.
    """

    rate: int
    keys: int
    balancing: str
    redis: str
    seen_by: int | None = None
    cells: int = 1

    @property
    def reads(self) -> float:
        """Records a cell reads anew in a second."""
        return self.keys / self.cells / FRESH_FOR

    @property
    def pods(self) -> int:
        """Processes of a cell.

        Each record is read once from the database, and by each process that sees its key.
        """
        once = self.rate / self.cells * VERIFY + self.reads * (FROM_DATABASE - FROM_REDIS)
        if self.seen_by is None:
            return math.ceil(SPARE * once / (BUSY - self.reads * FROM_REDIS))
        return math.ceil(SPARE * (once + self.seen_by * self.reads * FROM_REDIS) / BUSY)

    @property
    def pods_ahead(self) -> int:
        """The same where each process reads what it has in use ahead, from the database."""
        once = self.rate / self.cells * VERIFY
        each = self.keys / self.cells / AHEAD_EVERY * AHEAD
        if self.seen_by is None:
            return math.ceil(SPARE * once / (BUSY - each))
        return math.ceil(SPARE * (once + self.seen_by * each) / BUSY)

    @property
    def queries_ahead(self) -> float:
        """Queries of many keys to a cell's database in a second."""
        seen_by = self.seen_by or self.pods_ahead
        return seen_by * self.keys / self.cells / AHEAD_EVERY / AHEAD_PAGE

    @property
    def pods_told(self) -> int:
        """The same where changes are told, so that reading is rare."""
        return math.ceil(SPARE * self.rate / self.cells * VERIFY / BUSY)

    @property
    def redis_reads(self) -> float:
        """Reads from a cell's Redis in a second, at most."""
        return self.reads * (self.pods if self.seen_by is None else self.seen_by)


PLANS = (
    Plan(
        rate=10_000,
        keys=2_000,
        balancing="the Service, any pod",
        redis="one, with a replica and Sentinels",
    ),
    Plan(
        rate=100_000,
        keys=20_000,
        seen_by=2,
        balancing="ring hash by access key (Envoy), each key at one or two pods",
        redis="Cluster, 3 masters and 3 replicas",
    ),
    Plan(
        rate=1_000_000,
        keys=200_000,
        seen_by=2,
        cells=10,
        balancing="the cell by account (the gateways' own configuration), then as before",
        redis="such a Cluster a cell",
    ),
)


def plans() -> str:
    """Write the plans as a table."""
    rows = [
        ("", [f"{_number(plan.rate)} /s" for plan in PLANS]),
        ("active keys assumed", [_number(plan.keys) for plan in PLANS]),
        ("pods", [_cells(plan, str(plan.pods)) for plan in PLANS]),
        ("balancing", [plan.balancing for plan in PLANS]),
        ("cores requested", [_number(math.ceil(plan.cells * plan.pods * BUSY)) for plan in PLANS]),
        (
            "memory requested",
            [f"{math.ceil(plan.cells * plan.pods * POD_MEMORY / 1024)} GiB" for plan in PLANS],
        ),
        ("reads from Redis", [_each(plan, f"{_number(plan.redis_reads)} /s") for plan in PLANS]),
        ("Redis", [plan.redis for plan in PLANS]),
        ("queries to the database", [_each(plan, f"{_number(plan.reads)} /s") for plan in PLANS]),
        (
            f"the same with f = {FRESH_LONGER:.0f} s",
            [_each(plan, f"{_number(plan.reads * FRESH_FOR / FRESH_LONGER)} /s") for plan in PLANS],
        ),
        (
            "with `hotset`: pods, queries of 64 keys",
            [_cells(plan, f"{plan.pods_ahead}, {_number(plan.queries_ahead)} /s") for plan in PLANS],
        ),
        (
            "with `binlog`: pods, queries",
            [
                _cells(plan, f"{plan.pods_told}, {_number(plan.keys / plan.cells / TOLD_EVERY)} /s")
                for plan in PLANS
            ],
        ),
        ("replicas of the database", [_each(plan, _replicas(plan)) for plan in PLANS]),
        ("connections to them", [_each(plan, str(plan.pods * POOL)) for plan in PLANS]),
    ]
    lines = [_row(*rows[0]), "|---" * (len(PLANS) + 1) + "|", *(_row(*row) for row in rows[1:])]
    return "\n".join(lines)


def figures() -> str:
    """Write what a process costs, and what it carries."""
    carried = (BUSY - FEW / FRESH_FOR * FROM_DATABASE) / VERIFY
    return (
        f"cores of a process  =  r {TIMES} {_ms(VERIFY)}  +  k/f {TIMES} ({_ms(FROM_REDIS)} from Redis, "
        f"{_ms(FROM_DATABASE)} from the database)\n"
        f"r at {BUSY:.0%} of a core  =  {_number(math.floor(carried / 100) * 100)} /s, with {FEW} keys in use "
        "and no Redis"
    )


def _replicas(plan: Plan) -> str:
    often, seldom = (math.ceil(plan.reads * share / REPLICA) for share in (1, FRESH_FOR / FRESH_LONGER))
    return str(often) if often == seldom else f"{often}, or {seldom}"


def _cells(plan: Plan, what: str) -> str:
    return what if plan.cells == 1 else f"{plan.cells} cells of {what}"


def _each(plan: Plan, what: str) -> str:
    return what if plan.cells == 1 else f"{what} a cell"


def _row(name: str, values: list[str]) -> str:
    return f"| {' | '.join([name, *values])} |"


def _number(value: float) -> str:
    return f"{round(value):,}".replace(",", " ")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2g} ms"


if __name__ == "__main__":
    print(figures())
    print()
    print(plans())
