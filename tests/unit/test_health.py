"""Readiness: one good look to get in, then an outage degrades and a misunderstanding takes out."""

import asyncio

import pytest
from aiohttp.test_utils import TestClient, TestServer

from authsvc.errors import CertificatesUnavailable, DirectoryUnavailable, DirectoryUnready
from authsvc.ops.health import Health
from authsvc.ops.logs import LineLog
from authsvc.ops.metrics import Metrics
from authsvc.ops.site import make_ops_app


class Looked:
    """A directory whose ping does what it is told."""

    def __init__(self):
        self.trouble = None

    async def find(self, access_key, *, max_age=None):
        raise NotImplementedError

    async def ping(self):
        if self.trouble is not None:
            raise self.trouble


@pytest.fixture
def directory():
    return Looked()


async def test_it_is_not_ready_before_the_first_good_look(directory):
    health = Health()
    assert not health.ready
    directory.trouble = DirectoryUnavailable()
    await health.look(directory)
    assert not health.ready
    assert health.report()["reasons"] == ["directory: the directory did not answer in time"]

    directory.trouble = None
    await health.look(directory)
    assert health.report() == {"ready": True, "reasons": [], "degraded": []}


async def test_it_is_not_ready_before_it_is_warm(directory):
    health, warmed = Health(), []

    async def warm_up():
        warmed.append(health.ready)

    directory.trouble = DirectoryUnavailable()
    await health.look(directory, warm_up)
    assert warmed == []
    directory.trouble = None
    await health.look(directory, warm_up)
    await health.look(directory, warm_up)
    assert warmed == [False]
    assert health.ready


async def test_a_database_that_goes_away_degrades_but_does_not_take_out(directory):
    health = Health()
    await health.look(directory)
    directory.trouble = DirectoryUnavailable()
    await health.look(directory)

    assert health.ready
    assert health.report()["degraded"] == ["directory: the directory did not answer in time"]


async def test_a_directory_that_is_not_understood_takes_out_with_every_reason(directory):
    health = Health()
    await health.look(directory)
    directory.trouble = DirectoryUnready(reasons=["no user.api_key", "no api_keypair"])
    await health.look(directory)

    assert not health.ready
    assert health.report()["reasons"] == ["directory: no user.api_key", "directory: no api_keypair"]


async def test_draining_is_not_ready_for_good(directory):
    health = Health()
    health.drain()
    await health.look(directory)

    assert not health.ready
    assert health.report()["reasons"] == ["draining: shutting down"]


async def test_what_only_some_answers_rest_on_degrades_and_never_takes_out(directory):
    health, trouble = Health(), [CertificatesUnavailable()]

    async def ask():
        if trouble:
            raise trouble[0]

    await health.look_beside("certificates", ask)
    line = "certificates: the certificates could not be asked"
    assert health.report()["degraded"] == [line]
    await health.look(directory)
    assert health.report() == {"ready": True, "reasons": [], "degraded": [line]}

    trouble.clear()
    await health.look_beside("certificates", ask)
    assert health.report()["degraded"] == []


async def test_it_keeps_looking_while_watched_and_stops_after(directory):
    health = Health()
    async with health.watch(directory):
        for _ in range(200):
            if health.ready:
                break
            await asyncio.sleep(0.01)
    assert health.ready
    assert [task for task in asyncio.all_tasks() if task.get_name() == "health"] == []


async def test_the_ops_port_tells_alive_from_ready_and_counts(directory):
    health = Health()
    async with TestClient(
        TestServer(make_ops_app(health, Metrics(health=health, log=LineLog()).registry))
    ) as http:
        assert (await http.get("/livez")).status == 200
        unready = await http.get("/readyz")
        assert unready.status == 503
        assert (await unready.json())["ready"] is False
        await health.look(directory)
        assert (await http.get("/readyz")).status == 200
        metrics = await (await http.get("/metrics")).text()
        assert "authsvc_ready 1.0" in metrics
        assert "authsvc_build_info" in metrics
