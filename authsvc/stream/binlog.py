"""The binary log of MariaDB or MySQL, read as a replica reads it.

It is never taken up where it was left: whoever connects starts at the server's position of that moment and says
that it began. What happened in between is not told, and whoever listens counts nothing that was read before; so
neither a purged log nor a link that was down can hide a change.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import ssl
import threading
from typing import TYPE_CHECKING, Any

from pymysql.cursors import DictCursor
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.event import (
    ExecuteLoadQueryEvent,
    HeartbeatLogEvent,
    MariadbGtidEvent,
    NotImplementedEvent,
    QueryEvent,
    RotateEvent,
    XidEvent,
)
from pymysqlreplication.row_event import (
    DeleteRowsEvent,
    PartialUpdateRowsEvent,
    RowsEvent,
    UpdateRowsEvent,
    WriteRowsEvent,
)

from authsvc.errors import ChangesUnavailable
from authsvc.stream.position import Position
from authsvc.stream.rows import TABLES, Image, about, changed_by
from authsvc.stream.source import SILENCE, Connector, look, meaning

if TYPE_CHECKING:
    import re
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    import pymysql

    from authsvc.ports import Changes, Clock
    from authsvc.stream.source import Source

HEARTBEAT = 0.3
"""Seconds after which a server that has nothing to tell says so."""

HEARD_EVERY = 0.1
"""Seconds between two times that being alive is handed over, however busy the server."""

FIRST_REST, LONGEST_REST = 0.25, 5.0
"""Seconds before the next try, at first and after many."""

END = 0.9
"""Seconds for the thread to end."""

_EVENTS = (
    DeleteRowsEvent,
    ExecuteLoadQueryEvent,
    HeartbeatLogEvent,
    MariadbGtidEvent,
    NotImplementedEvent,
    PartialUpdateRowsEvent,
    QueryEvent,
    RotateEvent,
    UpdateRowsEvent,
    WriteRowsEvent,
    XidEvent,
)
_WITHOUT_CHANGES = frozenset({5, 28, 34, 36, 37, 41, 42})
"""Events unknown to the library that tell of no change: numbers of transactions and the like. Any other may, such
as compressed rows."""

_log = logging.getLogger(__name__)
_jitter = secrets.SystemRandom()
# It warns of every connection that columns have no names, which nobody here needs.
logging.getLogger("pymysqlreplication").setLevel(logging.ERROR)


@contextlib.asynccontextmanager
async def read_binlog(
    arguments: Mapping[str, Any], changes: Changes, clock: Clock
) -> AsyncIterator[BinlogReader]:
    """Read while the context is open, in a thread, and tell ``changes`` in this loop.

    Whatever is wrong with the server, it is tried again. ``arguments`` are those of ``directory.engine``.
    """
    reader = BinlogReader(arguments, changes, clock)
    ended = asyncio.Event()
    thread = threading.Thread(target=reader.run, args=(ended,), name="binlog", daemon=True)
    thread.start()
    try:
        yield reader
    finally:
        reader.stop()
        # A name that does not resolve is waited for by the thread alone.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END):
                await ended.wait()
                thread.join()
        changes.ended()


async def examine_binlog(arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Look closely, and tell what was found: ``ok`` or ``warn``, and a line for a person.

    Raises:
        ChangesUnavailable: Changes would not be told, and why.
    """
    return await asyncio.to_thread(_examine, arguments)


