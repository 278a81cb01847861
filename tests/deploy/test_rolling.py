"""Rolling restarts under load, behind HAProxy: five rounds, ten thousand requests and more, not one failed."""

from __future__ import annotations

import signal

import pytest

from tests.deploy.balancer import HAProxy
from tests.load import PEOPLE, Load
from tests.processes import free_port
from tests.region import Authsvc, Region, await_that, signed

ROUNDS, REQUESTS = 5, 10_000
PAUSE = 0.01  # of each of eight callers: a load that two cores carry beside the processes that start


@pytest.fixture
def region(mariadb, redis_server, tmp_path):
    """A region whose service is started by the test, as often as it likes."""
    with Region(
        mariadb,
        "4.23",
        tmp_path / "region",
        redis=redis_server,
        AUTHSVC_DRAIN="1",
        AUTHSVC_LOG_LEVEL="warning",
    ) as made:
        yield made


class Pod:
    """A service that keeps its ports however often it is started."""

    def __init__(self, region, name, *words):
        self.port, self.ops_port = free_port(), free_port()
        ports = {"AUTHSVC_PORT": str(self.port), "AUTHSVC_OPS_PORT": str(self.ops_port)}
        self._settings = {**region.authsvc.environment, **ports}
        self._folder, self._words = region.folder / name, words
        self.start()

    def start(self):
        self.service = Authsvc(self._folder, self._settings)
        self.service.words = ("serve", *self._words)
        self.service.start().await_ready()

    def restart(self):
        assert self.service.stop() == 0
        self.start()


@pytest.fixture
def started(region):
    """Start a service; at the end it is stopped."""
    pods = []

    def start(*words):
        pods.append(Pod(region, f"pod-{len(pods)}", *words))
        return pods[-1]

    yield start
    for pod in pods:
        pod.service.stop()
        pod.service.kill()


def await_known(url, region):
    """Ask about each person until there is an answer: a restart may lose nothing, but what nobody read yet is not there."""
    for name in PEOPLE:
        await_that(lambda name=name: region.verify(signed(region.people[name]), url=url).status == 200, name)


def assert_nothing_failed(load):
    """Not one: nothing lost, nothing cut off, and no 503 from a process that is fresh from the start."""
    assert load.failures == []
    assert set(load.statuses) == {200}


@pytest.mark.timeout(600)
def test_two_services_restarted_in_turn_fail_no_request(region, started):
    """One as a container runs it, one as the systemd unit does."""
    pods = [started(), started("--workers", "2")]
    with HAProxy(*((pod.port, pod.ops_port) for pod in pods)) as balancer:
        await_that(lambda: balancer.up() == 2, "both to be seen")
        await_known(balancer.url, region)
        with Load(balancer.url, region, callers=8, pause=PAUSE) as load:
            for _ in range(ROUNDS):
                for pod in pods:
                    pod.restart()
                    await_that(lambda: balancer.up() == 2, "it to be seen again")
            await_that(lambda: len(load.statuses) >= REQUESTS, "the rest of the requests", within=300)
    assert_nothing_failed(load)
    print(f"{len(load.statuses)} requests, {ROUNDS} rounds of 2 restarts: none failed")


@pytest.mark.timeout(600)
def test_workers_replaced_behind_one_address_fail_no_request(region, started):
    pod = started("--workers", "2")
    with HAProxy((pod.port, pod.ops_port)) as balancer:
        await_that(lambda: balancer.up() == 1, "it to be seen")
        await_known(balancer.url, region)
        with Load(balancer.url, region, callers=8, pause=PAUSE) as load:
            for round_ in range(1, ROUNDS + 1):
                pod.service.signal(signal.SIGHUP)
                await_that(lambda wanted=round_ * 2: replaced(pod) == wanted, "a round", within=120)
            await_that(lambda: len(load.statuses) >= REQUESTS, "the rest of the requests", within=300)
    assert_nothing_failed(load)
    print(f"{len(load.statuses)} requests, {ROUNDS} rounds of 2 replacements: none failed")


@pytest.mark.timeout(600)
def test_without_draining_requests_would_be_lost(region, started):
    """The test above can fail: what is killed takes requests along."""
    pods = [started(), started()]
    with HAProxy(*((pod.port, pod.ops_port) for pod in pods)) as balancer:
        await_that(lambda: balancer.up() == 2, "both to be seen")
        await_known(balancer.url, region)
        with Load(balancer.url, region, callers=8, pause=PAUSE) as load:
            for _ in range(ROUNDS):
                for pod in pods:
                    seen = len(load.statuses)
                    await_that(lambda seen=seen: len(load.statuses) > seen + 50, "a steady load")
                    pod.service.kill()
                    pod.service.exit_code = -9
                    pod.start()
                    await_that(lambda: balancer.up() == 2, "it to be seen again")
    assert load.failures or set(load.statuses) != {200}


def replaced(pod):
    return sum(line.get("event") == "worker replaced" for line in pod.service.lines())
