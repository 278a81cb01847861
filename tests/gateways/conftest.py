"""A region whose authsvc gateways ask, a store that believes them, and the gateways, real ones."""

from __future__ import annotations

import contextlib
import secrets

import pytest

from authsvc.faces.callers import token_digest
from tests.gateways.programs import GATEWAYS, shown
from tests.gateways.store import TrustingStore
from tests.processes import ServerMissing
from tests.region import Region
from tests.s3_site import Site

SITES = tuple(GATEWAYS)


@pytest.fixture(autouse=True)
def _clients_as_they_come(no_config_of_ours):
    pass


@pytest.fixture(scope="session")
def tokens():
    """A caller token for everybody whose entry in the callers file a page in docs/stores shows."""
    return {name: f"asv_{secrets.token_urlsafe(24)}" for name in (*GATEWAYS, "versitygw", "ozone", "minio")}


@pytest.fixture(scope="session")
def gated_region(mariadb, tokens, tmp_path_factory):
    """A region that knows the gateways as its callers. At its end: a log that gives nothing away."""
    settings = {"AUTHSVC_EXT_AUTHZ_PORT": "0", "AUTHSVC_FACES": "native,forward_auth,ext_authz,vault,minio"}
    with Region(mariadb, "4.22", tmp_path_factory.mktemp("gated"), **settings) as region:
        with (region.folder / "callers.toml").open("a", encoding="utf-8") as file:
            for name, token in tokens.items():
                entry = shown(name, "toml", {"…": token_digest(token)})
                file.write(f"\n{entry}")
        region.authsvc.start().await_ready()
        yield region
        assert region.authsvc.stop() == 0
        assert region.authsvc.stderr.read_text() == ""
        region.authsvc.assert_silent_about(region.canaries() | set(tokens.values()))


@pytest.fixture(scope="session")
def running_store():
    with TrustingStore() as store:
        yield store


@pytest.fixture
def store(running_store):
    """The store; `store.arrived` holds what came since the test began."""
    running_store.begin()
    return running_store


@pytest.fixture(scope="session")
def gateways(gated_region, running_store, tokens):
    """All gateways, by name."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(_gateway(name, gated_region, running_store, tokens))
            for name in GATEWAYS
        }


def _gateway(name, region, store, tokens):
    authsvc = region.authsvc.url.removeprefix("http://")
    try:
        return GATEWAYS[name](token=tokens[name], authsvc=authsvc, store=store.port)
    except ServerMissing as missing:
        told = str(missing)
    pytest.fail(told, pytrace=False)


@pytest.fixture(params=SITES)
def site(request):
    """Every place the client suite is run against."""
    gateways = request.getfixturevalue("gateways")
    return Site(url=gateways[request.param].url, region=request.getfixturevalue("gated_region"))
