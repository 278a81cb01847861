"""A change in CloudStack's tables, and how soon the service goes by it, whichever way it hears of changes."""

from __future__ import annotations

import itertools
import re
import time

import pytest

from tests.region import Region, ask, await_that, encrypt_v2, signed

WAYS = ("off", "hotset", "binlog")


@pytest.fixture
def opened(logging_mariadb, tmp_path):
    """Open regions whose service hears of changes in a given way; with `binlog` in no other for a minute."""
    regions = []

    def open_region(way, **settings):
        settings = {"AUTHSVC_STREAM": way, "AUTHSVC_FRESH_FOR": "60" if way == "binlog" else "1", **settings}
        region = Region(logging_mariadb, "4.22", tmp_path / f"region-{len(regions)}", **settings)
        regions.append(region)
        region.__enter__()
        if way == "binlog":
            logging_mariadb.execute(f"GRANT REPLICATION SLAVE ON *.* TO {region.name}")
        region.authsvc.start().await_ready()
        if way == "binlog":
            await_that(lambda: mode(region, "live"), "changes to be heard of")
        return region

    yield open_region
    for region in regions:
        try:
            assert region.authsvc.stop() == 0
            assert region.authsvc.stderr.read_text() == ""
            region.authsvc.assert_silent_about(region.canaries())
        finally:
            region.__exit__()


def mode(region, name):
    shown = ask(f"{region.authsvc.ops}/metrics").body.decode()
    return f'authsvc_freshness_mode{{mode="{name}"}} 1.0' in shown


def verdict(region, who="alice"):
    """Ask; return what was said, and where it came from."""
    answer = region.verify(signed(region.people[who]))
    assert answer.status == 200, answer.body
    said = answer.json
    return said["authenticated"], said["freshness"]["source"] if said["authenticated"] else said["error"][
        "code"
    ]


def busy(region, who="alice", *, until):
    """Ask without a pause, as a busy client does, until the answer is another; return how often it was the same."""
    for count in itertools.count():
        allowed, _ = verdict(region, who)
        if allowed is until:
            return count
        assert count < 100_000, "the change was never gone by"
        time.sleep(0.005)
    return None


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_revoke_is_gone_by_and_every_way_back(opened, way):
    region = opened(way)
    alice, rows = region.people["alice"], region.rows
    domain = region.mariadb.execute(
        "SELECT domain_id FROM account WHERE id = %s", (alice.account,), database=region.name
    )[0][0]
    ways = [
        ("user", alice.user, {"state": "disabled"}, {"state": "enabled"}),
        ("user", alice.user, {"removed": "2026-01-01"}, {"removed": None}),
        ("account", alice.account, {"state": "locked"}, {"state": "enabled"}),
        ("domain", domain, {"state": "Inactive"}, {"state": "Active"}),
        ("user", alice.user, {"api_key": "another"}, {"api_key": alice.access_key}),
        (
            "user",
            alice.user,
            {"secret_key": encrypt_v2("another")},
            {"secret_key": encrypt_v2(alice.secret)},
        ),
    ]
    busy(region, until=True)
    for table, row, change, back in ways:
        rows.update(table, row, **change)
        busy(region, until=False)
        rows.update(table, row, **back)
        busy(region, until=True)


def test_what_is_in_use_is_renewed_while_nobody_waits(opened):
    region = opened("hotset")
    # Not each time: on a machine that stands still for a moment somebody is faster than the round.
    assert any(renewal(region) == "memory" for _ in range(5))


def renewal(region):
    """Ask until the answer rests on another reading; return where that answer came from."""
    readings = set()
    while len(readings) < 2:
        freshness = region.verify(signed(region.people["alice"])).json["freshness"]
        readings.add(freshness["as_of"])
        time.sleep(0.005)
    return freshness["source"]


@pytest.mark.parametrize("way", WAYS)
def test_a_key_asked_for_before_it_is_made_is_found_when_it_is(opened, way):
    region = opened(way)
    early = region.add("early")
    region.rows.update("user", early.user, api_key="not yet")
    for _ in range(3):
        assert verdict(region, "early") == (False, "InvalidAccessKeyId")
    region.rows.update("user", early.user, api_key=early.access_key)
    busy(region, "early", until=True)


