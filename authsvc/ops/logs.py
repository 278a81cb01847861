"""One JSON line an event, written by a thread, so that a blocked pipe never blocks an answer."""

from __future__ import annotations

import collections
import logging
import os
import select
import threading
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

if TYPE_CHECKING:
    from collections.abc import Iterator

BROKEN = (web.RequestPayloadError, HttpProcessingError, aiohttp.ClientError, ConnectionError)
"""What a connection breaks with that ends early, or carries no HTTP."""

CAPACITY = 10_000
"""Lines waiting at most; beyond it lines are dropped and counted."""

EVERY = 0.1
"""Seconds between two writes."""

TOGETHER = 64
"""Events made into lines at a time."""

AT_ONCE = select.PIPE_BUF
"""Bytes in one write at most, but for a longer line: so many reach a pipe in one piece, whoever else writes to it."""

_PLAIN = frozenset({str, int, float, bool, datetime, type(None)})
_JSON = msgspec.json.Encoder()


class LineLog:
    """A bounded heap of lines that a thread carries to a file descriptor some times a second.

    A reader that stops reading costs lines (``dropped``), never time: the writing thread is the only one that
    blocks. It is not woken for each line, because handing the interpreter over costs more than the line does; and
    it does the writing of the JSON, too, which is cheaper for many in a row.
    Close waits at most a second for what is left.
    """

    def __init__(self, descriptor: int = 1, *, capacity: int = CAPACITY) -> None:
        """Write to the descriptor, standard output by default."""
        self.dropped = 0
        self._descriptor = descriptor
        self._capacity = capacity
        self._events: collections.deque[tuple[datetime, dict[str, Any]]] = collections.deque()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="log", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join(timeout=1.0)

    def emit(self, fields: dict[str, Any]) -> None:
        """Take one event, which nobody changes any more; ``time`` is added in front."""
        if len(self._events) >= self._capacity:
            self.dropped += 1
            return
        self._events.append((datetime.now(UTC), fields))

    def _carry(self) -> None:
        while not self._closing.wait(EVERY):
            self._write()
        self._write()

    def _write(self) -> None:
        together: list[bytes] = []
        size = 0
        for line in self._lines():
            if together and size + len(line) > AT_ONCE:
                self._put(together)
                together, size = [], 0
            together.append(line)
            size += len(line)
        self._put(together)

    def _lines(self) -> Iterator[bytes]:
        """Take the events, and write some of them at a time."""
        while self._events:
            events = [
                {"time": now, **(fields if _PLAIN.issuperset(map(type, fields.values())) else _plain(fields))}
                for now, fields in (self._events.popleft() for _ in range(min(TOGETHER, len(self._events))))
            ]
            try:
                yield from _JSON.encode_lines(events).splitlines(keepends=True)
            except UnicodeEncodeError:  # in one of them; the others are fine
                yield from filter(None, map(self._line, events))

    def _line(self, event: dict[str, Any]) -> bytes | None:
        try:
            return _JSON.encode(event) + b"\n"
        except UnicodeEncodeError:
            self.dropped += 1
            return None

    def _put(self, lines: list[bytes]) -> None:
        rest = b"".join(lines)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:  # a full disk or a closed pipe loses lines, nothing else
            self.dropped += len(lines)


class LineHandler(logging.Handler):
    """Sends the standard library's records, ours and the libraries', down a ``LineLog``."""

    def __init__(self, log: LineLog, level: int | str = logging.NOTSET) -> None:
        """Take the log to write to, and the least level that is written."""
        super().__init__(level)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record; an exception gives its type and place, not its text, which may quote input."""
        fields: dict[str, Any] = {
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            fields["exception"] = record.exc_info[0].__name__
            fields["at"] = _place(record.exc_info[2])
        self._log.emit(fields)


def capture_standard_logging(log: LineLog, level: str) -> None:
    """Make ``logging`` write to the log at the level, and nowhere else."""
    logging.basicConfig(level=level.upper(), handlers=[LineHandler(log, level.upper())], force=True)
    logging.getLogger("aiohttp.server").addFilter(_is_no_fault)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it lists its plugins, and each table it looks at


def _is_no_fault(record: logging.LogRecord) -> bool:
    """Make an error of the library's information where somebody sent no HTTP, or left: anybody can do that."""
    if record.exc_info and isinstance(record.exc_info[1], BROKEN):
        record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
    return True


def _plain(value: Any) -> Any:
    """Make of anything but text, numbers and times the name of its type: nothing that strays into an event is shown."""
    if type(value) in _PLAIN or isinstance(value, Enum):
        return value
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return f"<{type(value).__name__}>"


def _place(traceback: Any) -> list[str]:
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{os.path.basename(code.co_filename)}:{traceback.tb_lineno} {code.co_name}")  # noqa: PTH119
        traceback = traceback.tb_next
    return places[-8:]
