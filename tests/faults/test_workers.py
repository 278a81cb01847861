"""Several workers behind one listener, while they are killed, replaced and sent away: what a caller notices is nothing."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import secrets
import signal
import time
from pathlib import Path

import pytest

from authsvc.cache.seal import BrokenSeal, Sealer
from authsvc.cli.supervisor import LISTEN_EVERY
from authsvc.model import AccessKey
from tests.load import Load
from tests.region import Region, ask, await_that, signed

COUNT = 2
ROTATE_EVERY, ROTATE_FOR = map(float, os.environ.get("AUTHSVC_TEST_ROTATION", "2/8").split("/"))
"""Seconds between two changes of the keys that seal, and for which they go on; 5/60 is what is promised."""

PAUSE = 0.01
"""Seconds each caller rests, so that those who start get some of the machine too."""


@contextlib.contextmanager
def opened(mariadb, redis_server, folder, **options):
    """Open a region with workers; the keys that seal what is shared are in its `seals`."""
    seals = folder / "cache-keys"
    seals.write_text(new_seal(), encoding="utf-8")
    options = {
        "AUTHSVC_DRAIN": "3",
        "AUTHSVC_FRESH_FOR": "60",
        "AUTHSVC_CACHE_KEYS_FILE": str(seals),
        **options,
    }
    with Region(mariadb, "4.23", folder / "region", redis=redis_server, **options) as made:
        made.seals, made.before = seals, 0
        del made.authsvc.environment["AUTHSVC_CACHE_KEYS"]
        made.authsvc.words = ("serve", "--workers", str(COUNT))
        made.authsvc.start()
        await_all(made)
        yield made
        if made.authsvc.exit_code is None:
            assert made.authsvc.stop() == 0
        assert made.authsvc.stderr.read_text() == ""
        made.authsvc.assert_silent_about(made.canaries())


@pytest.fixture
def region(request, mariadb, redis_server, tmp_path):
    """A region of the test's own; a parameter sets what is to be otherwise."""
    with opened(mariadb, redis_server, tmp_path, **getattr(request, "param", {})) as made:
        yield made


@pytest.fixture(scope="module")
def kept(mariadb, redis_server, tmp_path_factory):
    with opened(mariadb, redis_server, tmp_path_factory.mktemp("workers")) as made:
        yield made


@pytest.fixture
def lasting(kept):
    """A region for tests that leave as many workers as they found; what it told before is not looked at."""
    await_all(kept)
    await_that(lambda: len(children(kept)) == COUNT, "those of the test before to be gone")
    kept.before = len(kept.authsvc.lines())
    return kept


def await_all(region):
    region.authsvc.await_ready()
    await_that(lambda: region.authsvc.readiness()[1]["degraded"] == [], "every worker to be ready")


def new_seal():
    return base64.b64encode(secrets.token_bytes(32)).decode() + "\n"


def children(region):
    """Return the process ids of the workers."""
    return set(
        map(int, Path(f"/proc/{region.authsvc.pid}/task/{region.authsvc.pid}/children").read_text().split())
    )


def told(region, event):
    return [line for line in region.authsvc.lines()[region.before :] if line.get("event") == event]


def allowed(region):
    """Return how many were told yes, by the workers there are now."""
    shown = ask(f"{region.authsvc.ops}/metrics").body.decode()
    counted = re.findall(r'authsvc_decisions_total\{[^}]*verdict="allow",worker="\d"\} ([\d.]+)', shown)
    return sum(map(float, counted))


def answers(region, count=1):
    """Ask over fresh connections; return the statuses."""
    return [region.verify(signed(region.people["alice"])).status for _ in range(count)]


def test_they_are_one_service(lasting):
    before = allowed(lasting)
    assert answers(lasting, 40) == [200] * 40
    assert len(children(lasting)) == COUNT
    assert ask(f"{lasting.authsvc.ops}/livez").status == 200
    assert allowed(lasting) - before == 40
    shown = ask(f"{lasting.authsvc.ops}/metrics").body.decode()
    assert set(re.findall(r'authsvc_ready\{worker="(\d)"\} 1.0', shown)) == {"0", "1"}
    assert shown.count("# TYPE authsvc_decisions_total counter") == 1


