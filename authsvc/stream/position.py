"""Where the reader of a log is, held against where the log is.

A server whose log is started anew (RESET MASTER) goes on to tell those who read the old one that it is alive, and
never again what changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pymysqlreplication.event import MariadbGtidEvent

from authsvc.stream.source import first_known

if TYPE_CHECKING:
    import pymysql

    from authsvc.stream.source import Source


class Position(Protocol):
    """Where the reader is."""

    def saw(self, event: Any) -> None:
        """Go on past the event."""
        ...

    def agrees(self, control: pymysql.Connection, heartbeat: Any) -> bool:
        """Say whether all that is logged by now was seen; the heartbeat says that all was sent.

        Raises:
            pymysql.err.MySQLError: The server cannot be asked.
        """
        ...


class Gtids:
    """The last transaction of each domain (MariaDB)."""

    def __init__(self, start: str) -> None:
        """Begin at a position as the server writes it, ``0-1-42,1-2-7``."""
        self._seen = _by_domain(start)

    def saw(self, event: Any) -> None:
        """Take note of a transaction's beginning."""
        if isinstance(event, MariadbGtidEvent):
            self._seen[str(event.domain_id)] = event.gtid

    def agrees(self, control: pymysql.Connection, heartbeat: Any) -> bool:  # noqa: ARG002
        """Compare; one that is logged at this very moment makes a difference, too."""
        with control.cursor() as cursor:
            cursor.execute("SELECT @@GLOBAL.gtid_binlog_pos AS position")
            return _by_domain(cursor.fetchone()["position"]) == self._seen


class Coordinates:
    """A file and a place in it (MySQL), which heartbeats name."""

    def saw(self, event: Any) -> None:
        """Nothing: heartbeats say all."""

    def agrees(self, control: pymysql.Connection, heartbeat: Any) -> bool:
        """Compare; that the log is ahead proves nothing."""
        with control.cursor() as cursor:
            status = first_known(cursor, "SHOW BINARY LOG STATUS", "SHOW MASTER STATUS")
        if status is None:
            return False
        sent = _ordered(heartbeat.ident, heartbeat.packet.log_pos)
        return sent <= _ordered(status["File"], status["Position"])


def position_of(source: Source) -> Position:
    """Return the position a log is read from."""
    start = source.start.get("auto_position")
    return Coordinates() if start is None else Gtids(start)


def _by_domain(position: str) -> dict[str, str]:
    return {gtid.partition("-")[0]: gtid for gtid in position.replace(" ", "").split(",") if gtid}


def _ordered(file: str, place: int) -> tuple[int, str, int]:
    return len(file), file, place  # a longer number is a later one
