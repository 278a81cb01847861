"""Several processes' numbers and reports as one."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from authsvc.cli.listener import Listener, address_of, listen_on, stop_accepting
from authsvc.ops.site import make_ops_app
from authsvc.ops.workers import Workers, make_workers_app, merged
from tests.processes import free_port


def exposition(count):
    from prometheus_client import generate_latest

    registry = CollectorRegistry()
    asked = Counter("asked_total", "Questions, by 'who' \\ \"how\".", ["who"], registry=registry)
    asked.labels('a "b"\\\n').inc(count)
    Gauge("ready", "Whether.", registry=registry).set(1)
    Histogram("seconds", "How long.", buckets=(1.0, 2.0), registry=registry).observe(count)
    return generate_latest(registry).decode()


def test_everybodys_series_are_kept_apart_and_declared_once():
    text = merged({"0": exposition(1), "1": exposition(5)}).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert (families["asked"].type, families["asked"].documentation) == (
        "counter",
        "Questions, by 'who' \\ \"how\".",
    )
    counted = {
        sample.labels["worker"]: (sample.labels["who"], sample.value)
        for sample in families["asked"].samples
        if sample.name == "asked_total"
    }
    assert counted == {"0": ('a "b"\\\n', 1.0), "1": ('a "b"\\\n', 5.0)}
    buckets = [
        (sample.labels["worker"], sample.labels["le"], sample.value)
        for sample in families["seconds"].samples
        if sample.name == "seconds_bucket"
    ]
    assert ("0", "1.0", 1.0) in buckets
    assert ("1", "+Inf", 1.0) in buckets
    for name in ("asked_total", "ready", "seconds"):
        assert text.count(f"# TYPE {name} ") == 1


def test_nobody_has_no_numbers():
    assert merged({}) == b""


class Told:
    """Stands for a worker's health."""

    def __init__(self, **report):
        self.said = {"ready": False, "reasons": [], "degraded": [], **report}

    @property
    def ready(self):
        return self.said["ready"]

    def report(self):
        return self.said


@pytest.fixture
async def workers():
    async with aiohttp.ClientSession() as http:
        yield Workers(http)


@pytest.fixture
async def worker(workers):
    """Start a worker's ops port that says this."""
    servers = []

    async def start(place, **report):
        server = TestServer(make_ops_app(Told(**report), CollectorRegistry()))
        await server.start_server()
        servers.append(server)
        workers.places[place] = str(server.make_url("")).rstrip("/")
        return workers.places[place]

    yield start
    for server in servers:
        await server.close()


async def test_one_that_is_ready_is_enough_and_the_other_shows(workers, worker):
    assert await workers.ready(await worker(0, ready=True))
    assert not await workers.ready(await worker(1, reasons=["directory: away"]))
    assert await workers.report() == {
        "ready": True,
        "reasons": [],
        "degraded": ["worker 1: directory: away"],
    }


async def test_none_that_is_ready_is_told_with_every_reason(workers, worker):
    await worker(0, reasons=["directory: away"])
    workers.places[1] = f"http://127.0.0.1:{free_port()}"
    assert not await workers.alive(workers.places[1])
    assert await workers.report() == {
        "ready": False,
        "reasons": ["worker 0: directory: away", "worker 1: does not answer"],
        "degraded": [],
    }


async def test_nobody_yet_is_not_ready(workers):
    assert (await workers.report())["reasons"] == ["starting: no worker yet"]


async def test_draining_is_not_ready_whoever_is(workers, worker):
    await worker(0, ready=True)
    workers.draining = True
    report = await workers.report()
    assert (report["ready"], report["reasons"]) == (False, ["draining: shutting down"])


async def test_the_ops_port_of_the_whole_says_it(workers, worker, aiohttp_client):
    client = await aiohttp_client(make_workers_app(workers))
    assert (await client.get("/readyz")).status == 503
    await worker(0, ready=True)
    assert (await client.get("/readyz")).status == 200
    assert (await client.get("/livez")).status == 200
    assert (await client.get("/metrics")).status == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", ""])
def test_a_listener_listens_and_says_where(host):
    with listen_on(host, 0) as listener:
        assert isinstance(listener, Listener)
        listener.listen(0)  # changes nothing
        host_, port, *_ = listener.getsockname()
        socket.create_connection((host_, port), timeout=1).close()
        assert address_of(listener, tls=True).startswith("https://")
        assert address_of(listener).endswith(f":{port}")


def test_an_address_that_is_taken_is_an_error():
    with listen_on("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        listen_on("127.0.0.1", listener.getsockname()[1])


@pytest.mark.parametrize("turns", range(6))
async def test_whoever_was_accepted_is_served_and_the_others_wait_for_the_next(turns):
    """However many turns of the loop lie between a connection's coming and the end of accepting."""
    with listen_on("127.0.0.1", 0) as listener, listener.dup() as successor:
        server = await asyncio.get_running_loop().create_server(Greeting, sock=listener)
        with socket.create_connection(listener.getsockname()[:2]) as caller:
            for _ in range(turns):
                await asyncio.sleep(0)
            await stop_accepting(server)
            successor.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                accepted, _ = await asyncio.to_thread(successor.accept)
                with accepted:
                    accepted.sendall(b"welcome")
            caller.settimeout(2)
            assert await asyncio.to_thread(caller.recv, 7) == b"welcome"


class Greeting(asyncio.Protocol):
    def connection_made(self, transport):
        transport.write(b"welcome")
        transport.close()
