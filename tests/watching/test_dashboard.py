"""The Grafana dashboard: every query is one that a real Prometheus answers over a running service."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from urllib.parse import urlsplit

import pytest

from authsvc.ops.metrics import METRICS
from tests.region import Region, ask, await_that, signed
from tests.watching.prometheus import ROOT, Prometheus

DASHBOARD = json.loads((ROOT / "helm" / "dashboards" / "authsvc.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = sorted({target["expr"] for panel in PANELS for target in panel["targets"]})
BUILT_IN = {"process_cpu_seconds_total", "process_resident_memory_bytes"}


def filled_in(query):
    """Put in what Grafana puts in for its variables."""
    return (
        query.replace("$__rate_interval", "4s")
        .replace('job=~"$job"', 'job=~".+"')
        .replace('instance=~"$instance"', 'instance=~".+"')
    )


def metrics_of(query):
    names = re.findall(r"\b(?:authsvc|process)_\w+", query)
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in names}


def test_the_panels_stand_beside_each_other():
    taken = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_every_metric_of_ours_is_shown_and_no_other():
    shown = set().union(*map(metrics_of, QUERIES))
    assert shown - BUILT_IN <= {metric.name for metric in METRICS}
    assert {metric.name for metric in METRICS} - shown == {
        "authsvc_degraded"
    }  # an alert; /readyz has its words


def test_every_query_asks_for_the_chosen_processes_alone():
    for query in QUERIES:
        chosen = query.count('{job=~"$job", instance=~"$instance"')
        assert chosen == len(re.findall(r"\b(?:authsvc|process)_\w+", query)), query


def test_colours_are_given_to_words_that_are_said():
    said = {"allow", "deny", "unavailable", "memory", "redis", "database", "stale"} | {
        str(status.value) for status in HTTPStatus
    }
    for panel in PANELS:
        coloured = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
        assert coloured <= said, panel["title"]


@pytest.fixture(scope="module")
def prometheus(logging_mariadb, redis_server, tmp_path_factory):
    """A Prometheus that watches a service in which everything is on that is counted."""
    folder = tmp_path_factory.mktemp("region")
    settings = {"AUTHSVC_AUDIT": str(folder / "audit.log"), "AUTHSVC_STREAM": "binlog"}
    with Region(logging_mariadb, "4.22", folder, redis=redis_server, **settings) as region:
        logging_mariadb.execute(f"GRANT REPLICATION SLAVE ON *.* TO {region.name}")
        region.authsvc.start().await_ready()
        with Prometheus([urlsplit(region.authsvc.ops).netloc]) as server:

            def counted_twice():
                region.verify(signed(region.people["alice"]))
                region.verify(signed(region.people["alice"], "another secret"))
                region.verify({}, token="asv_unknown")
                ask(f"{region.authsvc.url}/nowhere")
                return server.query('rate(authsvc_decisions_total{reason="SignatureMismatch"}[4s]) > 0')

            await_that(counted_twice, "Prometheus to have seen it twice")
            yield server
        assert region.authsvc.stop() == 0


@pytest.mark.parametrize("query", QUERIES)
def test_a_real_prometheus_has_an_answer(prometheus, query):
    found = prometheus.query(filled_in(query))
    assert found
    assert not [each for each in found if each["value"][1] == "NaN"]


def test_the_variables_are_found(prometheus):
    assert prometheus.query("group by (job) (authsvc_build_info)")[0]["metric"] == {"job": "authsvc"}
