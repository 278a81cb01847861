"""Several processes behind one listener: started, watched, and replaced one after the other."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from authsvc.cli.ext_authz import check_port
from authsvc.cli.extras import check_stream
from authsvc.cli.files import read_callers, server_tls
from authsvc.cli.listener import AT_ONCE, Listener, address_of, listen_on, pipe
from authsvc.cli.process import FINISH, REPLACED, signalled
from authsvc.ops.logs import LineLog, capture_standard_logging
from authsvc.ops.workers import make_workers_app, watched_workers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from authsvc.ops.workers import Workers
    from authsvc.settings import Settings

LOOPBACK = "127.0.0.1"

FIRST_REST, LONGEST_REST = 0.25, 30.0
"""Seconds before the place of a worker that ended by itself is filled again: the first time, and at most."""

SETTLED = 30.0
"""Seconds after which a worker counts as one that can live, and its place's rests begin anew."""

BECOME_READY = 60
"""Seconds a successor gets to become ready, before the one it was to replace stays; it accepts nothing before."""

WARM_UP = 2
"""Seconds any other worker waits to be ready before it accepts connections, as there may be nobody else to."""

LISTEN_EVERY, DEAF_AFTER, STARTS_WITHIN = 5.0, 3, 12
"""Seconds between two looks at each worker; how often in a row it may not answer before it is ended; and how often
before that it may not have answered yet, as it is only starting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One process, the place it fills, and where it is asked how it is."""

    place: int
    process: asyncio.subprocess.Process
    ops: str
    leash: int


class Supervisor:
    """Keeps so many workers alive, and replaces them on request without refusing a connection.

    They share one listener, which stays open whoever comes and goes: a connection nobody accepted yet waits for the
    next worker, instead of being reset with the one it was meant for.
    """

    def __init__(self, count: int, *, listener: Listener, workers: Workers, log: LineLog) -> None:
        """Take the listener to share, and where to say what happens."""
        self._count = count
        self._listener = listener
        self._workers = workers
        self._log = log
        self._places: dict[int, Worker] = {}
        self._rests: dict[int, float] = {}
        self._watches: set[asyncio.Task[None]] = set()
        self._alive: set[Worker] = set()
        self._wanted = asyncio.Event()
        self._ending = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start all of them; on the way out tell them to end."""
        tasks = [asyncio.create_task(self._replace_on_request()), asyncio.create_task(self._listen_to_all())]
        try:
            for place in range(self._count):
                self._fill(await self._start(place))
            yield
        finally:
            self._ending.set()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def replace_all(self) -> None:
        """Ask for every worker to be replaced, one after the other; asked for meanwhile, again after that."""
        self._wanted.set()

    async def drain(self, *, within: float) -> None:
        """Tell everybody to drain and wait for their end; after ``within`` seconds end them."""
        self._ending.set()
        self._listener.close()  # theirs are open until they have drained; with the last the address is free
        for worker in self._alive:
            self._send(worker, signal.SIGTERM)
        if self._watches:
            _, late = await asyncio.wait(self._watches, timeout=within)
            if late:
                for worker in self._alive:
                    self._send(worker, signal.SIGKILL)
                await asyncio.wait(late)

    async def _start(self, place: int, *, patience: int = WARM_UP) -> Worker:
        with contextlib.closing(listen_on(LOOPBACK, 0)) as ops, pipe() as (given, kept):
            descriptors = (self._listener.fileno(), ops.fileno(), given)
            process = await asyncio.create_subprocess_exec(
                *(
                    sys.executable,
                    "-m",
                    "authsvc",
                    "serve",
                    "--inherited",
                    *map(str, descriptors),
                    str(patience),
                ),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=descriptors,
            )
            worker = Worker(place=place, process=process, ops=address_of(ops), leash=kept)
        self._alive.add(worker)
        task = asyncio.create_task(self._watch(worker), name=f"worker {place}")
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)
        return worker

    def _fill(self, worker: Worker) -> None:
        self._places[worker.place] = worker
        self._workers.places[worker.place] = worker.ops

    async def _watch(self, worker: Worker) -> None:
        """Wait for its end; if it still had its place, fill that again."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        status = await worker.process.wait()
        os.close(worker.leash)
        self._alive.discard(worker)
        if self._ending.is_set() or self._places.get(worker.place) is not worker:
            return
        self._tell("worker ended", worker, status=status)
        if loop.time() - began > SETTLED:
            self._rests.pop(worker.place, None)
        await self._refill(worker.place)

    async def _refill(self, place: int) -> None:
        """Start another after a rest, twice as long as the last one."""
        while not self._ending.is_set():
            rest = self._rests.get(place, FIRST_REST)
            self._rests[place] = min(rest * 2, LONGEST_REST)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._ending.wait()
                    return
            with contextlib.suppress(OSError):  # the machine has no process or socket left: perhaps later
                self._fill(await self._start(place))
                return

    async def _replace_on_request(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            for place in range(self._count):
                if self._ending.is_set() or not await self._replace(place):
                    break  # what one cannot do with, nor will the others

    async def _replace(self, place: int) -> bool:
        try:
            successor = await self._start(place, patience=BECOME_READY)
        except OSError:  # the machine has no process or socket left
            self._tell("worker not replaced", self._places[place])
            return False
        if not await self._becomes_ready(successor):
            self._send(successor, signal.SIGKILL)
            self._tell("worker not replaced", self._places[place])
            return False
        former = self._places[place]
        self._fill(successor)
        self._tell("worker replaced", former, by=successor.process.pid)
        self._send(former, REPLACED)
        await former.process.wait()
        return True

    async def _becomes_ready(self, worker: Worker) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BECOME_READY):
                while worker in self._alive:
                    if await self._workers.ready(worker.ops):
                        return True
                    await asyncio.sleep(0.05)
        return False

    async def _listen_to_all(self) -> None:
        deaf: dict[Worker, int] = {}
        while True:
            await asyncio.sleep(LISTEN_EVERY)
            deaf = {
                worker: 0 if await self._workers.alive(worker.ops) else deaf.get(worker, -STARTS_WITHIN) + 1
                for worker in list(self._alive)
            }
            for worker, times in deaf.items():
                if times == DEAF_AFTER:
                    self._tell("worker deaf", worker)
                    self._send(worker, signal.SIGKILL)

    def _send(self, worker: Worker, number: signal.Signals) -> None:
        # Not by its own method: that one looks for the process's end first, and takes it away from who waits for it.
        if worker in self._alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.process.pid, number)

    def _tell(self, event: str, worker: Worker, **more: float) -> None:
        self._log.emit({"event": event, "worker": worker.place, "pid": worker.process.pid, **more})


