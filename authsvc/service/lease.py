"""For how long what was read counts: until it is told to have changed, while whoever tells is heard of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authsvc.ports import Clock

HEARD_WITHIN = 1.0
"""Seconds of silence after which nothing rests on what was not told."""

SETTLED = 20.0
"""Seconds after a change in which a reading may still be of before it: a server tells of a change before every
reader sees it, and one that waits for a replica to have it (semi-synchronous replication) as long as that takes, ten
seconds by default."""

AGAIN = 0.05
"""Seconds a reading of such a time counts at least."""

LONGEST = 60.0
"""Seconds any reading counts, should a change never have been told."""

MOST_CHANGES = 10_000
"""Names remembered to have changed, 2 MiB; whatever was read before the last that was dropped may have changed too."""


class Lease:
    """What a change stream has told, and whether it can be relied on.

    It lives while the stream is heard of: a reading then counts until it is told to have changed. A stream that is
    silent proves nothing, and readings count for as long as they would without one. Single-threaded, as an event
    loop is. ``Changes`` of ports.
    """

    def __init__(self, clock: Clock) -> None:
        """Begin with nothing told."""
        self._clock = clock
        self._heard_at = float("-inf")
        self._all_changed_at = float("-inf")
        self._changed: dict[str, float] = {}
        self._dropped_at = float("-inf")

    @property
    def silent_for(self) -> float | None:
        """Return for how many seconds the stream has not been heard of, None if it is not on."""
        return None if self._heard_at == float("-inf") else self._clock.monotonic() - self._heard_at

    @property
    def lives(self) -> bool:
        """Say whether the stream is heard of."""
        return self._clock.monotonic() - self._heard_at <= HEARD_WITHIN

    def lasts(self, since: float, names: Iterable[str], *, otherwise: float) -> float:
        """Return for how many seconds a reading counts; fewer than none if it does not.

        Args:
            since: When it began, by the monotonic clock.
            names: What it was of: access key, and uuids of user, account and domain.
            otherwise: What to return where nothing tells of changes.
        """
        named_at = self._named(names)
        changed_at = max(self._all_changed_at, named_at)
        if since <= changed_at:
            return float("-inf")
        if not self.lives:
            return otherwise
        if since > changed_at + SETTLED:
            return LONGEST
        # The younger the change, the sooner it is looked for again; never later than without a stream.
        return min(otherwise, max(AGAIN, (since - named_at) / 2))

    def revoked(self, since: float, names: Iterable[str]) -> bool:
        """Say whether one of the names in particular was told to have changed after ``since``."""
        return since <= self._named(names)

    def began(self, at: float) -> None:
        """Count nothing that was read before."""
        self.all_changed(at)
        self._heard_at = at

    def heard(self, at: float) -> None:
        """Live on."""
        self._heard_at = at

    def changed(self, names: Iterable[str], at: float) -> None:
        """Count no reading of these from before."""
        for name in names:
            self._changed.pop(name, None)
            self._changed[name] = at
        while len(self._changed) > MOST_CHANGES:
            self._dropped_at = self._changed.pop(next(iter(self._changed)))

    def all_changed(self, at: float) -> None:
        """Count no reading from before."""
        self._all_changed_at = at

    def ended(self) -> None:
        """Rely on nothing."""
        self._heard_at = float("-inf")

    def _named(self, names: Iterable[str]) -> float:
        if not self._changed:
            return float("-inf")
        return max(self._dropped_at, *(self._changed.get(name, float("-inf")) for name in names))
