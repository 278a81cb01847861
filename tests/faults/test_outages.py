"""What a store sees of the process while the servers behind it die, hang, come back and change their minds."""

from __future__ import annotations

import asyncio
import http.client
import json
import secrets
import signal
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest

from authsvc.certificates.sql import SQLCertificates
from authsvc.model import Certificate, Secret
from authsvc.settings import Settings
from authsvc.wiring.backends import migrate_own, open_own_engine
from authsvc.wiring.clock import CLOCK
from tests import soap
from tests.region import Region, ask, await_that, signed
from tests.servers import MariaDB, Redis

MISMATCH = "SignatureDoesNotMatch"


@pytest.fixture(scope="module")
def database(installed_datadir):
    """A server of our own to break, which does not lose what it committed just before."""
    with MariaDB(installed_datadir, options=["--innodb-flush-log-at-trx-commit=2"]) as server:
        yield server


@pytest.fixture(scope="module")
def cache():
    with Redis() as server:
        yield server


@pytest.fixture
def opened(database, cache, tmp_path):
    """Make a region with such settings; at the end its log is looked through."""
    made = []

    def open_region(**settings):
        region = Region(database, "4.23", tmp_path / "region", redis=cache, **settings)
        made.append(region.__enter__())
        return region

    yield open_region
    for region in made:
        try:
            assert region.authsvc.stop() == 0
            assert region.authsvc.stderr.read_text() == ""
            region.authsvc.assert_silent_about(region.canaries())
        finally:
            cache.mend()
            region.__exit__()


@pytest.fixture
def region(opened):
    """A region whose memory is fresh for a moment only, so that outages show at once."""
    region = opened(AUTHSVC_FRESH_FOR="0.2")
    region.authsvc.start().await_ready()
    return region


def yes(region, name, secret=None):
    """Ask and return where the answer came from; None for anything but a yes."""
    answer = region.verify(signed(region.people[name], secret))
    if answer.status != 200 or not answer.json["authenticated"]:
        return None
    return answer.json["freshness"]["source"]


def no(region, name, secret=None):
    """Ask and return the code of the refusal; None for anything but a no."""
    answer = region.verify(signed(region.people[name], secret))
    return answer.json["error"]["code"] if answer.status == 200 and not answer.json["authenticated"] else None


def break_(server, how):
    server.kill() if how == "killed" else server.pause()


@pytest.mark.parametrize("how", ["killed", "paused"])
def test_a_database_that_is_gone_leaves_what_is_remembered(region, database, how):
    assert yes(region, "alice")
    break_(database, how)
    await_that(lambda: yes(region, "alice") == "stale", "a stale answer")
    await_that(lambda: _age_of(region) > 2, "the record to be older than a moment")
    for _ in range(20):  # breakers open and close meanwhile
        assert yes(region, "alice") == "stale"
        assert no(region, "alice", "wrong") is None, "nobody could say that the secret was not rotated"
        cold = region.verify(signed(region.people["bob"]))
        assert cold.status == 503
        assert int(cold.headers["Retry-After"]) >= 1
    await_that(lambda: region.authsvc.readiness()[1]["degraded"], "the outage to show")
    assert region.authsvc.readiness()[0] == 200
    database.mend()
    await_that(lambda: yes(region, "bob"), "the cold key to be found")
    await_that(lambda: yes(region, "alice") == "database", "the warm key to be read again")
    await_that(lambda: region.authsvc.readiness()[1]["degraded"] == [], "the service to be well")


def test_a_process_fresh_from_the_start_answers_for_whom_the_region_knows(region, database, cache):
    """Whatever happens between its readiness and its first question: it took over what Redis holds before it was ready."""
    cache.execute("FLUSHALL")
    assert yes(region, "alice")
    await_that(lambda: cache.execute("DBSIZE") == 1, "the record to be shared")
    assert region.authsvc.stop() == 0
    region.authsvc.start().await_ready()
    database.pause()
    cache.pause()
    assert yes(region, "alice") == "stale"
    assert region.verify(signed(region.people["bob"])).status == 503
    database.mend()


