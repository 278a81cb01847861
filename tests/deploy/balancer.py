"""HAProxy in front of services, as a site would put it there: it asks /readyz, and never asks a request twice."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Self

from tests.gateways.programs import environment, program
from tests.processes import HOST, Process, listening

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# No retry and no redispatch: what fails, fails in front of the caller, and is counted.
CONFIGURATION = """
global
    maxconn 1000
    stats socket {folder}/stats mode 600 level admin
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 10s
    timeout check 5s
    retries 0
    http-reuse safe
frontend callers
    bind {host}:{port}
    default_backend authsvc
backend authsvc
    balance roundrobin
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host authsvc
    default-server check inter 100ms fall 1 rise 1
"""


class HAProxy:
    """An HAProxy of our own in front of pairs of ports: faces, ops."""

    def __init__(self, *backends: tuple[int, int]) -> None:
        self.process = Process("haproxy", program("haproxy"), self._arguments, self._answers, environment())
        self.url = f"http://{HOST}:{self.process.port}"
        servers = [
            f"    server s{number} {HOST}:{faces} port {ops}\n"
            for number, (faces, ops) in enumerate(backends)
        ]
        self._file = self.process.folder / "haproxy.cfg"
        text = CONFIGURATION.format(host=HOST, port=self.process.port, folder=self.process.folder)
        self._file.write_text(text + "".join(servers), encoding="utf-8")

    def __enter__(self) -> Self:
        self.process.begin()
        return self

    def __exit__(self, *error: object) -> None:
        self.process.remove()

    def up(self) -> int:
        """Return how many servers it sends requests to."""
        with socket.socket(socket.AF_UNIX) as stats:
            stats.connect(str(self.process.folder / "stats"))
            stats.sendall(b"show stat\n")
            with stats.makefile() as lines:
                rows = [line.split(",") for line in lines]
        return sum(
            row[0] == "authsvc" and row[1].startswith("s") and row[17] == "UP"
            for row in rows
            if len(row) > 17
        )

    def _arguments(self) -> Sequence[str | Path]:
        return ["-db", "-f", self._file]

    def _answers(self) -> bool:
        return listening(self.process.port)
