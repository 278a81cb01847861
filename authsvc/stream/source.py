"""The server whose binary log is read: how it is connected to, and whether its log tells what is wanted."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.err import MySQLError, OperationalError, ProgrammingError

from authsvc.errors import ChangesUnavailable
from authsvc.stream.rows import NAMES, Layout, layouts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONNECT = 1.0
"""Seconds for TCP to connect."""

SILENCE = 1.5
"""Seconds for which a server may say nothing, in a handshake too."""

_OVER_TLS_ONLY = (
    "caching_sha2_password",
    "dialog",
    "mysql_clear_password",
    "mysql_old_password",
    "sha256_password",
)
_VARIABLES = (
    "binlog_format",
    "binlog_row_image",
    "binlog_transaction_compression",
    "gtid_binlog_pos",
    "gtid_slave_pos",
    "log_bin",
    "log_bin_compress",
    "log_replica_updates",
    "log_slave_updates",
)
_ACCESS_DENIED = 1227
_MEANING = {
    1045: "wrong user or password",
    1227: "the account may not read it: GRANT REPLICATION SLAVE ON *.* (MySQL: REPLICATION CLIENT too)",
    1236: "the server cannot read its own log from where it is",
    2013: "the server is silent",
    2026: "the server offers no TLS",
    2061: "the server asks for a login that is used over TLS only",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A log that can be read.

    Attributes:
        database: The database's name as the log has it.
        start: From where, as the reader of the log takes it.
        layouts: Of the tables whose rows name somebody; one with columns that the account may not see is missing.
        variables: What the server says of its log.
    """

    database: str
    start: Mapping[str, Any]
    layouts: Mapping[str, Layout]
    variables: Mapping[str, str]


class Connector:
    """Opens connections that another thread can cut. ``arguments`` as ``directory.engine`` makes them of a URL."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        """Take the arguments; nothing is connected yet."""
        self._address = arguments["host"], arguments["port"]
        tls = arguments["ssl"]
        self._options = {
            name: arguments[name] for name in ("host", "port", "user", "password", "charset")
        } | {
            "database": arguments["db"],
            "ssl": tls,
            "ssl_disabled": tls is None,
            "autocommit": True,
            "read_timeout": SILENCE,
            "write_timeout": SILENCE,
            "auth_plugin_map": {} if tls else dict.fromkeys(_OVER_TLS_ONLY, _OverTLSOnly),
        }
        self._lock = threading.Lock()
        self._leashes: list[socket.socket] = []
        self._is_cut = False

    @contextlib.contextmanager
    def connected(self, **options: Any) -> Iterator[pymysql.Connection]:
        """Open a connection.

        Raises:
            OSError: The server is not there, or connections are cut.
            pymysql.err.MySQLError: It admits nobody, or not us.
        """
        connection = pymysql.Connection(**self._options, **options, defer_connect=True)
        # TLS takes the first socket over; the second stays good for cutting it.
        with socket.create_connection(self._address, CONNECT) as plain, plain.dup() as leash:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._held(leash):
                connection.connect(plain)
                try:
                    yield connection
                finally:
                    with contextlib.suppress(pymysql.err.Error):
                        connection.close()

    def cut(self) -> None:
        """End what is connected, in whatever it is waiting, and let nothing be connected any more."""
        with self._lock:
            self._is_cut = True
            for leash in self._leashes:
                with contextlib.suppress(OSError):
                    leash.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def _held(self, leash: socket.socket) -> Iterator[None]:
        with self._lock:
            if self._is_cut:
                raise ConnectionAbortedError
            self._leashes.append(leash)
        try:
            yield
        finally:
            with self._lock:
                self._leashes.remove(leash)


class _OverTLSOnly:
    """Stands for the ways to log in that show the password, or let it be encrypted under the peer's own key."""

    def __init__(self, connection: pymysql.Connection) -> None:
        """Take the connection."""

    def authenticate(self, packet: Any) -> Any:  # noqa: ARG002 - as every such handler
        """Refuse.

        Raises:
            pymysql.err.OperationalError: Always.
        """
        raise OperationalError(2061)


