"""More than one who listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authsvc.ports import Decision, EventSink


class SeveralEvents:
    """Tells each of them, in their order."""

    def __init__(self, *sinks: EventSink) -> None:
        """Take them."""
        self._sinks = sinks

    def record(self, decision: Decision) -> None:
        """Pass it on."""
        for sink in self._sinks:
            sink.record(decision)
