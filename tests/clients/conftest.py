"""A region and a store in front of it, for clients nobody modified."""

from __future__ import annotations

import contextlib

import pytest

from tests.clients.capture import Store
from tests.region import Region


@pytest.fixture(scope="session", params=["4.22", "4.23"])
def region(request, mariadb, redis_server, tmp_path_factory):
    """A region, running."""
    with running_region(mariadb, request.param, redis_server, tmp_path_factory.mktemp("region")) as made:
        yield made


@contextlib.contextmanager
def running_region(mariadb, version, redis, folder):
    """Run a region. At its end: a clean exit, and a log that gives nothing away."""
    with Region(mariadb, version, folder, redis=redis) as made:
        made.said = set()
        made.authsvc.start().await_ready()
        yield made
        assert made.authsvc.stop() == 0
        assert made.authsvc.stderr.read_text() == ""
        assert made.authsvc.lines()[-1]["event"] == "stopped"
        made.authsvc.assert_silent_about(made.canaries() | made.said)


@pytest.fixture(scope="session")
def running_store(region):
    with Store(f"{region.authsvc.url}/v1/verify", region.token) as store:
        yield store
    region.said |= store.signatures


@pytest.fixture
def store(running_store):
    """The store; `store.taken` holds what came since the test began."""
    running_store.begin()
    return running_store
