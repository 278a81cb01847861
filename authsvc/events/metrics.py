"""Decisions, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Counter

    from authsvc.ports import Decision


class MetricsEvents:
    """Counts decisions by verdict, source and reason; never by access key, user or caller's input."""

    def __init__(self, decisions: Counter) -> None:
        """Take the counter, labelled by verdict, source and reason."""
        self._decisions = decisions
        # Binding labels costs more than counting; there are few combinations, all from our own vocabulary.
        self._bound: dict[tuple[str, str, str], Counter] = {}

    def record(self, decision: Decision) -> None:
        """Count one."""
        labels = (decision.verdict, decision.source or "", decision.reason or "")
        counter = self._bound.get(labels)
        if counter is None:
            counter = self._bound[labels] = self._decisions.labels(*labels)
        counter.inc()
