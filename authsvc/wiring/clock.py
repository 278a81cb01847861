"""The time of day."""

from __future__ import annotations

import time


class SystemClock:
    """The machine's clocks."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


CLOCK = SystemClock()
