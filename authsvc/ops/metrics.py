"""Numbers for Prometheus that belong to the process as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from authsvc import __version__

if TYPE_CHECKING:
    from authsvc.ops.health import Health
    from authsvc.ops.logs import LineLog

LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)


def new_registry(*, health: Health, log: LineLog) -> CollectorRegistry:
    """Make a registry with the process's own numbers in it."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    ready = Gauge("authsvc_ready", "1 if requests should be sent here.", registry=registry)
    ready.set_function(lambda: float(health.ready))
    dropped = Gauge(
        "authsvc_log_dropped_total", "Log lines dropped because nobody read them.", registry=registry
    )
    dropped.set_function(lambda: float(log.dropped))
    build = Gauge("authsvc_build_info", "Always 1; the version is a label.", ["version"], registry=registry)
    build.labels(version=__version__).set(1)
    return registry


def request_seconds(registry: CollectorRegistry) -> Histogram:
    """Declare the histogram of request times, by route and status."""
    return Histogram(
        "authsvc_request_seconds",
        "Time from the request's head to its answer.",
        ["route", "status"],
        buckets=LATENCY_BUCKETS,
        registry=registry,
    )