@pytest.mark.parametrize("how", ["killed", "paused"])
def test_a_cache_that_is_gone_is_no_failure(region, cache, how):
    assert yes(region, "alice")
    break_(cache, how)
    for _ in range(30):
        for name in ("alice", "bob"):
            assert yes(region, name) in {"memory", "database"}
        assert no(region, "alice", "wrong") == MISMATCH
        assert no(region, "off") == "AccountProblem"
    assert region.authsvc.readiness() == (200, {"ready": True, "reasons": [], "degraded": []})
    cache.mend()
    assert yes(region, "alice")


@pytest.mark.parametrize("how", ["killed", "paused"])
def test_with_both_gone_what_is_remembered_still_answers(region, database, cache, how):
    assert yes(region, "alice")
    break_(database, how)
    break_(cache, how)
    await_that(lambda: yes(region, "alice") == "stale", "a stale answer")
    assert region.verify(signed(region.people["bob"])).status == 503


@pytest.fixture
def own(database):
    """The address of a database of authsvc's own, on the same server."""
    name = f"own_{secrets.token_hex(6)}"
    database.execute(f"CREATE DATABASE {name}")
    database.add_user(name, "secret", f"ALL ON {name}.*")
    yield database.url(name, "secret", name)
    database.mend()
    database.execute(f"DROP DATABASE {name}")


async def registered(region, own, signer):
    """Have alice's certificate kept."""
    (user_id,) = region.mariadb.execute(
        f"SELECT uuid FROM {region.name}.user WHERE id = {region.people['alice'].user}"
    )[0]
    async with open_own_engine(Settings(own_database_url=Secret(own))) as engine:
        await migrate_own(engine)
        kept = Certificate(sha256=signer.sha256, der=signer.der, user_id=user_id, created=time.time())
        await SQLCertificates(engine, clock=CLOCK).add(kept)


@pytest.mark.parametrize("how", ["killed", "paused"])
def test_signers_of_soap_and_regions_are_remembered_too(opened, database, own, how):
    region, signer = opened(AUTHSVC_FRESH_FOR="0.2", AUTHSVC_OWN_DATABASE_URL=own), soap.signer()
    asyncio.run(registered(region, own, signer))
    region.authsvc.start().await_ready()
    token = {"X-Auth-Token": region.token}

    def by_soap(by):
        message = soap.message(by, time.time())
        return ask(
            f"{region.authsvc.url}/v1/ec2/soap/authenticate",
            "POST",
            message,
            token | {"Content-Type": "text/xml"},
        )

    def regions():
        return ask(f"{region.authsvc.url}/v1/regions", headers=token)

    assert by_soap(signer).json["user"]["username"] == "alice"
    before = regions()
    assert before.status == 200
    break_(database, how)
    await_that(lambda: region.authsvc.readiness()[1]["degraded"], "the outage to show")
    for _ in range(5):
        assert by_soap(signer).json["user"]["username"] == "alice"
        assert regions().body == before.body
    assert by_soap(soap.signer("bob", number=1)).status == 503
    await_that(lambda: "stale" in sources(region), "the log to say that they were remembered")


def sources(region):
    """Say where the signers of SOAP messages were found."""
    return {line.get("source") for line in region.authsvc.lines() if line.get("use_case") == "authenticate"}


def test_who_is_switched_off_in_the_database_is_refused_soon(opened):
    region = opened()
    carol = region.add("carol")
    region.authsvc.start().await_ready()
    for name in ("alice", "bob", "carol"):
        assert yes(region, name)
    region.rows.update("user", region.people["alice"].user, state="disabled")
    region.rows.update("account", region.people["bob"].account, state="disabled")
    region.rows.update("user", carol.user, removed="2026-01-01 00:00:00")
    for name in ("alice", "bob", "carol"):
        await_that(lambda name=name: no(region, name), "the refusal", within=5)
    assert [no(region, name) for name in ("alice", "bob", "carol")] == [
        "AccountProblem",
        "AccountProblem",
        "InvalidAccessKeyId",
    ]


def test_a_rotated_secret_works_at_once(opened):
    region = opened(AUTHSVC_FRESH_FOR="60")
    region.authsvc.start().await_ready()
    old = region.people["alice"].secret
    assert yes(region, "alice")
    # A secret read a moment ago is not read again; rotation and use lie further apart than that moment.
    await_that(lambda: _age_of(region) > 2, "the record to be older than a moment")
    new = region.rotate("alice")
    assert yes(region, "alice", new) == "database"
    assert no(region, "alice", old) == MISMATCH