def look(control: pymysql.Connection) -> Source:
    """Look at the server's log. The position is read before the rest: whatever changes meanwhile will be told.

    ``control`` gives rows as dictionaries.

    Raises:
        ChangesUnavailable: It does not tell of changes, and why.
        pymysql.err.MySQLError: It cannot be looked at.
    """
    with control.cursor() as cursor:
        cursor.execute("SELECT VERSION() AS version, DATABASE() AS name")
        server = cursor.fetchone()
        mariadb = "MariaDB" in server["version"]
        cursor.execute("SHOW GLOBAL VARIABLES WHERE Variable_name IN %s", (_VARIABLES,))
        variables = {row["Variable_name"].lower(): row["Value"] for row in cursor.fetchall()}
        _require_told(variables, replica=_is_replica(cursor, variables))
        start = _start(cursor, variables, mariadb=mariadb)
        cursor.execute(
            "SELECT table_name AS t, column_name AS c, ordinal_position AS n FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name IN %s",
            (tuple(NAMES),),
        )
        columns = [(row["t"], row["c"], row["n"]) for row in cursor.fetchall()]
    return Source(database=server["name"], start=start, layouts=layouts(columns), variables=variables)


def meaning(error: Exception) -> str:
    """Say what went wrong: without an address, a name, or anything of a row."""
    if isinstance(error, ChangesUnavailable):
        return error.message
    number = error.args[0] if error.args and isinstance(error.args[0], int) else None
    if isinstance(error, MySQLError) and number in _MEANING:
        return _MEANING[number]
    return type(error).__name__ if number is None else f"{type(error).__name__} {number}"


def _require_told(variables: Mapping[str, str], *, replica: bool) -> None:
    if variables.get("log_bin") != "ON":
        raise ChangesUnavailable("the server keeps no binary log: start it with --log-bin")
    if variables.get("binlog_format") != "ROW":
        raise ChangesUnavailable(f"its binlog_format is {variables.get('binlog_format')}: set it to ROW")
    if "ON" in (variables.get("log_bin_compress"), variables.get("binlog_transaction_compression")):
        raise ChangesUnavailable(
            "it compresses its log: set log_bin_compress, binlog_transaction_compression off"
        )
    if replica:
        raise ChangesUnavailable("the server is a replica that logs nothing of it: set log_slave_updates")


def _is_replica(cursor: Any, variables: Mapping[str, str]) -> bool:
    """Say whether what the server takes over from another is left out of its own log."""
    if "ON" in (variables.get("log_replica_updates"), variables.get("log_slave_updates")):
        return False
    if "gtid_slave_pos" in variables:
        return variables["gtid_slave_pos"] != ""
    return first_known(cursor, "SHOW REPLICA STATUS", "SHOW SLAVE STATUS") is not None


def _start(cursor: Any, variables: Mapping[str, str], *, mariadb: bool) -> dict[str, Any]:
    """Return where the log is at, as its reader takes it."""
    try:
        status = first_known(cursor, "SHOW BINARY LOG STATUS", "SHOW MASTER STATUS")
    except OperationalError as error:
        # MariaDB wants a further privilege to say which databases it leaves out, and its position is a variable.
        if not mariadb or error.args[0] != _ACCESS_DENIED:
            raise
        status = None
    if status and (status["Binlog_Do_DB"] or status["Binlog_Ignore_DB"]):
        raise ChangesUnavailable("the server leaves databases out of its log: binlog_do_db, binlog_ignore_db")
    if mariadb:
        return {"is_mariadb": True, "auto_position": variables["gtid_binlog_pos"]}
    if status is None:
        raise ChangesUnavailable("the server does not say where its log is at")
    return {"log_file": status["File"], "log_pos": status["Position"], "resume_stream": True}


def first_known(cursor: Any, *statements: str) -> Mapping[str, Any] | None:
    """Return the row of the first statement that the server's version knows, None if it has none."""
    for statement in statements:
        with contextlib.suppress(ProgrammingError):
            cursor.execute(statement)
            row: Mapping[str, Any] | None = cursor.fetchone()
            return row
    return None
