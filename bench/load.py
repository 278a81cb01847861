"""Load on a server, from prepared HTTP/1.1 requests, and the CPU its processes spent on answering it."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A server under load: its port, and the process whose CPU counts, with all its children.

    One that does not keep connections, and does not say so, gets a new one for each request.
    """

    port: int
    pid: int
    keeps: bool = True

    def cpu_seconds(self) -> float:
        """Return user plus system time of all its processes so far."""
        return sum(_cpu_seconds(pid) for pid in _family(self.pid))

    def maps(self, name: str) -> bool:
        """Say whether one of its processes has a file of such a name in its memory."""
        return any(name in Path(f"/proc/{pid}/maps").read_text() for pid in _family(self.pid))

    def resident_mib(self) -> float:
        """Return the resident memory of all its processes in MiB."""
        return sum(_resident_mib(pid) for pid in _family(self.pid))


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))


def _cpu_seconds(pid: int) -> float:
    """Return it to the nanosecond where the kernel counts so (proc_pid_schedstat(5)), else to the tick."""
    try:
        return (
            sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))
            / 1e9
        )
    except FileNotFoundError:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


def _resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError(pid)


async def closed(site: Site, requests: Sequence[bytes], *, count: int, connections: int) -> Figures:
    """Send so many requests, each connection its next one when it has its answer; any status but 200 is an error.

    Whoever asks never sleeps meanwhile: to wake a sleeper takes the server's own CPU, on a virtual machine as much as
    the whole exchange, and only a server that answers more slowly than it is asked would be charged for it.
    """
    share = count // connections
    latencies: list[float] = []
    supply = itertools.cycle(requests)

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        for number in range(share):
            began = time.perf_counter()
            if number and not site.keeps:
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            await _verdict(reader, writer, next(supply))
            latencies.append(time.perf_counter() - began)
        writer.close()
        await writer.wait_closed()

    awake = asyncio.create_task(_awake())
    try:
        return await _measured(site, latencies, (one() for _ in range(connections)))
    finally:
        awake.cancel()


async def _awake() -> None:
    while True:
        await asyncio.sleep(0)


async def opened(
    site: Site, requests: Sequence[bytes], *, rate: float, seconds: float, connections: int
) -> Figures:
    """Send at a fixed rate whatever comes back; a latency counts from when its request was due, not from when it left."""
    latencies: list[float] = []
    supply = itertools.cycle(requests)
    due = iter(range(int(rate * seconds)))
    start = time.perf_counter() + 0.1

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        for number in due:
            when = start + number / rate
            await asyncio.sleep(when - time.perf_counter())
            await _verdict(reader, writer, next(supply))
            latencies.append(time.perf_counter() - when)
        writer.close()
        await writer.wait_closed()

    return await _measured(site, latencies, (one() for _ in range(connections)))


async def _measured(site: Site, latencies: list[float], clients: Iterable[object]) -> Figures:
    cpu, began = site.cpu_seconds(), time.perf_counter()
    await asyncio.gather(*clients)
    seconds = time.perf_counter() - began
    return Figures(
        requests=len(latencies),
        seconds=seconds,
        cpu=site.cpu_seconds() - cpu,
        latencies=sorted(latencies),
    )


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes]:
    """Send one request over a connection and return the answer's status and body."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    return int(head[9:12]), await reader.readexactly(_length(head))


async def _verdict(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    status, body = await exchange(reader, writer, request)
    if status != 200:
        raise RuntimeError(f"answered {status} {body[:300]!r}")
    return body


async def answer(site: Site, request: bytes) -> bytes:
    """Send one request and return the answer's body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    body = await _verdict(reader, writer, request)
    writer.close()
    await writer.wait_closed()
    return body


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line[:15].lower() == b"content-length:":
            return int(line[15:])
    raise RuntimeError("an answer without Content-Length")


def spell(method: str, target: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> bytes:
    """Write a request as it goes over the wire; the Host is added unless it is given."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if not any(line[:5].lower() == "host:" for line in lines):
        lines.append("Host: 127.0.0.1")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
