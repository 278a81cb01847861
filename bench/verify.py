"""``/v1/verify`` with a warm cache against a bare aiohttp handler that reads and answers the same bytes.

``python -m bench.verify [--rounds 5] [--requests 4000]``: both as processes of their own, interleaved A B A B
in one run; the server's CPU per request is the figure, because rates depend on who else uses the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from authsvc.faces.callers import new_token, token_digest
from bench.load import Figures, load, post, resident_mib

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCESS_KEY, SECRET_KEY = "bench-" + "a" * 80, "bench-" + "s" * 80
HOST = "s3.region-1.example.com"


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        figures = asyncio.run(_measure(stack, Path(folder), options))
    _print(figures)


async def _measure(
    stack: contextlib.ExitStack, folder: Path, options: argparse.Namespace
) -> dict[str, list[Figures]]:
    token = new_token()
    port, service = stack.enter_context(authsvc(folder, token))
    request = post("/v1/verify", question(), Authorization=f"Bearer {token}")
    answer = await _answer(port, request)
    if not json.loads(answer)["authenticated"]:
        raise SystemExit(f"refused: {answer!r}")
    (folder / "answer").write_bytes(answer)
    bare_port, bare = stack.enter_context(_bare(folder / "answer"))
    targets = {"bare": (bare_port, bare), "authsvc": (port, service)}
    figures: dict[str, list[Figures]] = {name: [] for name in targets}
    for round_number in range(options.rounds + 1):
        for name, (where, process) in targets.items():
            figure = await load(
                where,
                request,
                pid=process.pid,
                requests=options.requests,
                connections=options.connections,
            )
            if round_number:  # the first warms up
                figures[name].append(figure)
    print(f"resident: bare {resident_mib(bare.pid):.0f} MiB, authsvc {resident_mib(service.pid):.0f} MiB")
    return figures


def question() -> bytes:
    """Sign an S3 GET now and spell it as a verify question."""

    request = AWSRequest(
        method="GET",
        url=f"https://{HOST}/bucket/some/object.bin?partNumber=1&uploadId=abcdef",
        headers={"Host": HOST, "User-Agent": "bench/1.0", "Accept": "*/*"},
    )
    S3SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", "us-east-1").add_auth(request)
    return json.dumps(
        {
            "method": "GET",
            "target": "/bucket/some/object.bin?partNumber=1&uploadId=abcdef",
            "headers": [[name, value] for name, value in request.headers.items()],
            "expect": {"service": "s3", "region": "us-east-1"},
        }
    ).encode()


@contextlib.contextmanager
def authsvc(folder: Path, token: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run the service on an embedded directory with one user."""
    callers = folder / "callers.toml"
    callers.write_text(
        f'[[caller]]\nname = "bench"\ntoken_sha256 = ["{token_digest(token)}"]\ngrants = ["verify"]\n'
    )
    port, ops = free_port(), free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "AUTHSVC_DATABASE_URL": f"sqlite:///{folder}/bench.db",
        "AUTHSVC_CALLERS": str(callers),
        "AUTHSVC_PORT": str(port),
        "AUTHSVC_OPS_PORT": str(ops),
        "AUTHSVC_DRAIN": "0",
    }
    command = [sys.executable, "-m", "authsvc"]
    add = ["users", "add", "bench", "--access-key", ACCESS_KEY, "--secret-key-file", "-"]
    subprocess.run(
        [*command, *add], env=environment, check=True, input=SECRET_KEY.encode(), stdout=subprocess.DEVNULL
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "serve"], env=environment, stdout=log)
    with _ended(process):
        yield _answering(port, process), process


@contextlib.contextmanager
def _bare(answer: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.bare", str(port), str(answer)])
    with _ended(process):
        yield _answering(port, process), process


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answering(port: int, process: subprocess.Popen[bytes]) -> int:
    """Wait until the port answers; return it."""
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return port
        time.sleep(0.05)
    raise SystemExit(f"nothing answers on port {port}")


async def _answer(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:")
    body = await reader.readexactly(length)
    writer.close()
    return body


def _print(figures: dict[str, list[Figures]]) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} CPUs, Python {sys.version.split()[0]}")
    print(f"{'':10}{'CPU µs/request':>16}{'requests/s':>12}{'p50 ms':>8}{'p99 ms':>8}{'ratio':>8}")
    yardstick = statistics.median(figure.cpu_us for figure in figures["bare"])
    for name, rounds in figures.items():
        cpu = statistics.median(figure.cpu_us for figure in rounds)
        rate = statistics.median(figure.rate for figure in rounds)
        p50 = statistics.median(figure.percentile(0.5) for figure in rounds)
        p99 = statistics.median(figure.percentile(0.99) for figure in rounds)
        print(f"{name:10}{cpu:16.1f}{rate:12.0f}{p50:8.2f}{p99:8.2f}{cpu / yardstick:8.2f}")


if __name__ == "__main__":
    main()
