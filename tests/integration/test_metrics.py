"""The metrics of a process, read as Prometheus reads them, in good days and bad ones."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from authsvc.ops.metrics import METRICS
from tests.region import Region, ask, await_that, signed

BUILT_IN = ("process_", "python_")


@pytest.fixture
def region(mariadb, redis_server, tmp_path):
    """A region whose memory is fresh for a moment only, so that outages show at once."""
    settings = {"AUTHSVC_FRESH_FOR": "0.2", "AUTHSVC_AUDIT": str(tmp_path / "audit.log")}
    with Region(mariadb, "4.22", tmp_path / "region", redis=redis_server, **settings) as made:
        made.authsvc.start().await_ready()
        yield made
        assert made.authsvc.stop() == 0


def scraped(region):
    answer = ask(f"{region.authsvc.ops}/metrics")
    assert answer.status == 200
    return answer.body.decode()


def families(region):
    """Return every family of ours by the name it is documented under."""
    found = {}
    for family in text_string_to_metric_families(scraped(region)):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        if not name.startswith(BUILT_IN) and not name.endswith("_created"):
            found[name] = family
    return found


def value(region, name, **labels):
    samples = families(region)[name].samples
    return next(sample.value for sample in samples if labels.items() <= sample.labels.items())


def test_everything_declared_is_fed_and_nothing_else_is_shown(region):
    region.verify(signed(region.people["alice"]))

    streamed = {"authsvc_stream_position_age_seconds"}  # where there is a stream: watching/test_dashboard
    assert families(region).keys() == {metric.name for metric in METRICS} - streamed


def test_in_good_health(region):
    region.verify(signed(region.people["alice"]))

    assert value(region, "authsvc_ready") == 1
    assert value(region, "authsvc_degraded") == 0
    assert value(region, "authsvc_breaker_state", dep="database") == 0
    assert value(region, "authsvc_breaker_state", dep="redis") == 0
    assert value(region, "authsvc_freshness_mode", mode="polling") == 1
    assert value(region, "authsvc_db_inflight") in (0, 1)  # the look at its health may be under way
    assert value(region, "authsvc_cache_records") == 1
    assert abs(value(region, "authsvc_clock_skew_seconds")) < 1
    assert value(region, "authsvc_decisions_total", verdict="allow", source="database") == 1
    await_that(lambda: value(region, "authsvc_loop_lag_seconds") > 0, "the loop to be measured")


def test_a_database_that_does_not_answer_shows(region):
    region.verify(signed(region.people["alice"]))

    region.mariadb.pause()

    await_that(lambda: value(region, "authsvc_breaker_state", dep="database"), "the breaker to open")
    await_that(lambda: value(region, "authsvc_degraded"), "the trouble to show")
    assert value(region, "authsvc_freshness_mode", mode="stale") == 1
    before = value(region, "authsvc_staleness_seconds")
    await_that(lambda: value(region, "authsvc_staleness_seconds") > before, "staleness to grow")
    assert value(region, "authsvc_ready") == 1

    region.mariadb.mend()
    await_that(lambda: value(region, "authsvc_freshness_mode", mode="polling"), "polling again")
    await_that(lambda: value(region, "authsvc_staleness_seconds") < before, "staleness to fall")


def test_a_database_of_our_own_that_is_away_shows_and_takes_nothing_out(mariadb, tmp_path):
    nowhere = "mysql://nobody:secret@127.0.0.1:1/authsvc"
    with Region(mariadb, "4.22", tmp_path / "region", AUTHSVC_OWN_DATABASE_URL=nowhere) as region:
        region.authsvc.start().await_ready()
        line = "certificates: the certificates could not be asked"
        await_that(lambda: region.authsvc.readiness()[1]["degraded"] == [line], "it to be told")
        assert region.authsvc.readiness()[0] == 200
        assert value(region, "authsvc_degraded") == 1
        assert region.verify(signed(region.people["alice"])).json["authenticated"]
        assert region.authsvc.stop() == 0


def test_a_shared_cache_that_is_away_shows(region, redis_server):
    redis_server.kill()

    region.verify(signed(region.people["alice"]))
    region.verify(signed(region.people["bob"]))

    assert value(region, "authsvc_breaker_state", dep="redis") == 1
    assert value(region, "authsvc_cache_rejects_total", why="unavailable") == 2


def test_callers_nobody_knows_are_counted_by_why(region):
    question = signed(region.people["alice"])

    region.verify(question, token="asv_unknown")
    ask(f"{region.authsvc.url}/v1/verify", "POST", b"{}")

    assert value(region, "authsvc_caller_rejects_total", why="unknown") == 1
    assert value(region, "authsvc_caller_rejects_total", why="nothing") == 1


def test_nothing_a_client_sends_becomes_a_label(region):
    canary = "kan4ry"
    question = signed(region.people["alice"]) | {"target": f"/{canary}?{canary}={canary}"}
    question["headers"].append([canary, canary])
    region.verify(question)
    region.verify(question, token=canary)
    ask(f"{region.authsvc.url}/{canary}", canary.upper())
    ask(f"{region.authsvc.url}/client/api?command={canary}&apiKey={canary}&signature={canary}")
    ask(f"{region.authsvc.url}/v1/verify", "POST", b"{}", {canary: canary, "Content-Type": canary})

    text = scraped(region)

    assert "authsvc_request_seconds" in text
    assert canary not in text.lower()
    for secret in region.canaries():
        assert secret not in text
