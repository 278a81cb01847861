"""One process: its sockets, its signals, its end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web

from authsvc.app import make_app
from authsvc.cli.connections import Connections
from authsvc.cli.ext_authz import answered
from authsvc.cli.extras import check_stream, open_tracing, tell_of_faults
from authsvc.cli.faces import chosen_faces
from authsvc.cli.files import Files
from authsvc.cli.listener import AT_ONCE, BACKLOG, stop_accepting, url
from authsvc.events.metrics import MetricsEvents
from authsvc.faces.face import SERVICE
from authsvc.ops.health import Health
from authsvc.ops.logs import LineLog, capture_standard_logging
from authsvc.ops.loop import watch_loop
from authsvc.ops.metrics import Metrics
from authsvc.ops.site import make_ops_app
from authsvc.ops.traffic import Traffic

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from authsvc.app import Tell
    from authsvc.cli.listener import Inherited, Listener
    from authsvc.faces.callers import Callers
    from authsvc.faces.ext_authz.check import Pem
    from authsvc.ops.tracing import Tracing
    from authsvc.service.service import Service
    from authsvc.settings import Settings

    _Address = tuple[str, int] | Listener

KEEPALIVE = 75.0
"""Seconds a connection may idle; aiohttp's deadline for a request's head, too."""

FINISH = 10.0
"""Seconds requests in flight get to finish once the sockets are closed."""

YOUNG = 10_000
"""New objects until somebody looks for garbage among them: the answer to a batch is two thousand, and none of it is."""

REPLACED = signal.SIGUSR1
"""Tells a worker that another has its place: it leaves new connections to that one, and ends with its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """Where a started process listens; ``ext_authz`` is None where it is off."""

    faces: str
    ops: str
    ext_authz: str | None = None


@asynccontextmanager
async def started(
    settings: Settings,
    callers: Callers,
    *,
    health: Health,
    log: LineLog,
    tls: ssl.SSLContext | None = None,
    pem: Callable[[], Pem] | None = None,
    traffic: Traffic | None = None,
    inherited: Inherited | None = None,
) -> AsyncIterator[Sockets]:
    """Listen, and yield where; on the way out requests in flight finish.

    Raises:
        ValueError: A setting turns out to be unusable.
        OSError: A port cannot be listened on.
    """
    check_stream(settings)
    traffic = traffic or Traffic()
    metrics = Metrics(health=health, log=log)
    metrics.read("authsvc_caller_rejects_total", lambda: callers.rejects)
    tell = _teller(settings, log, metrics)
    async with AsyncExitStack() as stack:
        tracing = await open_tracing(stack, settings)
        app = make_app(
            _opening(settings, health, metrics, tracing),
            chosen_faces(settings),
            callers=callers,
            tell=tell,
            traffic=traffic,
            trace=None if tracing is None else tracing.request,
        )
        await stack.enter_async_context(watch_loop(metrics.loop_lag))
        faces_at, ops_at = _addresses(settings, inherited)
        ops = await _listen(stack, make_ops_app(health, metrics.registry), ops_at)
        ready = None if inherited is None else partial(_ready, health, inherited)
        faces = await _listen(stack, app, faces_at, tls=tls, traffic=traffic, ready=ready)
        ext_authz = None
        if settings.ext_authz_port is not None:
            answers = answered(settings, callers, app[SERVICE], tell, tls=pem, shared=inherited is not None)
            ext_authz = f"{settings.host}:{await stack.enter_async_context(answers)}"
        yield Sockets(faces=faces, ops=ops, ext_authz=ext_authz)


async def run(settings: Settings, inherited: Inherited | None = None) -> None:
    """Serve until a signal, then drain; as a worker, until the supervisor says so or is gone."""
    files = Files(settings)
    health, traffic = Health(), Traffic()
    with LineLog() as log, ExitStack() as stack:
        capture_standard_logging(log, settings.log_level)
        tell_of_faults(stack, settings)
        async with (
            started(
                settings,
                files.callers,
                health=health,
                log=log,
                tls=files.tls,
                pem=files.pem,
                traffic=traffic,
                inherited=inherited,
            ) as sockets,
            files.watched(health, log.emit),
        ):
            # What is there by now stays: to look through it for garbage would hold every answer up for 70 ms.
            gc.collect()
            gc.freeze()
            gc.set_threshold(YOUNG)
            event = "started" if inherited is None else "worker started"
            log.emit({"event": event, **asdict(sockets), "pid": os.getpid()})
            replaced = await signalled(inherited.leash if inherited is not None else None)
            event = "leaving" if replaced else "draining"
            log.emit({"event": event, "seconds": settings.drain, "pid": os.getpid()})
            health.drain()
            await _drained(traffic, settings.drain, replaced=replaced)
        log.emit({"event": "stopped", "pid": os.getpid()})