async def supervise(settings: Settings, count: int) -> None:
    """Serve with so many processes until a signal, then drain them; SIGHUP replaces them.

    Raises:
        ValueError: What the settings name cannot be used; said once, before any worker is started.
        OSError: An address cannot be had, or a file not read.
    """
    read_callers(settings)
    check_port(settings, shared=True)
    check_stream(settings)
    tls = server_tls(settings) is not None
    async with AsyncExitStack() as stack:
        log = stack.enter_context(LineLog())
        capture_standard_logging(log, settings.log_level)
        listener = stack.enter_context(contextlib.closing(listen_on(settings.host, settings.port)))
        ops = stack.enter_context(contextlib.closing(listen_on(settings.host, settings.ops_port)))
        workers = await stack.enter_async_context(watched_workers())
        await _listen(stack, workers, ops)
        supervisor = Supervisor(count, listener=listener, workers=workers, log=log)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, supervisor.replace_all)
        faces, pid = address_of(listener, tls=tls), os.getpid()
        async with supervisor.running():
            log.emit(
                {"event": "started", "faces": faces, "ops": address_of(ops), "pid": pid, "workers": count}
            )
            await signalled()
            workers.draining = True
            log.emit({"event": "draining", "seconds": settings.drain, "pid": pid})
            await supervisor.drain(within=settings.drain + FINISH + 5)
        log.emit({"event": "stopped", "pid": pid})


async def _listen(stack: AsyncExitStack, workers: Workers, ops: Listener) -> None:
    runner = web.AppRunner(make_workers_app(workers), access_log=None, shutdown_timeout=1.0)
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    await web.SockSite(runner, ops, backlog=AT_ONCE).start()