def _examine(arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    connected = Connector(arguments).connected
    try:
        with connected(cursorclass=DictCursor) as control, connected() as connection:
            source = look(control)
            next(_stream(source, _new_server_id(), connection, control))
    except Exception as error:  # noqa: BLE001 - whatever a server or a library does wrong
        raise ChangesUnavailable(meaning(error)) from None
    found = [("ok", f"the binary log of {source.database} can be read")]
    if (image := source.variables.get("binlog_row_image", "FULL")) != "FULL":
        found.append(("warn", f"binlog_row_image is {image}, so a change may be anybody's: set it to FULL"))
    if unseen := {"user", "account", "domain"} - source.layouts.keys():
        names = ", ".join(sorted(unseen))
        found.append(("warn", f"a change in {names} is anybody's, without a look at them: GRANT SELECT"))
    return found


class BinlogReader:
    """Reads and tells, again and again.

    Attributes:
        trouble: Why nothing is told, None while it is, or before the first try.
    """

    def __init__(self, arguments: Mapping[str, Any], changes: Changes, clock: Clock) -> None:
        """Take who is to be told, in the loop that runs."""
        self.trouble: str | None = None
        self._connector = Connector(arguments)
        self._changes = changes
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._server_id = _new_server_id()
        self._stopping = threading.Event()
        self._began = False
        self._heard_at = float("-inf")

    async def ask(self) -> None:
        """Return if changes are told, or were not yet tried to be.

        Raises:
            ChangesUnavailable: They are not, and why.
        """
        if self.trouble is not None:
            raise ChangesUnavailable(self.trouble)

    def run(self, ended: asyncio.Event) -> None:
        """Read until stopped, then set ``ended``. For a thread."""
        rest = FIRST_REST
        while not self._stopping.is_set():
            try:
                self._read()
            except Exception as error:  # noqa: BLE001 - whatever a server or a library does wrong
                self._failed(error)
            if self._began:
                self._began = False
                rest = FIRST_REST
            self._tell(self._changes.ended)
            self._stopping.wait(rest * _jitter.uniform(0.5, 1.0))
            rest = min(2 * rest, LONGEST_REST)
        self._tell(ended.set)

    def stop(self) -> None:
        """End soon, whatever is being waited for. For any thread."""
        self._stopping.set()
        self._connector.cut()

    def _failed(self, error: Exception) -> None:
        """Say so once, until it goes well again."""
        if self._stopping.is_set():
            return
        if self.trouble is None:
            _log.warning("changes are not told: %s", meaning(error))
        self.trouble = meaning(error)

    def _read(self) -> None:
        """Read until something is defined anew, of which other rows may follow.

        Raises:
            Exception: Anything; nothing more is told.
        """
        connected = self._connector.connected
        with connected(cursorclass=DictCursor) as control, connected() as connection:
            source = look(control)
            position, statements = Position(source), about(source.database)
            for event in _stream(source, self._server_id, connection, control):
                at = self._clock.monotonic()
                if not self._began:
                    self._began, self.trouble = True, None
                    self._tell(self._changes.began, at)
                position.saw(event)
                if isinstance(event, RowsEvent):
                    self._tell_rows(event, source, at)
                elif _may_define(event, statements):
                    self._tell(self._changes.all_changed, at)
                    return
                elif at - self._heard_at >= HEARD_EVERY and _is_read_up(connection):
                    self._tell_heard(position, control, event, at)
        raise ChangesUnavailable("the server has ended its log")

    def _tell_rows(self, event: Any, source: Source, at: float) -> None:
        try:
            names = changed_by(event.table, _images(event), source.layouts.get(event.table))
        except Exception:  # noqa: BLE001 - a column that cannot be read
            names = None
        if names is None:
            self._tell(self._changes.all_changed, at)
        elif names:
            self._tell(self._changes.changed, names, at)

    def _tell_heard(self, position: Position, control: pymysql.Connection, event: Any, at: float) -> None:
        if position.is_told(control, event):
            self._heard_at = at
            self._tell(self._changes.heard, at)

    def _tell(self, what: Callable[..., object], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(what, *arguments)


def _new_server_id() -> int:
    """Return a number that no replica has: of two with the same the server ends one."""
    return secrets.randbelow(2**32 - 2**20) + 2**20


def _stream(
    source: Source, server_id: int, connection: pymysql.Connection, control: pymysql.Connection
) -> Iterator[Any]:
    """Yield the events of the log. The library would connect anew by itself, and hide that it did."""
    connections = iter((connection, control))

    def connect(**_options: Any) -> pymysql.Connection:
        for one in connections:
            return one
        raise ChangesUnavailable("the connection is lost, or the server silent")

    return iter(
        BinLogStreamReader(
            {"read_timeout": SILENCE},
            server_id,
            pymysql_wrapper=connect,
            blocking=True,
            slave_heartbeat=HEARTBEAT,
            only_schemas=[source.database],
            only_tables=[*TABLES],
            only_events=_EVENTS,
            filter_non_implemented_events=False,
            enable_logging=False,
            **source.start,
        )
    )


def _images(event: Any) -> Iterator[Image]:
    before = event.columns_present_bitmap
    after = getattr(event, "columns_present_bitmap2", before)
    for row in event.rows:
        for which, logged in (("values", before), ("before_values", before), ("after_values", after)):
            if which in row:
                yield Image(values=[*row[which].values()], logged=logged)


def _may_define(event: Any, statements: re.Pattern[str]) -> bool:
    """Say whether rows that follow may look otherwise, or rows are missing."""
    if isinstance(event, QueryEvent):
        return statements.search(event.query) is not None
    if isinstance(event, NotImplementedEvent):
        return event.event_type not in _WITHOUT_CHANGES
    return isinstance(event, ExecuteLoadQueryEvent)


def _is_read_up(connection: pymysql.Connection) -> bool:
    """Say whether all that has arrived is read: what is behind may be a change, and told later than it is heard of."""
    plain = connection._sock  # noqa: SLF001 - there is no public way
    plain.settimeout(0)
    try:
        return not connection._rfile.peek()  # noqa: SLF001
    except ssl.SSLWantReadError:
        return True
    finally:
        plain.settimeout(SILENCE)
