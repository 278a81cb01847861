"""The metrics are an interface: names, types and labels do not change by accident."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from authsvc import __version__
from authsvc.cli.metrics import metrics_table
from authsvc.directory.memory import MemoryDirectory
from authsvc.events.metrics import MetricsEvents
from authsvc.ops.health import Health
from authsvc.ops.logs import LineLog
from authsvc.ops.metrics import LATENCY_BUCKETS, METRICS, Durations, Metric, Metrics
from authsvc.ports import Decision
from tests.people import StoppedClock

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"

# Dashboards and alerts out there rest on these. Add; do not change.
PUBLISHED = {
    ("authsvc_audit_failures_total", "counter", ()),
    ("authsvc_breaker_state", "gauge", ("dep",)),
    ("authsvc_build_info", "gauge", ("version",)),
    ("authsvc_cache_records", "gauge", ()),
    ("authsvc_cache_rejects_total", "counter", ("why",)),
    ("authsvc_caller_rejects_total", "counter", ("why",)),
    ("authsvc_clock_skew_seconds", "gauge", ()),
    ("authsvc_db_inflight", "gauge", ()),
    ("authsvc_decisions_total", "counter", ("verdict", "source", "reason")),
    ("authsvc_degraded", "gauge", ()),
    ("authsvc_freshness_mode", "gauge", ("mode",)),
    ("authsvc_log_dropped_total", "counter", ()),
    ("authsvc_loop_lag_seconds", "histogram", ()),
    ("authsvc_ready", "gauge", ()),
    ("authsvc_request_seconds", "histogram", ("route", "status")),
    ("authsvc_shed_total", "counter", ()),
    ("authsvc_staleness_seconds", "gauge", ()),
    ("authsvc_stream_position_age_seconds", "gauge", ()),
}


@pytest.fixture
def health():
    return Health()


@pytest.fixture
def log():
    return LineLog()


@pytest.fixture
def metrics(health, log):
    return Metrics(health=health, log=log)


def shown(metrics):
    """Read what Prometheus would, by name; counters under the name they are exposed by."""
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    return {
        family.name + "_total" if family.type == "counter" else family.name: family
        for family in families
        if family.name.startswith("authsvc_") and not family.name.endswith("_created")
    }


def test_names_types_and_labels_are_those_that_were_published():
    assert {(metric.name, metric.kind, metric.labels) for metric in METRICS} == PUBLISHED
    assert len(METRICS) == len(PUBLISHED)


def test_what_is_declared_is_what_is_shown(metrics):
    metrics.request_seconds.observe(0.001, ("/v1/verify", 200))
    metrics.loop_lag.observe(0.001)
    for metric in METRICS:
        if metric.kind != "histogram":
            metrics.read(metric.name, lambda labels=metric.labels: {("x",) * len(labels): 1} if labels else 1)

    families = shown(metrics)

    assert families.keys() == {metric.name for metric in METRICS}
    for metric in METRICS:
        family = families[metric.name]
        assert (family.type, family.documentation) == (metric.kind, metric.about)
        assert family.samples
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == set(metric.labels)


def test_a_number_nobody_has_is_not_shown(metrics):
    metrics.read("authsvc_staleness_seconds", lambda: None)

    assert "authsvc_staleness_seconds" not in shown(metrics)
    assert "authsvc_clock_skew_seconds" not in shown(metrics)


def test_a_number_nobody_declared_cannot_be_shown(metrics):
    with pytest.raises(KeyError):
        metrics.read("authsvc_made_up", lambda: 1)


def test_dropped_lines_are_a_counter(metrics, log):
    log.dropped = 3

    (family,) = [family for name, family in shown(metrics).items() if name == "authsvc_log_dropped_total"]
    assert family.type == "counter"
    assert [(sample.name, sample.value) for sample in family.samples] == [("authsvc_log_dropped_total", 3)]


async def test_readiness_and_trouble_show(metrics, health):
    def values():
        families = shown(metrics)
        return [families[name].samples[0].value for name in ("authsvc_ready", "authsvc_degraded")]

    directory = MemoryDirectory(StoppedClock())
    assert values() == [0, 0]
    await health.look(directory)
    assert values() == [1, 0]
    directory.down = True
    await health.look(directory)
    assert values() == [1, 1]


def test_the_version_is_told(metrics):
    (sample,) = shown(metrics)["authsvc_build_info"].samples
    assert sample.labels == {"version": __version__}


def test_decisions_are_counted_by_what_they_were(metrics):
    events = MetricsEvents()
    metrics.read("authsvc_decisions_total", lambda: events.decisions)
    for _ in range(2):
        events.record(Decision(use_case="verify", verdict="allow", caller="store", source="memory"))
    events.record(Decision(use_case="verify", verdict="deny", caller="store", reason="SignatureMismatch"))

    counted = {
        tuple(sample.labels[label] for label in ("verdict", "source", "reason")): sample.value
        for sample in shown(metrics)["authsvc_decisions_total"].samples
        if sample.name.endswith("_total")
    }
    assert counted == {
        ("allow", "memory", ""): 2,
        ("deny", "", "SignatureMismatch"): 1,
    }


def test_durations_are_counted_as_prometheus_counts_them():
    seconds = [0.0, 0.001, 0.0010001, 0.3, 2.5, 2.6, 99.0]
    registry = CollectorRegistry()
    theirs = Histogram("h", "h", ["route", "status"], buckets=LATENCY_BUCKETS, registry=registry)
    ours = Durations(*LATENCY_BUCKETS)
    for one in seconds:
        theirs.labels("/", 200).observe(one)
        ours.observe(one, ("/", 200))

    metric = Metric(name="h", kind="histogram", about="h", labels=("route", "status"))
    (expected,) = registry.collect()

    assert ours.family(metric).samples == [each for each in expected.samples if each.name != "h_created"]


def test_the_table_of_metrics_is_the_generated_one():
    table = re.search(r"<!-- metrics: begin -->\n(.*?)\n<!-- metrics: end -->", PAGE.read_text(), re.DOTALL)

    assert table is not None
    assert table[1] == metrics_table(), "run `authsvc metrics` and put its table there"
