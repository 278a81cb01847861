"""Where the reader of a log is, held against where the log is.

A server whose log is started anew (RESET MASTER) goes on to tell those who read the old one that it is alive, and
never again what changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pymysqlreplication.event import HeartbeatLogEvent, MariadbGtidEvent

from authsvc.errors import ChangesUnavailable
from authsvc.stream.source import first_known

if TYPE_CHECKING:
    import pymysql

    from authsvc.stream.source import Source

DOUBTS = 5
"""Heartbeats in a row that may say of the log what the server does not: something is just being logged."""


class Position:
    """Where the reader is, and whether that is the end of the log."""

    def __init__(self, source: Source) -> None:
        """Begin where the log is read from."""
        start = source.start.get("auto_position")
        self._log: Log = Coordinates() if start is None else Gtids(start)
        self._doubts = 0

    def saw(self, event: Any) -> None:
        """Go on past the event."""
        if not isinstance(event, HeartbeatLogEvent):
            self._doubts = 0
        if isinstance(event, MariadbGtidEvent):
            self._log.saw(event)

    def is_told(self, control: pymysql.Connection, event: Any) -> bool:
        """Say whether nothing was logged before the event that was not seen. ``control`` gives rows as dictionaries.

        A heartbeat says that all was sent, and the server is asked what that would be; any other event was sent
        as it was logged.

        Raises:
            ChangesUnavailable: The server goes on to log what it does not send.
            pymysql.err.MySQLError: It cannot be asked.
        """
        if not isinstance(event, HeartbeatLogEvent):
            return True
        with control.cursor() as cursor:
            agrees = self._log.agrees(cursor, event)
        self._doubts = 0 if agrees else self._doubts + 1
        if self._doubts >= DOUBTS:
            raise ChangesUnavailable("the server logs what it does not send; has its log been started anew?")
        return agrees


class Log(Protocol):
    """How a server names places in its log."""

    def saw(self, event: MariadbGtidEvent) -> None:
        """Take note of a transaction's beginning."""
        ...

    def agrees(self, cursor: Any, heartbeat: HeartbeatLogEvent) -> bool:
        """Say whether the log is where the reader is."""
        ...


class Gtids:
    """By the last transaction of each domain (MariaDB)."""

    def __init__(self, start: str) -> None:
        """Begin at a position as the server writes it, ``0-1-42,1-2-7``."""
        self._seen = _by_domain(start)

    def saw(self, event: MariadbGtidEvent) -> None:
        """Take note of it."""
        self._seen[str(event.domain_id)] = event.gtid

    def agrees(self, cursor: Any, heartbeat: HeartbeatLogEvent) -> bool:  # noqa: ARG002 - it need not say
        """Compare; what is logged at this very moment makes a difference, too.

        A server may have become a replica under the reader, whose own log then tells nothing.
        """
        cursor.execute(
            "SELECT @@GLOBAL.gtid_binlog_pos AS logged,"
            " IF(@@GLOBAL.log_slave_updates, '', @@GLOBAL.gtid_slave_pos) AS unlogged"
        )
        row = cursor.fetchone()
        return not row["unlogged"] and _by_domain(row["logged"]) == self._seen


class Coordinates:
    """By a file and a place in it (MySQL), which heartbeats say."""

    def saw(self, event: MariadbGtidEvent) -> None:
        """Nothing: there are none."""

    def agrees(self, cursor: Any, heartbeat: HeartbeatLogEvent) -> bool:
        """Compare; that the log is further on proves nothing."""
        status = first_known(cursor, "SHOW BINARY LOG STATUS", "SHOW MASTER STATUS")
        sent = _ordered(heartbeat.ident, heartbeat.packet.log_pos)
        return status is not None and sent <= _ordered(status["File"], status["Position"])


def _by_domain(position: str) -> dict[str, str]:
    return {gtid.partition("-")[0]: gtid for gtid in position.split(",") if gtid}


def _ordered(file: str, place: int) -> tuple[int, str, int]:
    return len(file), file, place  # of two numbers the longer is the later
