"""One process: its sockets, its signals, its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from authsvc.app import make_app
from authsvc.cli.faces import chosen_faces
from authsvc.events.metrics import MetricsEvents
from authsvc.faces.callers import Callers
from authsvc.ops.health import Health
from authsvc.ops.logs import LineLog, capture_standard_logging
from authsvc.ops.metrics import new_registry, request_seconds
from authsvc.ops.site import make_ops_app
from authsvc.ops.traffic import Traffic
from authsvc.wiring import open_service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from authsvc.app import Tell
    from authsvc.settings import Settings

KEEPALIVE = 75.0
"""Seconds a connection may idle; aiohttp's deadline for a request's head, too."""

FINISH = 10.0
"""Seconds requests in flight get to finish once the sockets are closed."""


def read_callers(settings: Settings) -> Callers:
    """Read the callers file; without one nobody may ask.

    Raises:
        ValueError: One line for every problem in it.
        OSError: It cannot be read.
    """
    if settings.callers is None:
        return Callers()
    return Callers.parse(settings.callers.read_text(encoding="utf-8"))


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Make the server's TLS context; client certificates are asked for, and may be missing, where a CA is given."""
    if settings.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    if settings.tls_client_ca is not None:
        context.load_verify_locations(settings.tls_client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


@asynccontextmanager
async def started(
    settings: Settings, callers: Callers, *, health: Health, log: LineLog, traffic: Traffic | None = None
) -> AsyncIterator[tuple[str, str]]:
    """Listen, and yield the URLs of the faces and of the ops port; on the way out requests in flight finish."""
    traffic = traffic or Traffic()
    registry = new_registry(health=health, log=log)
    app = make_app(
        partial(open_service, settings, health=health, events=MetricsEvents(registry)),
        chosen_faces(settings),
        callers=callers,
        tell=_teller(settings, log, registry),
        traffic=traffic,
    )
    async with AsyncExitStack() as stack:
        ops = await _listen(stack, make_ops_app(health, registry), settings.host, settings.ops_port)
        tls = tls_context(settings)
        faces = await _listen(stack, app, settings.host, settings.port, tls=tls, traffic=traffic)
        yield faces, ops


async def run(settings: Settings) -> None:
    """Serve until a signal, then drain."""
    callers = read_callers(settings)
    health, traffic = Health(), Traffic()
    with LineLog() as log:
        capture_standard_logging(log, settings.log_level)
        async with started(settings, callers, health=health, log=log, traffic=traffic) as (faces, ops):
            log.emit({"event": "started", "faces": faces, "ops": ops, "pid": os.getpid()})
            await signalled()
            health.drain()
            traffic.closing = True
            log.emit({"event": "draining", "seconds": settings.drain})
            await asyncio.sleep(settings.drain)
        log.emit({"event": "stopped"})


async def _listen(
    stack: AsyncExitStack,
    app: web.Application,
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    traffic: Traffic | None = None,
) -> str:
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=KEEPALIVE, shutdown_timeout=FINISH)
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    site = web.TCPSite(runner, host, port, ssl_context=tls, backlog=1024)
    await site.start()
    if traffic is not None:
        stack.push_async_callback(traffic.end, within=FINISH)
        stack.push_async_callback(site.stop)
    bound = runner.addresses[0]
    name = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
    return f"{'https' if tls else 'http'}://{name}:{bound[1]}"


async def signalled() -> None:
    """Wait for the first SIGTERM or SIGINT; the second ends the process at once."""
    came = asyncio.Event()

    def heard() -> None:
        if came.is_set():
            os._exit(1)
        came.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, heard)
    await came.wait()


def _teller(settings: Settings, log: LineLog, registry: Any) -> Tell:
    """Make what hears of each request: the histogram always, the log where its level is fine enough."""
    seconds = request_seconds(registry)
    bound: dict[tuple[str, int], Any] = {}
    writes = settings.log_level in ("debug", "info")

    def tell(event: dict[str, Any]) -> None:
        key = (event["route"], event["status"])
        histogram = bound.get(key)
        if histogram is None:
            histogram = bound[key] = seconds.labels(*key)
        histogram.observe(event["seconds"])
        if writes:
            log.emit(event)

    return tell
