"""A closed-loop load of one prepared HTTP/1.1 request, and the CPU a process spent on answering it."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One round: answers, seconds, the server's CPU seconds, and each answer's latency in seconds, sorted."""

    requests: int
    seconds: float
    cpu: float
    latencies: list[float]

    @property
    def cpu_us(self) -> float:
        """Return the server's CPU microseconds per request."""
        return self.cpu / self.requests * 1e6

    @property
    def rate(self) -> float:
        """Return requests per second."""
        return self.requests / self.seconds

    def percentile(self, share: float) -> float:
        """Return a latency in milliseconds."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))] * 1e3


def cpu_seconds(pid: int) -> float:
    """Return user plus system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mib(pid: int) -> float:
    """Return a process's resident memory in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError(pid)


async def load(
    port: int, request: bytes, *, pid: int, requests: int, connections: int, expect: bytes = b"200"
) -> Figures:
    """Send the request so many times over so many connections; every answer must have the status expected."""
    share = requests // connections
    latencies: list[float] = []

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(share):
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if head[9:12] != expect:
                raise RuntimeError(f"answered {head[:40]!r}")
            await reader.readexactly(_length(head))
            latencies.append(time.perf_counter() - began)
        writer.close()
        await writer.wait_closed()

    cpu, began = cpu_seconds(pid), time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return Figures(
        requests=share * connections,
        seconds=time.perf_counter() - began,
        cpu=cpu_seconds(pid) - cpu,
        latencies=sorted(latencies),
    )


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line[:15].lower() == b"content-length:":
            return int(line[15:])
    raise RuntimeError("an answer without Content-Length")


def post(path: str, body: bytes, **headers: str) -> bytes:
    """Spell a POST with a JSON body."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