async def _drained(traffic: Traffic, seconds: float, *, replaced: bool) -> None:
    """Let each answer end its connection, and others notice; who is replaced has nobody to wait for but those."""
    traffic.closing = True
    if replaced:
        traffic.patience = max(traffic.patience, seconds)
    else:
        await asyncio.sleep(seconds)


def _opening(
    settings: Settings, health: Health, metrics: Metrics, tracing: Tracing | None
) -> Callable[[], AbstractAsyncContextManager[Service]]:
    """Return what opens the service, and shows in this process's metrics and traces what it does."""
    # Here and not above: a supervisor starts processes by this module too, and opens no database itself.
    from authsvc.wiring.service import open_service  # noqa: PLC0415 - 20 MiB

    events = MetricsEvents()
    metrics.read("authsvc_decisions_total", lambda: events.decisions)
    return partial(open_service, settings, health=health, events=events, metrics=metrics, tracing=tracing)


def _addresses(settings: Settings, inherited: Inherited | None) -> tuple[_Address, _Address]:
    """Return where the faces and where the ops port are: as set, or as inherited."""
    if inherited is not None:
        return inherited.faces, inherited.ops
    return (settings.host, settings.port), (settings.host, settings.ops_port)


async def _listen(
    stack: AsyncExitStack,
    app: web.Application,
    at: _Address,
    *,
    tls: ssl.SSLContext | None = None,
    traffic: Traffic | None = None,
    ready: Callable[[], Awaitable[None]] | None = None,
) -> str:
    """Listen at an address, or, once ``ready``, where it is listened already."""
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=KEEPALIVE, shutdown_timeout=FINISH)
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    connections = Connections(app, cast("web.Server", runner.server), idle=KEEPALIVE)
    stack.callback(connections.close)
    loop = asyncio.get_running_loop()
    if isinstance(at, tuple):
        server = await loop.create_server(connections, *at, ssl=tls, backlog=BACKLOG)
    else:
        if ready is not None:
            await ready()
        server = await loop.create_server(connections, sock=at, ssl=tls, backlog=AT_ONCE)
    if traffic is not None:
        stack.push_async_callback(traffic.end, lambda: len(connections), within=FINISH)
    stack.push_async_callback(stop_accepting, server)
    return url(server.sockets[0].getsockname(), tls=tls is not None)


async def _ready(health: Health, inherited: Inherited) -> None:
    """Leave requests to the other workers until this one is ready, or has been waiting for long enough."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(inherited.patience):
            while not health.ready and not inherited.let_go():  # noqa: ASYNC110 - once in a process's life
                await asyncio.sleep(0.02)


async def signalled(leash: int | None = None) -> bool:
    """Wait for SIGTERM or SIGINT; as a worker, for the end of the leash too, or for another in its place.

    The second of them ends the process at once, unless it was another's coming.

    Returns:
        Whether another has its place.
    """
    loop = asyncio.get_running_loop()
    came: asyncio.Future[bool] = loop.create_future()
    asked = False

    def heard() -> None:
        nonlocal asked
        if asked:
            os._exit(1)
        asked = True
        end()

    def end(replaced: bool = False) -> None:
        if not came.done():
            came.set_result(replaced)

    def let_go() -> None:
        loop.remove_reader(leash or 0)
        heard()

    with contextlib.suppress(NotImplementedError):
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, heard)
        if leash is not None:
            loop.add_signal_handler(REPLACED, end, True)
    if leash is not None:
        loop.add_reader(leash, let_go)
    return await came


def _teller(settings: Settings, log: LineLog, metrics: Metrics) -> Tell:
    """Make what hears of each request: the histogram always, the log where its level is fine enough."""
    observe = metrics.request_seconds.observe
    writes = settings.log_level in ("debug", "info")

    def tell(event: dict[str, Any]) -> None:
        observe(event["seconds"], (event["route"], event["status"]))
        if writes:
            log.emit(event)

    return tell
