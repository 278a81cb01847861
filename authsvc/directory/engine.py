"""Connections: SQLAlchemy pools them, aiomysql speaks, and the connect is ours.

aiomysql covers only TCP by its connect timeout, not a server that accepts and stays silent, and goes on in clear
text when TLS was asked for and is not offered. Both are mended here, before a credential leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import secrets
import socket
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import aiomysql.connection
from pymysql.constants import CLIENT
from pymysql.err import MySQLError, OperationalError
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket
from sqlalchemy import URL, event, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

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
_TOO_OLD = {1064, 1193}
_IN_MEMORY = "?mode=memory&cache=shared&uri=true"


class TLSConnection(aiomysql.connection.Connection):  # type: ignore[misc]  # untyped
    """A connection that would rather not be than be in clear text.

    Without TLS the password leaves only as an answer to a challenge: a peer that asks for it as it is, or
    encrypted under a key that the peer itself has just sent, is refused.
    """

    async def _request_authentication(self) -> None:
        if self._ssl_context and not self.server_capabilities & CLIENT.SSL:
            raise OperationalError(2026, _TLS_MISSING)
        if self._server_auth_plugin == "mysql_clear_password":
            self._require_tls(self._server_auth_plugin)
        await super()._request_authentication()

    async def _process_auth(self, plugin_name: bytes, auth_packet: Any) -> Any:
        if plugin_name != b"mysql_native_password":
            self._require_tls(plugin_name.decode(errors="replace"))
        return await super()._process_auth(plugin_name, auth_packet)

    async def caching_sha2_password_auth(self, pkt: Any) -> Any:
        """Go on only over TLS."""
        self._require_tls("caching_sha2_password")
        return await super().caching_sha2_password_auth(pkt)

    async def sha256_password_auth(self, pkt: Any) -> Any:
        """Go on only over TLS."""
        self._require_tls("sha256_password")
        return await super().sha256_password_auth(pkt)

    async def _read_packet(self, packet_type: Any = MysqlPacket) -> Any:
        """Read a packet; one that describes a column is looked up: they are the same with every answer to a query."""
        return await super()._read_packet(_described if packet_type is FieldDescriptorPacket else packet_type)

    def _require_tls(self, plugin: str) -> None:
        if not self._secure:
            raise OperationalError(2061, f"the server asks for {plugin}, which is used over TLS only")


@functools.lru_cache(maxsize=1024)
def _described(packet: bytes, encoding: str) -> FieldDescriptorPacket:
    return FieldDescriptorPacket(packet, encoding)


def open_engine(url: Secret, *, writing: bool = False) -> AsyncEngine:
    """Make an engine; nothing is connected yet. Sessions are read-only unless ``writing``.

    ``mysql://user:password@host:port/database``, TLS by ``?ssl=required|verify-ca|verify-full`` with ``ssl_ca``,
    ``ssl_cert`` and ``ssl_key``; or ``sqlite:///path``; or ``sqlite://`` for one in memory, and
    ``sqlite:///file:name?mode=memory&cache=shared&uri=true`` for one that engines of this process share. A
    writing engine has transactions; a reading one needs none.

    Raises:
        ValueError: The URL cannot be used; it is not quoted.
    """
    text = url.reveal()
    if text.startswith("sqlite://"):
        return _open_sqlite(text.removeprefix("sqlite://"))
    return create_async_engine(
        "mysql+aiomysql://",
        async_creator=_creator(connect_arguments(text), writing=writing),
        pool_size=POOL,
        max_overflow=0,
        pool_timeout=0.5,
        pool_recycle=300,
        hide_parameters=True,
        **({} if writing else {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}),
    )


@contextlib.asynccontextmanager
async def opened(engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """Close the engine's connections on the way out, within a second."""
    try:
        yield engine
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await engine.dispose()


def _open_sqlite(path: str) -> AsyncEngine:
    if path in ("", "/:memory:"):
        return _open_memory(f"file:authsvc-{secrets.token_hex(8)}")
    if path.startswith("/file:") and path.endswith(_IN_MEMORY):
        return _open_memory(path[1:].removesuffix(_IN_MEMORY))
    if not path.startswith("/") or "?" in path:
        raise ValueError("the database URL must be sqlite:///path, without parameters, or sqlite://")
    return _embedded(URL.create("sqlite+aiosqlite", database=path[1:]), size=POOL)


