"""Bytes by name, many to one object: what Python needs for each of its own is more than half of what they take."""

from __future__ import annotations

from typing import Final

NAME: Final = 16
"""Bytes of a name; names have to be as good as random."""

_EACH: Final = 12
"""Records to a shelf, on average."""

_LENGTH: Final = 3
_HEAD: Final = NAME + _LENGTH  # of a record: its name, and its length


class Shelves:
    """A bounded map of what was put last; in every shelf the least recently put stands first, and goes first.

    As in a processor's cache the order holds within a shelf. A record leaves for another of its own shelf, so
    that shelves stay about as full as they came to be.
    """

    def __init__(self, most: int) -> None:
        """Bound the map."""
        self._most = max(most, 1)
        self._shelves = [b""] * max(most // _EACH, 1)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def take(self, name: bytes) -> bytes | None:
        """Take the record off its shelf, and return it."""
        place = self._place(name)
        shelf, start = self._shelves[place], 0
        while start < len(shelf):
            end = _end(shelf, start)
            if shelf.startswith(name, start):
                self._shelves[place] = shelf[:start] + shelf[end:]
                self._count -= 1
                return shelf[start + _HEAD : end]
            start = end
        return None

    def put(self, name: bytes, record: bytes) -> None:
        """Put a record of less than 16 MiB on its shelf, where none of this name stands."""
        place = self._place(name)
        stood = self._shelves[place]
        self._shelves[place] = b"".join((stood, name, len(record).to_bytes(_LENGTH, "big"), record))
        self._count += 1
        if self._count > self._most:
            self._drop(place if stood else place + 1)

    def _drop(self, place: int) -> None:
        """Drop the first record of this shelf, or of the next that has one."""
        place %= len(self._shelves)
        while not self._shelves[place]:
            place = (place + 1) % len(self._shelves)
        shelf = self._shelves[place]
        self._shelves[place] = shelf[_end(shelf, 0) :]
        self._count -= 1

    def _place(self, name: bytes) -> int:
        return int.from_bytes(name[:4], "little") % len(self._shelves)


def _end(shelf: bytes, start: int) -> int:
    return start + _HEAD + int.from_bytes(shelf[start + NAME : start + _HEAD], "big")