def test_one_that_is_killed_is_replaced_and_the_other_answers_meanwhile(lasting):
    before = children(lasting)
    for victim in before:
        os.kill(victim, signal.SIGKILL)
        assert answers(lasting, 20) == [200] * 20
        await_that(lambda victim=victim: victim not in children(lasting), "its end")
        await_that(lambda: len(children(lasting)) == COUNT, "another in its place")
        await_that(lambda: lasting.authsvc.readiness()[1]["degraded"] == [], "it to be ready")
    assert not before & children(lasting)
    assert [line["status"] for line in told(lasting, "worker ended")] == [-signal.SIGKILL] * COUNT


def test_replacing_all_of_them_loses_no_request(lasting):
    before = children(lasting)
    with Load(lasting.authsvc.url, lasting, pause=PAUSE) as load:
        await_that(lambda: len(load.statuses) > 100, "a steady load")
        lasting.authsvc.signal(signal.SIGHUP)
        await_that(lambda: len(told(lasting, "worker replaced")) == COUNT, "the round", within=90)
        await_that(lambda: len(children(lasting)) == COUNT, "the last of the former to be gone")
    assert load.failures == []
    assert set(load.statuses) == {200}
    assert not before & children(lasting)


def test_the_keys_that_seal_are_rotated_without_losing_a_request(lasting, redis_server):
    """First all learn to open with the next key, then to seal with it; then the former may go."""
    former, following = lasting.seals.read_text(), new_seal()
    with Load(lasting.authsvc.url, lasting, pause=PAUSE) as load:
        await_that(lambda: len(load.statuses) > 50, "a steady load")
        for round_, keys in enumerate((former + following, following + former, following), 1):
            lasting.seals.write_text(keys, encoding="utf-8")
            lasting.authsvc.signal(signal.SIGHUP)
            wanted = round_ * COUNT
            await_that(
                lambda wanted=wanted: len(told(lasting, "worker replaced")) == wanted, "a round", within=90
            )
    assert load.failures == []
    assert set(load.statuses) == {200}
    bob = lasting.people["bob"]  # nobody has asked for him yet
    await_that(lambda: lasting.verify(signed(bob)).status == 200, "an answer")
    sealer = Sealer([base64.b64decode(following)])
    (name,) = sealer.names(AccessKey(bob.access_key))
    sealed = await_that(lambda: redis_server.execute("GET", name), "a record sealed by the new key")
    assert sealer.open(name, sealed)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("region", [{"AUTHSVC_FRESH_FOR": "1"}], indirect=True)
def test_keys_that_seal_may_change_all_the_time(region, redis_server):
    """Faster than the workers are replaced, if it must be: a record that one cannot open is a miss, and no failure."""
    with Load(region.authsvc.url, region, pause=PAUSE) as load:
        await_that(lambda: len(load.statuses) > 50, "a steady load")
        until, keys = time.monotonic() + ROTATE_FOR, region.seals.read_text()
        while time.monotonic() < until:
            former, keys = keys.splitlines(keepends=True)[0], new_seal()
            region.seals.write_text(keys + former, encoding="utf-8")
            region.authsvc.signal(signal.SIGHUP)
            time.sleep(ROTATE_EVERY)
        region.seals.write_text(keys, encoding="utf-8")
        before = children(region)
        region.authsvc.signal(signal.SIGHUP)
        await_that(lambda: not before & children(region), "everybody to have the last key alone", within=120)
    assert load.failures == []
    assert set(load.statuses) == {200}
    assert_opened_no_more(region, redis_server, of=former, now=keys)


def assert_opened_no_more(region, redis_server, *, of, now):
    """Put what a key that was taken away has sealed where they look."""
    bob = region.people["bob"]
    await_that(lambda: region.verify(signed(bob)).status == 200, "an answer")
    sealer, former = Sealer([base64.b64decode(now)]), Sealer([base64.b64decode(of)])
    (name,) = sealer.names(AccessKey(bob.access_key))
    record = sealer.open(name, await_that(lambda: redis_server.execute("GET", name), "the record"))
    with pytest.raises(BrokenSeal):
        former.open(name, redis_server.execute("GET", name))

    def refused():
        redis_server.execute("SET", name, former.seal(name, record))
        assert region.verify(signed(bob)).json["freshness"]["source"] != "redis"
        shown = ask(f"{region.authsvc.ops}/metrics").body.decode()
        return re.search(r'authsvc_cache_rejects_total\{why="seal",worker="\d"\} [1-9]', shown)

    await_that(refused, "the broken seal to be counted")


