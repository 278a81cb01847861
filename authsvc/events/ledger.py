"""A file of lines that a thread appends to, so that no disk and no pipe ever holds the event loop up."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import errno
import os
import select
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CAPACITY: Final = 10_000
"""Lines waiting at most; beyond it a line is lost at once."""

EVERY: Final = 0.1
"""Seconds between two writes of lines that nobody waits for."""

DEADLINE: Final = 0.1
"""Seconds that somebody waits for a line to be written."""

PATIENCE: Final = 1.0
"""Seconds that a full pipe gets to be read, before the lines next in turn are lost."""

AT_ONCE: Final = select.PIPE_BUF
"""Bytes in one write at most, but for a longer line: so many reach a pipe in one piece, whoever else writes to it."""

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MODE: Final = 0o640


@dataclass(slots=True, eq=False)
class _Entry:
    line: bytes
    waiter: asyncio.Future[bool] | None = None


class Ledger:
    """Lines, each written whole or counted as a failure.

    Written means that the kernel has taken all of it: it outlives this process, and not a loss of power. The file is
    opened again when the name leads to another one, or to none, so that it may be renamed away at any time. A named
    pipe that nobody reads is no place to write to.
    """

    def __init__(self, path: Path, *, capacity: int = CAPACITY, deadline: float = DEADLINE) -> None:
        """Take the path; nothing is opened before there is a line."""
        self._path = path
        self._capacity = capacity
        self._deadline = deadline
        self._entries: collections.deque[_Entry] = collections.deque()
        # Two counts, as one would be added to by two threads, which loses now and then.
        self._refused = 0
        self._unwritten = 0
        self._descriptor: int | None = None
        self._cut = False
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._carry, name="audit", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        self._wake.set()
        self._thread.join(timeout=1.0)

    @property
    def failures(self) -> int:
        """Return how many lines were not written, or not in time."""
        return self._refused + self._unwritten

    def append(self, line: bytes) -> None:
        """Write the line soon."""
        if len(self._entries) < self._capacity:
            self._entries.append(_Entry(line))
        else:
            self._refused += 1

    async def appended(self, line: bytes) -> bool:
        """Write the line now, and say within the deadline whether it is written."""
        kept = False
        if len(self._entries) < self._capacity:
            waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self._entries.append(_Entry(line, waiter))
            self._wake.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._deadline):
                    kept = await waiter
        self._refused += not kept
        return kept

    def trouble(self) -> str | None:
        """Say why no line could be written now, None if one could; nothing is made on the way, as whoever tries may be root."""
        try:
            os.close(os.open(self._path, _FLAGS & ~os.O_CREAT))
        except FileNotFoundError as error:
            if not self._path.parent.is_dir():
                return error.strerror
            writable = os.access(self._path.parent, os.W_OK | os.X_OK)
            return None if writable else os.strerror(errno.EACCES)
        except OSError as error:
            return error.strerror or type(error).__name__
        return None

    def _carry(self) -> None:
        while not self._closing:
            self._wake.wait(EVERY)
            self._wake.clear()
            self._write_all()
        self._write_all()
        self._close()

    def _write_all(self) -> None:
        while self._entries:
            descriptor = self._opened()
            batch = self._take()
            taken = 0 if descriptor is None else self._write(descriptor, b"".join(e.line for e in batch))
            self._settle(batch, taken)

    def _take(self) -> list[_Entry]:
        """Take what goes into one write; a line nobody waits for any longer is left out."""
        batch: list[_Entry] = []
        size = 0
        while self._entries and (not batch or size + len(self._entries[0].line) <= AT_ONCE):
            entry = self._entries.popleft()
            if entry.waiter is None or not entry.waiter.cancelled():
                batch.append(entry)
                size += len(entry.line)
        return batch

    def _settle(self, batch: Sequence[_Entry], taken: int) -> None:
        """Tell who waits what became of each line, of which so many bytes were taken together."""
        told: list[tuple[asyncio.Future[bool], bool]] = []
        end = 0
        for entry in batch:
            start, end = end, end + len(entry.line)
            self._cut = self._cut or start < taken < end
            if entry.waiter is None:
                self._unwritten += end > taken
            else:
                told.append((entry.waiter, end <= taken))
        if told:
            with contextlib.suppress(RuntimeError):  # its loop is closed, and nobody waits
                told[0][0].get_loop().call_soon_threadsafe(_tell, told)

    def _write(self, descriptor: int, lines: bytes) -> int:
        """Return how many bytes of the lines were taken; what follows half a line begins on a line of its own."""
        cut = int(self._cut)
        data = b"\n" * cut + lines
        taken = 0
        try:
            while taken < len(data):
                taken += os.write(descriptor, data[taken:])
        except BlockingIOError:  # somebody else filled the pipe first
            pass
        except OSError:  # a full disk, for one; another file may do better
            self._close()
        if taken:
            self._cut = False
        return max(taken - cut, 0)

    def _opened(self) -> int | None:
        """Return the descriptor of what has the name now, with room for a line; None if there is none."""
        try:
            if self._descriptor is not None and self._moved(self._descriptor):
                self._close()
            room = self._room()
            if room & select.POLLERR:  # who read the pipe has gone; perhaps somebody else has come
                self._close()
                room = self._room()
        except OSError:
            return None
        return self._descriptor if room & select.POLLOUT else None

    def _room(self) -> int:
        """Return what poll() says, after some time at most, of the file, opened if it is not.

        Raises:
            OSError: It cannot be opened.
        """
        if self._descriptor is None:
            self._descriptor = os.open(self._path, _FLAGS, _MODE)
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        found = poll.poll(0 if self._closing else PATIENCE * 1000)
        return found[0][1] if found else 0

    def _moved(self, descriptor: int) -> bool:
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return True
        here = os.fstat(descriptor)
        return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            # A network's file system may complain only now; the next write will show.
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _tell(told: Sequence[tuple[asyncio.Future[bool], bool]]) -> None:
    for waiter, kept in told:
        if not waiter.done():
            waiter.set_result(kept)
