"""Decisions, counted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authsvc.ports import Decision


class MetricsEvents:
    """Counts decisions by verdict, source and reason; never by access key, user or caller's input.

    Attributes:
        decisions: How many there were, by those three; few combinations, all from our own vocabulary.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.decisions: Counter[tuple[str, str, str]] = Counter()

    def record(self, decision: Decision) -> None:
        """Count one."""
        self.decisions[decision.verdict, decision.source or "", decision.reason or ""] += 1
