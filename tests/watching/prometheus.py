"""A real Prometheus of our own, and its promtool."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from tests.processes import HOST, Process, ServerMissing, give
from tests.region import ask

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
UNPACKED = ROOT / ".cache" / "prometheus" / "usr" / "bin"


def program(name: str) -> Path:
    """Return a program of Prometheus's, installed or unpacked.

    Raises:
        ServerMissing: There is none.
    """
    found = shutil.which(name) or shutil.which(name, path=str(UNPACKED))
    if found is None:
        raise ServerMissing(f"The tests need a real {name} and found none. Run ./tests/run: it gets one.")
    return Path(found)


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("promtool"), *words], capture_output=True, text=True, check=False, timeout=60, cwd=ROOT
    )


class Prometheus:
    """A Prometheus that looks at these `host:port` four times a second."""

    def __init__(self, targets: Sequence[str]) -> None:
        self._targets = targets
        self.process = Process("prometheus", program("prometheus"), self._arguments, self._answers)
        self._url = f"http://{HOST}:{self.process.port}"

    def __enter__(self) -> Self:
        scrape = {"job_name": "authsvc", "static_configs": [{"targets": list(self._targets)}]}
        configuration = {"global": {"scrape_interval": "250ms"}, "scrape_configs": [scrape]}
        # JSON is YAML.
        (self.process.folder / "prometheus.yml").write_text(json.dumps(configuration), encoding="utf-8")
        give(self.process.folder)
        self.process.begin()
        return self

    def __exit__(self, *error: object) -> None:
        self.process.remove()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Evaluate an expression now; it has to be one."""
        answer = ask(f"{self._url}/api/v1/query?{urlencode({'query': expression})}").json
        assert answer["status"] == "success", (expression, answer)
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def query_range(
        self, expression: str, began: float, ended: float, *, step: float
    ) -> list[dict[str, Any]]:
        """Evaluate an expression over a time, in Unix seconds, every ``step`` of them."""
        asked = {"query": expression, "start": began, "end": ended, "step": step}
        answer = ask(f"{self._url}/api/v1/query_range?{urlencode(asked)}").json
        assert answer["status"] == "success", (expression, answer)
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def _arguments(self) -> list[str]:
        folder = self.process.folder
        return [
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={HOST}:{self.process.port}",
            f"--web.console.templates={folder}",
            f"--web.console.libraries={folder}",
        ]

    def _answers(self) -> bool:
        try:
            return ask(f"{self._url}/-/ready").status == 200
        except OSError:
            return False
