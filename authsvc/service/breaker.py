"""A circuit breaker: a dependency that fails is left alone for a moment, then tried by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authsvc.ports import Clock


class Breaker:
    """Closed: everybody may try. Open after a failure: nobody, for ``rest`` seconds. Then one may, and decides.

    ``after`` failures in a row open it. Single-threaded, as an event loop is.
    """

    def __init__(self, clock: Clock, *, rest: float = 0.5, after: int = 1) -> None:
        """Begin closed."""
        self._clock = clock
        self._rest = rest
        self._after = after
        self._failures = 0
        self._retry_at = 0.0

    @property
    def open(self) -> bool:
        """Say whether it keeps anybody from trying at this moment."""
        return not self.closed and self._clock.monotonic() < self._retry_at

    @property
    def closed(self) -> bool:
        """Say whether the last calls did not fail, so that everybody may try."""
        return self._failures < self._after

    def admits(self) -> bool:
        """Say whether the asker may try; while open, the first to ask after the rest is the one who may."""
        if self.closed:
            return True
        if self._clock.monotonic() < self._retry_at:
            return False
        self._retry_at = self._clock.monotonic() + self._rest
        return True

    def succeeded(self) -> None:
        """Close it."""
        self._failures = 0

    def failed(self) -> None:
        """Count a failure, and rest from now if there were enough."""
        self._failures += 1
        self._retry_at = self._clock.monotonic() + self._rest
