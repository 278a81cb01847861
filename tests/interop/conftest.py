"""One region, one Swift and its proxies for all tests of a run; each costs seconds to start."""

from __future__ import annotations

import secrets

import pytest

from authsvc.faces.callers import new_token, token_digest
from authsvc.faces.keystone.passwords import PasswordHash
from tests.interop.heard import new_key
from tests.interop.swift import Swift
from tests.processes import free_port
from tests.region import Region

LIFETIME = 8
REGION = "https://auth.region-1.example"


class Store:
    """What the operator of a Swift holds: a caller token and a password; and the callers file that knows both."""

    def __init__(self) -> None:
        self.tokens = [new_token()]
        self.password = secrets.token_urlsafe(16)
        self._hashed = PasswordHash.make(self.password.encode(), n=2**10)

    @property
    def entry(self) -> str:
        digests = ", ".join(f'"{token_digest(token)}"' for token in self.tokens)
        return (
            f'[[caller]]\nname = "swift"\ntoken_sha256 = [{digests}]\ngrants = ["verify", "secret"]\n'
            f'[caller.keystone]\nuser = "swift"\npassword_scrypt = ["{self._hashed}"]\n'
        )


@pytest.fixture(scope="session")
def store():
    return Store()


@pytest.fixture(scope="session")
def region(mariadb, store, tmp_path_factory):
    """A region whose authsvc stays on one port, so that it can be restarted under a Swift's feet."""
    settings = {
        "AUTHSVC_PORT": str(free_port()),
        "AUTHSVC_TOKEN_KEYS": new_key(),
        "AUTHSVC_KEYSTONE_LIFETIME": str(LIFETIME),
    }
    with Region(mariadb, "4.22", tmp_path_factory.mktemp("region"), **settings) as made:
        (made.folder / "callers.toml").write_text(store.entry)
        made.authsvc.start().await_ready()
        yield made
        made.authsvc.assert_silent_about(made.canaries() | {store.password, *store.tokens})


@pytest.fixture(scope="session")
def swift():
    with Swift() as made:
        yield made


@pytest.fixture(scope="session")
def shown(region, store):
    """What stands on the operator's page, and what to put in its place."""
    return {REGION: region.authsvc.url}


@pytest.fixture(scope="session")
def by_token(swift, shown, store):
    """A proxy that shows a caller token and caches secrets."""
    return swift.proxy("token", values={**shown, "asv_…": store.tokens[0]})


@pytest.fixture(scope="session")
def with_password(shown, store):
    """The same for a store that logs in."""
    return {**shown, "password = …": f"password = {store.password}"}


@pytest.fixture(scope="session")
def by_password(swift, with_password):
    """A proxy that logs in and caches secrets."""
    return swift.proxy("password", values=with_password)


@pytest.fixture(scope="session")
def by_both(swift, with_password):
    """A proxy for S3 and Swift's own API, with authtoken and the secret cache in one memcached."""
    return swift.proxy("password", "authtoken", values=with_password, pipeline="authtoken")


@pytest.fixture(scope="session")
def uncached(swift, shown, store):
    """A proxy that asks every time."""
    values = {
        **shown,
        "asv_…": store.tokens[0],
        "secret_cache_duration = 60": "secret_cache_duration = 0",
    }
    return swift.proxy("token", values=values)


@pytest.fixture(params=["by_token", "by_password", "by_both", "uncached"])
def proxy(request, swift):
    """Each of them in turn, with nothing in their cache."""
    made = request.getfixturevalue(request.param)
    swift.forget_secrets()
    return made
