"""Connections: SQLAlchemy pools them, aiomysql speaks, and the connect is ours.

aiomysql covers only TCP by its connect timeout, not a server that accepts and stays silent, and goes on in clear
text when TLS was asked for and is not offered. Both are mended here, before a credential leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import aiomysql.connection
from pymysql.constants import CLIENT
from pymysql.err import OperationalError
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sqlalchemy.ext.asyncio import AsyncEngine

    from authsvc.model import Secret

HANDSHAKE = 1.0
"""Seconds for a whole connect: TCP, TLS, authentication, session settings."""

STATEMENT = 0.5
"""Seconds after which the server itself ends a statement of ours."""

POOL = 8
"""Connections per process, none over."""

_QUERY = {"ssl", "ssl_ca", "ssl_cert", "ssl_key"}
_SSL_MODES = ("disabled", "required", "verify-ca", "verify-full")
_TLS_MISSING = "TLS was asked for and the server does not offer it"


class TLSConnection(aiomysql.connection.Connection):  # type: ignore[misc]  # untyped
    """A connection that would rather not be than be in clear text."""

    async def _request_authentication(self) -> None:
        if self._ssl_context and not self.server_capabilities & CLIENT.SSL:
            raise OperationalError(2026, _TLS_MISSING)
        await super()._request_authentication()


def open_engine(url: Secret, *, writing: bool = False) -> AsyncEngine:
    """Make an engine; nothing is connected yet. Sessions are read-only unless ``writing``.

    ``mysql://user:password@host:port/database``, TLS by ``?ssl=required|verify-ca|verify-full`` with ``ssl_ca``,
    ``ssl_cert`` and ``ssl_key``; or ``sqlite:///path``, ``sqlite://`` for one in memory.

    Raises:
        ValueError: The URL cannot be used; it is not quoted.
    """
    text = url.reveal()
    if text.startswith("sqlite://"):
        return _open_sqlite(text.removeprefix("sqlite://"))
    return create_async_engine(
        "mysql+aiomysql://",
        async_creator=_creator(_connect_arguments(text), writing=writing),
        pool_size=POOL,
        max_overflow=0,
        pool_timeout=0.5,
        pool_recycle=300,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
    )


def _open_sqlite(path: str) -> AsyncEngine:
    """Open an embedded database; in memory it lives in its one connection, which all have to share in turn."""
    size = 1 if path in ("", "/:memory:") else POOL
    engine = create_async_engine(
        f"sqlite+aiosqlite://{path}", poolclass=AsyncAdaptedQueuePool, pool_size=size, max_overflow=0
    )
    return _transactional(engine)


def _transactional(engine: AsyncEngine) -> AsyncEngine:
    """Make SQLite's transactions hold table changes too, which Python's driver by itself commits one by one."""

    def leave_to_us(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    event.listen(engine.sync_engine, "connect", leave_to_us)
    event.listen(engine.sync_engine, "begin", begin)
    return engine


def _connect_arguments(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        port = parts.port or 3306
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        raise ValueError("the database URL cannot be read") from None
    if parts.scheme not in ("mysql", "mariadb"):
        raise ValueError("the database URL must begin with mysql:// or sqlite:///")
    if not parts.hostname or not parts.username or not parts.path.strip("/"):
        raise ValueError("the database URL must name a user, a host and a database")
    if strange := options.keys() - _QUERY:
        raise ValueError(f"the database URL has unknown parameters: {', '.join(sorted(strange))}")
    return {
        "host": parts.hostname,
        "port": port,
        "user": unquote(parts.username),
        "password": unquote(parts.password or ""),
        "db": unquote(parts.path.lstrip("/")),
        "charset": "utf8mb4",
        "ssl": _tls(options),
        "local_infile": False,
        "autocommit": None,
    }


def _tls(options: Mapping[str, str]) -> ssl.SSLContext | None:
    """Make the context; naming a CA means full verification unless less is asked for."""
    mode = options.get("ssl", "verify-full" if options.keys() & _QUERY else "disabled")
    if mode not in _SSL_MODES:
        raise ValueError(f"ssl in the database URL must be one of {', '.join(_SSL_MODES)}")
    if mode == "disabled":
        return None
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca"))
        if "ssl_cert" in options:
            context.load_cert_chain(options["ssl_cert"], options.get("ssl_key"))
    except OSError as error:
        raise ValueError(f"the TLS files of the database URL cannot be used: {error}") from None
    if mode != "verify-full":
        context.check_hostname = False
    if mode == "required":
        context.verify_mode = ssl.CERT_NONE
    return context


def _creator(arguments: Mapping[str, Any], *, writing: bool) -> Callable[[], Awaitable[Any]]:
    async def connect() -> Any:
        connection = TLSConnection(**arguments)
        try:
            async with asyncio.timeout(HANDSHAKE):
                await connection._connect()  # noqa: SLF001 - the public function makes a plain Connection
                _limit_silence(connection)
                await _settle(connection, writing=writing)
        except BaseException:
            # A handshake that is cancelled leaves its socket open.
            with contextlib.suppress(Exception):
                connection.close()
            raise
        return connection

    return connect


def _limit_silence(connection: Any) -> None:
    """Let the kernel give up on a peer that acknowledges nothing for two seconds."""
    raw = connection._writer.transport.get_extra_info("socket")  # noqa: SLF001 - there is no public way
    if raw is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2000)


async def _settle(connection: Any, *, writing: bool) -> None:
    if writing:
        return
    await connection.query("SET SESSION TRANSACTION READ ONLY")
    if "MariaDB" in connection.server_version:
        await connection.query(f"SET SESSION max_statement_time = {STATEMENT}")
    else:
        await connection.query(f"SET SESSION max_execution_time = {int(STATEMENT * 1000)}")
