"""Decisions, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from authsvc.ports import Decision


class MetricsEvents:
    """Counts decisions by verdict, source and reason; never by access key, user or caller's input."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Declare the counter in the registry."""
        self._decisions = Counter(
            "authsvc_decisions_total",
            "Answers given, by verdict, by where the record came from, and by why not.",
            ["verdict", "source", "reason"],
            registry=registry,
        )
        # Binding labels costs more than counting; there are few combinations, all from our own vocabulary.
        self._bound: dict[tuple[str, str, str], Counter] = {}

    def record(self, decision: Decision) -> None:
        """Count one."""
        labels = (decision.verdict, decision.source or "", decision.reason or "")
        counter = self._bound.get(labels)
        if counter is None:
            counter = self._bound[labels] = self._decisions.labels(*labels)
        counter.inc()