def _open_memory(name: str) -> AsyncEngine:
    """Open a database in memory, which lives as long as one connection to it does.

    A query that is cancelled takes its connection with it, so one more is held that nobody asks anything.
    """
    import sqlite3  # noqa: PLC0415 - 1 MiB, which only an embedded directory needs

    anchor = sqlite3.connect(f"{name}?mode=memory&cache=shared", uri=True, check_same_thread=False)
    engine = _embedded(make_url(f"sqlite+aiosqlite:///{name}{_IN_MEMORY}"), size=1)
    event.listen(engine.sync_engine, "engine_disposed", lambda _engine: anchor.close())
    return engine


def _embedded(url: URL, *, size: int) -> AsyncEngine:
    engine = create_async_engine(
        url, poolclass=AsyncAdaptedQueuePool, pool_size=size, max_overflow=0, hide_parameters=True
    )
    return _transactional(engine)


def _transactional(engine: AsyncEngine) -> AsyncEngine:
    """Make SQLite's transactions hold table changes too, which Python's driver by itself commits one by one.

    With the execution option ``writing`` a transaction waits for its turn at its beginning: two that have both
    read cannot both go on to write, and SQLite fails one of them at once.
    """

    def leave_to_us(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    def begin(connection: Any) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    event.listen(engine.sync_engine, "connect", leave_to_us)
    event.listen(engine.sync_engine, "begin", begin)
    return engine


def connect_arguments(url: str) -> dict[str, Any]:
    """Return what the drivers of this family take, of an address as ``open_engine`` takes it.

    Raises:
        ValueError: The URL cannot be used; it is not quoted.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 3306
        pairs = parse_qsl(parts.query, strict_parsing=True) if parts.query else []
    except ValueError:
        raise ValueError("the database URL cannot be read") from None
    options = dict(pairs)
    if len(options) != len(pairs):
        raise ValueError("the database URL gives a parameter twice")
    if parts.scheme not in ("mysql", "mariadb"):
        raise ValueError("the database URL must begin with mysql:// or sqlite:///")
    if not parts.hostname or not parts.username or not parts.path.strip("/"):
        raise ValueError("the database URL must name a user, a host and a database")
    try:
        parts.hostname.encode("idna")
    except UnicodeError:
        raise ValueError("the database URL's host is no host name") from None
    if strange := options.keys() - _QUERY:
        raise ValueError(f"the database URL has unknown parameters: {', '.join(sorted(strange))}")
    return {
        "host": parts.hostname,
        "port": port,
        "user": unquote(parts.username),
        # aiomysql makes bytes of it as Latin-1; they have to be those that were hashed when it was set.
        "password": unquote(parts.password or "").encode().decode("latin-1"),
        "db": unquote(parts.path.lstrip("/")),
        "charset": "utf8mb4",
        "ssl": _tls(options),
        "local_infile": False,
    }


def _tls(options: Mapping[str, str]) -> ssl.SSLContext | None:
    """Make the context; naming a CA means full verification unless less is asked for."""
    mode = options.get("ssl", "verify-full" if options.keys() & _QUERY else "disabled")
    if mode not in _SSL_MODES:
        raise ValueError(f"ssl in the database URL must be one of {', '.join(_SSL_MODES)}")
    if mode == "disabled":
        if len(options) > 1:
            raise ValueError("the database URL names TLS files and disables TLS")
        return None
    if "ssl_key" in options and "ssl_cert" not in options:
        raise ValueError("ssl_key in the database URL needs ssl_cert")
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
        connection = TLSConnection(**arguments, autocommit=False if writing else None)
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
    """Set what the server is new enough to know; our own deadlines hold in any case."""
    if writing:
        return
    await _set(connection, "TRANSACTION READ ONLY")
    mariadb, mysql = f"max_statement_time = {STATEMENT}", f"max_execution_time = {int(STATEMENT * 1000)}"
    first, second = (mariadb, mysql) if "MariaDB" in connection.server_version else (mysql, mariadb)
    # A proxy in front may name another server than the one behind it.
    if not await _set(connection, first):
        await _set(connection, second)


async def _set(connection: Any, setting: str) -> bool:
    try:
        await connection.query(f"SET SESSION {setting}")
    except MySQLError as error:
        if error.args[0] not in _TOO_OLD:
            raise
        return False
    return True
