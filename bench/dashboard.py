"""The Grafana dashboard as a picture: its own queries, over a service that a real Prometheus has watched.

``python -m bench.dashboard docs/dashboard.png`` runs two processes under a mixed load for a minute and a half, in which the
database hangs once and Redis is killed once, and draws each panel where the dashboard has it. Grafana is not asked.
"""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from bench.plots import painting_python
from tests.region import Authsvc, Region, ask, signed
from tests.servers import MariaDB, Redis, install_datadir
from tests.watching.prometheus import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[1]
DASHBOARD = ROOT / "helm" / "dashboards" / "authsvc.json"
PAINTER = Path(__file__).with_name("panels.py")

LASTS: Final = 90.0
"""Seconds of load."""

HANGS, HUNG_FOR = 35.0, 10.0
"""When the database hangs, and for how long."""

DIES, DEAD_FOR = 60.0, 8.0
"""The same of Redis's end."""

CALLERS, PAUSE = 4, 0.04
"""Who asks, and the seconds each waits between two questions."""

PEOPLE = 40
RATE = "5s"
"""What Grafana would put in for $__rate_interval, were it to look once a second."""


def main(target: Path) -> None:
    """Run it all, and write the picture."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        installed = Path(folder) / "installed"
        install_datadir(installed)
        mariadb = stack.enter_context(MariaDB(installed))
        redis = stack.enter_context(Redis())
        settings = {"AUTHSVC_AUDIT": f"{folder}/audit.log", "AUTHSVC_FRESH_FOR": "1"}
        region = stack.enter_context(
            Region(mariadb, "4.22", Path(folder) / "region", redis=redis, **settings)
        )
        for number in range(PEOPLE):
            region.add(f"user{number}")
        services = list(_services(stack, region, Path(folder)))
        watched = stack.enter_context(Prometheus([urlsplit(each.ops).netloc for each in services]))
        time.sleep(2)
        began = time.time()
        _live(region, services, mariadb, redis)
        panels = [_shown(watched, panel, began, time.time()) for panel in _panels()]
        for each in services:
            each.stop()
    subprocess.run([painting_python(), PAINTER, target], input=json.dumps(panels).encode(), check=True)


def _services(stack: contextlib.ExitStack, region: Region, folder: Path) -> Iterator[Authsvc]:
    for number in range(2):
        each = Authsvc(folder / f"process{number}", region.authsvc.environment)
        stack.callback(each.kill)
        yield each.start().await_ready()


def _live(region: Region, services: Sequence[Authsvc], mariadb: MariaDB, redis: Redis) -> None:
    """Ask, and let happen what happens."""
    enough = threading.Event()
    threads = [
        threading.Thread(target=_ask, args=(region, services[number % len(services)], number, enough))
        for number in range(CALLERS)
    ]
    for thread in threads:
        thread.start()
    try:
        time.sleep(HANGS)
        mariadb.pause()
        time.sleep(HUNG_FOR)
        mariadb.resume()
        time.sleep(DIES - HANGS - HUNG_FOR)
        redis.kill()
        time.sleep(DEAD_FOR)
        redis.mend()
        time.sleep(LASTS - DIES - DEAD_FOR)
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def _ask(region: Region, service: Authsvc, seed: int, enough: threading.Event) -> None:
    """Ask most often about a good signature, now and then about another, and sometimes as nobody."""
    draw = random.Random(seed)
    people = list(region.people.values())
    while not enough.wait(PAUSE):
        person, kind = draw.choice(people), draw.random()
        if 0.02 < kind < 0.04:
            person = replace(person, access_key="NOBODYSKEY")
        token = "asv_nobodys" if kind < 0.02 else region.token
        question = signed(person, "another secret" if kind > 0.95 else None)
        path = "/v1/users/lookup" if 0.8 < kind < 0.9 else "/v1/verify"
        body = {"access_key": person.access_key} if path.endswith("lookup") else question
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        with contextlib.suppress(OSError):
            ask(f"{service.url}{path}", "POST", json.dumps(body).encode(), headers)


def _panels() -> Sequence[dict[str, Any]]:
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return panels


def _shown(watched: Prometheus, panel: dict[str, Any], began: float, ended: float) -> dict[str, Any]:
    """Return the panel with what its queries found: for each series its legend and its points."""
    series = []
    for target in panel.get("targets", ()):
        for found in watched.query_range(_filled_in(target["expr"]), began, ended, step=1.0):
            points = [(float(at) - began, float(value)) for at, value in found["values"]]
            series.append({"legend": _legend(target["legendFormat"], found["metric"]), "points": points})
    return {**panel, "series": series}


def _filled_in(query: str) -> str:
    for variable, value in (("$__rate_interval", RATE), ("$job", ".+"), ("$instance", ".+")):
        query = query.replace(variable, value)
    return query


def _legend(form: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        form = form.replace(f"{{{{{name}}}}}", value)
    return form


if __name__ == "__main__":
    main(Path(sys.argv[1]))
