"""Fixtures for everybody: real servers, started when the first test asks, one of each for every worker."""

from __future__ import annotations

import os
from collections import Counter

import hypothesis
import pytest

from tests.certificates import Authority
from tests.processes import ServerMissing
from tests.servers import MariaDB, Redis, install_datadir

# Those need object stores that ./tests/interop/run installs; it sets the variable.
collect_ignore = [] if "AUTHSVC_INTEROP" in os.environ else ["interop"]

# How long an example takes is the machine's business: a deadline would be an assertion of speed.
hypothesis.settings.register_profile("authsvc", deadline=None)
hypothesis.settings.load_profile("authsvc")


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A certificate authority; clients trust it by `authority.certificate`."""
    return Authority()


@pytest.fixture(scope="session")
def installed_datadir(tmp_path_factory):
    """An empty MariaDB data directory, for `MariaDB(installed_datadir)` where a test wants its own server."""
    target = tmp_path_factory.mktemp("mariadb") / "installed"
    _get(install_datadir, target)
    return target


@pytest.fixture(scope="session")
def mariadb(installed_datadir, shared_servers):
    """The worker's MariaDB. A test may pause, kill or restart it: it is mended after each."""
    with _get(MariaDB, installed_datadir) as server:
        shared_servers.append(server)
        yield server


@pytest.fixture(scope="session")
def tls_mariadb(installed_datadir, authority, shared_servers):
    """The worker's MariaDB that speaks TLS as `db.example` and trusts the authority's client certificates."""
    with _get(MariaDB, installed_datadir, tls=authority.server("db.example", "127.0.0.1")) as server:
        shared_servers.append(server)
        yield server


@pytest.fixture(scope="session")
def logging_mariadb(installed_datadir, shared_servers):
    """The worker's MariaDB that keeps a binary log; nobody may read it unless granted."""
    options = ("--log-bin", "--binlog-format=ROW", "--server-id=1")
    with _get(MariaDB, installed_datadir, options=options) as server:
        shared_servers.append(server)
        yield server


@pytest.fixture(scope="session")
def redis_server(shared_servers):
    """The worker's Redis. A test may pause, kill or restart it: it is mended after each."""
    with _get(Redis) as server:
        shared_servers.append(server)
        yield server


@pytest.fixture(scope="session")
def shared_servers() -> list[MariaDB | Redis]:
    """The servers this worker has started so far."""
    return []


@pytest.fixture(autouse=True)
def _mended(shared_servers):
    yield
    for server in shared_servers:
        server.mend()


@pytest.fixture
def no_config_of_ours(monkeypatch):
    """Keep clients of S3 from reading what the machine's user has set up for them."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def _get(make, *arguments, **options):
    try:
        return make(*arguments, **options)
    except ServerMissing as missing:
        told = str(missing)
    pytest.fail(told, pytrace=False)


def pytest_terminal_summary(terminalreporter):
    """Tell what the fuzz did: under xdist nobody sees what a worker prints."""
    told = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "fuzz"
    ]
    if told:
        counts = Counter()
        for _, counted in told:
            counts.update(counted)
        terminalreporter.section(f"fuzz, AUTHSVC_FUZZ_SEED={told[0][0]}")
        cases = sum(number for name, number in counts.items() if name.startswith("cases"))
        terminalreporter.line(f"{cases} cases")
        for name in sorted(counts):
            terminalreporter.line(f"{counts[name]:>10} {name}")
