"""The numbers this process shows to Prometheus. Names, types and labels are kept: dashboards and alerts rest on them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, Literal

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from authsvc import __version__

if TYPE_CHECKING:
    from authsvc.ops.health import Health
    from authsvc.ops.logs import LineLog

LATENCY_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)
LAG_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

Source = Callable[[], float | Mapping[Any, float] | None]
"""Gives a number, or one for each value of the label, or of the labels in their order; None while there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number as Prometheus sees it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    about: str
    labels: tuple[str, ...] = ()


METRICS: Final = (
    Metric(
        name="authsvc_decisions_total",
        kind="counter",
        about="Answers given, by verdict, by where the record came from, and by why not.",
        labels=("verdict", "source", "reason"),
    ),
    Metric(
        name="authsvc_request_seconds",
        kind="histogram",
        about="Time from a request's head to its answer.",
        labels=("route", "status"),
    ),
    Metric(
        name="authsvc_caller_rejects_total",
        kind="counter",
        about="Requests whose caller was not known, by why: nothing shown, an unknown token, or several callers named.",
        labels=("why",),
    ),
    Metric(name="authsvc_ready", kind="gauge", about="1 if requests should be sent here."),
    Metric(
        name="authsvc_degraded",
        kind="gauge",
        about="1 if /readyz names something that is wrong though ready.",
    ),
    Metric(
        name="authsvc_staleness_seconds",
        kind="gauge",
        about="Seconds since the database last answered; absent until it first has.",
    ),
    Metric(
        name="authsvc_freshness_mode",
        kind="gauge",
        about="1 for how remembered records are kept fresh now: live hears of changes, polling asks the database "
        "again, stale answers without it.",
        labels=("mode",),
    ),
    Metric(
        name="authsvc_stream_position_age_seconds",
        kind="gauge",
        about="Seconds since the change stream was last heard of; absent while there is none.",
    ),
    Metric(
        name="authsvc_breaker_state",
        kind="gauge",
        about="1 while a dependency (database, redis) is left alone because its last calls failed, else 0.",
        labels=("dep",),
    ),
    Metric(
        name="authsvc_db_inflight",
        kind="gauge",
        about="Questions to the database under way, those that wait for a connection included.",
    ),
    Metric(
        name="authsvc_clock_skew_seconds",
        kind="gauge",
        about="How far this machine's clock is ahead of the database's, negative if behind; absent for SQLite.",
    ),
    Metric(name="authsvc_cache_records", kind="gauge", about="Access keys remembered in this process."),
    Metric(
        name="authsvc_cache_rejects_total",
        kind="counter",
        about="Times the shared cache was of no use, by why: not reached (unavailable), not written (unwritten), "
        "or a record refused for its seal, layout, age or key.",
        labels=("why",),
    ),
    Metric(
        name="authsvc_shed_total",
        kind="counter",
        about="Questions refused untried because too many were under way.",
    ),
    Metric(
        name="authsvc_loop_lag_seconds",
        kind="histogram",
        about="How much later than asked for the event loop came back, measured ten times a second.",
    ),
    Metric(
        name="authsvc_log_dropped_total",
        kind="counter",
        about="Log lines dropped because nobody read them.",
    ),
    Metric(
        name="authsvc_audit_failures_total",
        kind="counter",
        about="Audit lines not written, or not in time; absent where there is no audit.",
    ),
    Metric(
        name="authsvc_build_info",
        kind="gauge",
        about="Always 1; the version is a label.",
        labels=("version",),
    ),
)

_BY_NAME: Final = {metric.name: metric for metric in METRICS}


class Durations:
    """Seconds in buckets, by the values of the labels: a list of counts, the last for what no bucket holds, and the sum.

    ``prometheus_client`` has one that threads may share; that takes as long as a tenth of an answer.
    """

    def __init__(self, *buckets: float) -> None:
        """Take each bucket's upper bound, ascending."""
        self.buckets = buckets
        self._by_labels: dict[tuple[object, ...], tuple[list[int], list[float]]] = {}

    def observe(self, seconds: float, labels: tuple[object, ...] = ()) -> None:
        """Count one."""
        counts, total = self._by_labels.get(labels) or self._begun(labels)
        counts[bisect_left(self.buckets, seconds)] += 1
        total[0] += seconds

    def family(self, metric: Metric) -> HistogramMetricFamily:
        """Return it as Prometheus reads it: each bucket holds what those below it hold."""
        family = HistogramMetricFamily(metric.name, metric.about, labels=metric.labels)
        bounds = [*map(str, self.buckets), "+Inf"]
        for labels, (counts, total) in self._by_labels.items():
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            family.add_metric([str(label) for label in labels], buckets, total[0])
        return family

    def _begun(self, labels: tuple[object, ...]) -> tuple[list[int], list[float]]:
        return self._by_labels.setdefault(labels, ([0] * (len(self.buckets) + 1), [0.0]))


class Metrics:
    """One process's registry: what is counted where it happens is read when somebody looks.

    Attributes:
        registry: All of it.
        request_seconds: Time from a request's head to its answer.
        loop_lag: How late the event loop was.
    """

    def __init__(self, *, health: Health, log: LineLog) -> None:
        """Declare the metrics, and the process's own."""
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.request_seconds = Durations(*LATENCY_BUCKETS)
        self.loop_lag = Durations(*LAG_BUCKETS)
        self._kept = _Kept()
        self._kept.durations |= {
            _BY_NAME["authsvc_request_seconds"]: self.request_seconds,
            _BY_NAME["authsvc_loop_lag_seconds"]: self.loop_lag,
        }
        self.registry.register(self._kept)
        self.read("authsvc_build_info", lambda: {__version__: 1})
        self.read("authsvc_ready", lambda: health.ready)
        self.read("authsvc_degraded", lambda: bool(health.report()["degraded"]))
        self.read("authsvc_log_dropped_total", lambda: log.dropped)

    def read(self, name: str, source: Source) -> None:
        """Show under this name of ``METRICS`` what the source gives."""
        self._kept.sources[_BY_NAME[name]] = source


class _Kept(Collector):
    """What is kept where it happens, read when somebody looks."""

    def __init__(self) -> None:
        self.sources: dict[Metric, Source] = {}
        self.durations: dict[Metric, Durations] = {}

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]:
        for metric, durations in self.durations.items():
            yield durations.family(metric)
        for metric, source in self.sources.items():
            value = source()
            if value is not None:
                yield _family(metric, value)


def _family(metric: Metric, value: float | Mapping[Any, float]) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    if not isinstance(value, Mapping):
        return kind(metric.name, metric.about, value=float(value))
    family = kind(metric.name, metric.about, labels=metric.labels)
    for labels, number in value.items():
        family.add_metric([labels] if isinstance(labels, str) else labels, number)
    return family