def test_what_cannot_serve_replaces_nobody(lasting):
    before = children(lasting)
    callers = lasting.folder / "callers.toml"
    good = callers.read_text()
    callers.write_text("[[caller]]\nname = 1\n")
    lasting.authsvc.signal(signal.SIGHUP)
    await_that(lambda: told(lasting, "worker not replaced"), "the refusal")
    assert answers(lasting, 10) == [200] * 10
    assert before <= children(lasting)
    callers.write_text(good)
    lasting.authsvc.signal(signal.SIGHUP)
    await_that(lambda: len(told(lasting, "worker replaced")) == COUNT, "the replacement", within=90)
    lasting.authsvc.stderr.write_text("")  # where the one that could not serve had said why


@pytest.mark.parametrize("region", [{"AUTHSVC_DRAIN": "300"}], indirect=True)
def test_one_that_is_replaced_ends_with_the_last_of_its_connections(region):
    before, question = children(region), json.dumps(signed(region.people["alice"]))
    host, _, port = region.authsvc.url.removeprefix("http://").partition(":")
    kept = http.client.HTTPConnection(host, int(port), timeout=10)
    headers = {"Authorization": f"Bearer {region.token}", "Content-Type": "application/json"}

    def sent_away():
        kept.request("POST", "/v1/verify", question, headers)
        answer = kept.getresponse()
        assert (answer.status, answer.read() != b"") == (200, True)
        return answer.headers["Connection"] == "close"

    with contextlib.closing(kept):
        assert not sent_away()
        first = kept.sock
        region.authsvc.signal(signal.SIGHUP)
        await_that(lambda: told(region, "leaving"), "the first to be replaced", within=90)
        assert answers(region, 20) == [200] * 20
        await_that(sent_away, "the last answer of the one that has the connection", within=90)
        assert kept.sock is not first
    await_that(lambda: not before & children(region), "both to be gone", within=90)
    for _ in range(2):  # in a hurry
        region.authsvc.signal(signal.SIGTERM)
        time.sleep(0.5)
    assert region.authsvc.wait() == 1


def test_sent_away_they_drain_and_leave_nobody_behind(region):
    workers = children(region)
    with Load(region.authsvc.url, region, pause=PAUSE) as load:
        await_that(lambda: len(load.statuses) > 100, "a steady load")
        count = len(load.statuses)
        region.authsvc.signal(signal.SIGTERM)
        await_that(lambda: region.authsvc.readiness()[0] == 503, "not ready")
        assert region.authsvc.readiness()[1]["reasons"] == ["draining: shutting down"]
        await_that(lambda: len(load.statuses) > count + 20, "answers while it drains")
        load.enough()
    assert load.failures == []
    assert region.authsvc.wait() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_workers_do_not_outlive_their_supervisor(region):
    workers = children(region)
    region.authsvc.signal(signal.SIGKILL)
    assert region.authsvc.wait() == -signal.SIGKILL
    await_that(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "their end")


def test_a_deaf_worker_is_replaced(lasting):
    # One that was not heard of since it started is given the time a start takes before it counts as deaf.
    time.sleep(LISTEN_EVERY + 1)
    victim = min(children(lasting))
    os.kill(victim, signal.SIGSTOP)
    try:
        await_that(lambda: told(lasting, "worker deaf"), "it to be noticed", within=60)
        await_that(lambda: victim not in children(lasting), "its end")
    finally:
        if victim in children(lasting):
            os.kill(victim, signal.SIGCONT)
    await_that(lambda: lasting.authsvc.readiness()[1]["degraded"] == [], "another in its place")


def test_an_end_does_not_wait_for_a_place_that_rests(region):
    """Each time a worker of a place ends by itself, the place rests twice as long."""
    for _ in range(4):
        seen = len(told(region, "worker ended"))
        await_that(lambda: len(children(region)) == COUNT, "both to be there")
        os.kill(min(children(region)), signal.SIGKILL)
        await_that(lambda seen=seen: len(told(region, "worker ended")) > seen, "its end")
    assert region.authsvc.stop() == 0
