"""Nobody is listening."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authsvc.ports import Decision


class SilentEvents:
    """Takes note of nothing."""

    def record(self, decision: Decision) -> None:
        """Ignore it."""