def _age_of(region):
    from datetime import datetime

    answer = region.verify(signed(region.people["alice"]))
    return time.time() - datetime.fromisoformat(answer.json["freshness"]["as_of"]).timestamp()


def test_a_start_with_the_database_down_waits_for_it(opened, database):
    region = opened()
    database.kill()
    region.authsvc.start()
    assert ask(f"{region.authsvc.ops}/livez").status == 200
    status, report = region.authsvc.readiness()
    assert (status, report["ready"]) == (503, False)
    await_that(lambda: "did not answer" in region.authsvc.readiness()[1]["reasons"][0], "the reason")
    assert region.verify(signed(region.people["alice"])).status == 503
    database.mend()
    region.authsvc.await_ready()
    await_that(lambda: yes(region, "alice"), "the first answer")


@pytest.mark.parametrize("keys", ["wrong", ""])
def test_a_wrong_database_key_is_not_ready_and_never_a_bad_signature(opened, keys):
    region = opened(AUTHSVC_DATABASE_KEYS=keys)
    region.authsvc.start()
    await_that(lambda: "database key" in " ".join(region.authsvc.readiness()[1]["reasons"]), "the reason")
    assert region.authsvc.readiness()[0] == 503
    for secret in (None, "wrong"):
        answer = region.verify(signed(region.people["alice"], secret))
        assert (answer.status, answer.json["error"]["code"]) == (503, "ServiceUnavailable")


def test_a_schema_changed_under_way_is_told(region):
    assert yes(region, "alice")
    region.rows.execute("ALTER TABLE `api_keypair` DROP COLUMN secret_key")
    assert no(region, "bob") is None
    await_that(lambda: region.authsvc.readiness()[0] == 503, "the schema to be missed")
    assert "secret_key" in " ".join(region.authsvc.readiness()[1]["reasons"])
    assert no(region, "bob") is None


def test_nothing_is_lost_while_it_drains(opened):
    region = opened(AUTHSVC_DRAIN="1", AUTHSVC_FRESH_FOR="60")
    region.authsvc.start().await_ready()
    question = signed(region.people["alice"])
    heard = [[] for _ in range(4)]
    draining = threading.Event()
    threads = [
        threading.Thread(target=closed_loop, args=(region, question, into, draining)) for into in heard
    ]
    for thread in threads:
        thread.start()
    await_that(lambda: all(len(into) > 20 for into in heard), "a steady load")
    region.authsvc.signal(signal.SIGTERM)
    await_that(lambda: region.authsvc.readiness()[0] == 503, "not ready")
    assert region.authsvc.readiness()[1]["reasons"] == ["draining: shutting down"]
    draining.set()
    for thread in threads:
        thread.join()
    assert region.authsvc.wait() == 0
    for into in heard:
        assert {status for status, _ in into} == {200}
        assert any(late for _, late in into), "it served on while it drained"


def closed_loop(region, question, into, draining):
    """Ask over one connection until the process closes its sockets."""
    parts = urlsplit(region.authsvc.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    headers = {"Authorization": f"Bearer {region.token}", "Content-Type": "application/json"}
    body = json.dumps(question)
    try:
        while True:
            late = draining.is_set()
            connection.request("POST", "/v1/verify", body, headers)
            response = connection.getresponse()
            ok = json.loads(response.read())["authenticated"]
            into.append((response.status if ok else 0, late))
    except (OSError, http.client.HTTPException):
        connection.close()


def test_a_request_in_flight_finishes_after_the_sockets_are_closed(opened):
    region = opened(AUTHSVC_DRAIN="0")
    region.authsvc.start().await_ready()
    parts = urlsplit(region.authsvc.url)
    body = json.dumps(signed(region.people["alice"])).encode()
    head = (
        f"POST /v1/verify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {region.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as plain:
        plain.sendall(head + body[:50])
        ask(f"{region.authsvc.ops}/livez")  # the head has been read by now or will be before the end
        region.authsvc.signal(signal.SIGTERM)
        await_that(lambda: refused(parts), "the sockets to be closed")
        plain.sendall(body[50:])
        response = http.client.HTTPResponse(plain)
        response.begin()
        assert response.status == 200
        assert json.loads(response.read())["authenticated"]
    assert region.authsvc.wait() == 0


def refused(parts):
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False
