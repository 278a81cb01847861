"""Several processes seen as one on the ops port: who is ready, and everybody's numbers, told apart by a label."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
from prometheus_client import Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from authsvc.ops.site import ops_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from aiohttp import web

PATIENCE = aiohttp.ClientTimeout(total=2.0)
"""What a worker's ops port may take; it asks no dependency."""

LABEL = "worker"


class Workers:
    """The workers there are, asked over their own ops ports.

    Attributes:
        places: The address of each place's worker, by the place's number.
        draining: Whether all of them are about to end.
    """

    def __init__(self, http: aiohttp.ClientSession) -> None:
        """Begin with nobody."""
        self.places: dict[int, str] = {}
        self.draining = False
        self._http = http

    async def alive(self, ops: str) -> bool:
        """Ask one worker whether it does anything at all."""
        return bool(await self._asked(f"{ops}/livez"))

    async def ready(self, ops: str) -> bool:
        """Ask one worker whether requests should be sent to it."""
        report = await self._asked(f"{ops}/readyz")
        return bool(report and report["ready"])

    async def report(self) -> dict[str, Any]:
        """Describe all of them as one process describes itself: ready while one is, degraded if not all are."""
        if self.draining:
            return {"ready": False, "reasons": ["draining: shutting down"], "degraded": []}
        reports = await self._all("/readyz")
        degraded: list[str] = []
        for place, report in reports.items():
            lines = ["does not answer"] if report is None else report["reasons"] + report["degraded"]
            degraded += [f"worker {place}: {line}" for line in lines]
        if any(report and report["ready"] for report in reports.values()):
            return {"ready": True, "reasons": [], "degraded": degraded}
        return {"ready": False, "reasons": degraded or ["starting: no worker yet"], "degraded": []}

    async def metrics(self) -> bytes:
        """Return everybody's numbers in Prometheus' text format."""
        texts = await self._all("/metrics")
        return merged({str(place): text for place, text in texts.items() if text is not None})

    async def _all(self, path: str) -> dict[int, Any]:
        places = sorted(self.places.items())
        answers = await asyncio.gather(*(self._asked(f"{ops}{path}") for _, ops in places))
        return dict(zip((place for place, _ in places), answers, strict=True))

    async def _asked(self, url: str) -> Any:
        """Return the answer, JSON or text; None if there is none."""
        try:
            async with self._http.get(url) as response:
                if response.content_type == "application/json":
                    return await response.json()
                return await response.text()
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None


def merged(texts: Mapping[str, str]) -> bytes:
    """Make one exposition of several; each series says whose it is.

    They are not added up: a worker that is replaced begins at nothing, and a sum that falls would look to Prometheus
    like everything counted anew.
    """
    families: dict[str, Metric] = {}
    for worker, text in texts.items():
        for family in text_string_to_metric_families(text):
            whole = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            whole.samples += [
                sample._replace(labels={**sample.labels, LABEL: worker}) for sample in family.samples
            ]
    return generate_latest(_Families(families.values()))


class _Families(Collector):
    """A registry of what was read elsewhere."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


@asynccontextmanager
async def watched_workers() -> AsyncIterator[Workers]:
    """Open what the workers are asked with."""
    async with aiohttp.ClientSession(timeout=PATIENCE) as http:
        yield Workers(http)


def make_workers_app(workers: Workers) -> web.Application:
    """Build the ops port of the whole."""
    return ops_app(workers.report, workers.metrics)