def test_what_changes_while_nothing_is_heard_is_gone_by_when_it_is_again(opened):
    region = opened("binlog")
    alice = region.people["alice"]
    busy(region, until=True)
    region.mariadb.execute(f"REVOKE REPLICATION SLAVE ON *.* FROM {region.name}")
    (dump,) = region.mariadb.execute(
        "SELECT id FROM information_schema.processlist WHERE user = %s AND command = 'Binlog Dump'",
        [region.name],
    )
    region.mariadb.execute("KILL %s", dump)
    await_that(lambda: not mode(region, "live"), "silence")
    busy(region, until=True)  # read anew, and good for AUTHSVC_FRESH_FOR, as without a stream: here a minute
    region.rows.update("user", alice.user, state="disabled")
    assert verdict(region)[0]
    line = "changes: the account may not read it"
    await_that(lambda: line in str(region.authsvc.readiness()[1]["degraded"]), "it to be told why")
    assert region.authsvc.readiness()[0] == 200
    region.mariadb.execute("PURGE BINARY LOGS BEFORE NOW()")
    region.mariadb.execute(f"GRANT REPLICATION SLAVE ON *.* TO {region.name}")
    busy(region, until=False)
    await_that(lambda: region.authsvc.readiness()[1]["degraded"] == [], "all to be well")


def test_a_server_that_hangs_takes_the_stream_along_and_not_the_answers(opened):
    region = opened("binlog", AUTHSVC_FRESH_FOR="1")
    busy(region, until=True)
    region.mariadb.pause()
    try:
        await_that(lambda: mode(region, "stale"), "the outage to be seen")
        for _ in range(20):
            allowed, source = verdict(region)
            assert (allowed, source) in {(True, "stale"), (True, "memory")}
    finally:
        region.mariadb.resume()
    await_that(lambda: mode(region, "live"), "changes to be heard of")
    await_that(lambda: region.authsvc.readiness()[1]["degraded"] == [], "the database to be back")
    busy(region, until=True)
    region.rows.update("user", region.people["alice"].user, state="disabled")
    busy(region, until=False)


def test_a_stream_of_its_own_account_is_read_by_it(opened):
    password = "str/eam@1"
    region = opened("off")
    region.mariadb.add_user(f"{region.name}_s", password, "REPLICATION SLAVE ON *.*", "SELECT ON *.*")
    assert region.authsvc.stop() == 0
    url = region.mariadb.url(f"{region.name}_s", password, region.name)
    region.authsvc.environment |= {
        "AUTHSVC_STREAM": "binlog",
        "AUTHSVC_STREAM_URL": url,
        "AUTHSVC_FRESH_FOR": "60",
    }
    region.authsvc.start().await_ready()
    await_that(lambda: mode(region, "live"), "changes to be heard of")
    busy(region, until=True)
    region.rows.update("user", region.people["alice"].user, state="disabled")
    busy(region, until=False)
    region.mariadb.execute(f"DROP USER {region.name}_s")
    region.authsvc.assert_silent_about([password])


def test_every_worker_hears_of_it(logging_mariadb, tmp_path):
    settings = {"AUTHSVC_STREAM": "binlog", "AUTHSVC_FRESH_FOR": "60"}
    with Region(logging_mariadb, "4.22", tmp_path / "region", **settings) as region:
        logging_mariadb.execute(f"GRANT REPLICATION SLAVE ON *.* TO {region.name}")
        region.authsvc.words = ("serve", "--workers", "2")
        region.authsvc.start().await_ready()
        await_that(lambda: live_workers(region) == {"0", "1"}, "changes to be heard of")
        for state, allowed in (("disabled", False), ("enabled", True)) * 3:
            region.rows.update("user", region.people["alice"].user, state=state)
            await_that(lambda wanted=allowed: verdicts(region) == {wanted}, f"both to know it is {state}")
        assert region.authsvc.stop() == 0


def live_workers(region):
    shown = ask(f"{region.authsvc.ops}/metrics").body.decode()
    return set(re.findall(r'authsvc_freshness_mode\{mode="live",worker="(\d)"\} 1\.0', shown))


def verdicts(region):
    """Ask over so many connections that every worker has a word."""
    return {verdict(region)[0] for _ in range(20)}
