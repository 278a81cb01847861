"""Real MariaDB and Redis servers for tests.

    with MariaDB(installed_datadir) as mariadb:
        mariadb.execute("CREATE DATABASE cloud")
        mariadb.add_user("authsvc", "secret", "SELECT ON cloud.*")
        mariadb.url("authsvc", "secret", "cloud")

Where the programs come from: PATH, the usual sbin folders, or the tree that AUTHSVC_TEST_SERVERS_DIR names
(Debian packages unpacked there). `./tests/run` sees to it that one of these holds.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import pymysql
import redis

from tests.processes import HOST, Process, ServerFailed, find_program, give, run_as_server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.certificates import Certificate, Files

SYSTEM_TABLES = ("mysql_system_tables.sql", "mariadb_system_tables.sql")
SHARES = ("share/mysql", "share/mariadb", "share")
EVERYTHING = '{"access": 18446744073709551615}'


def mariadb_program() -> Path:
    """Return the MariaDB server's program."""
    return find_program("mariadbd")


def redis_program() -> Path:
    """Return the Redis server's program; Debian ships it under a second name in a package without a service."""
    return find_program("redis-server", "redis-check-rdb")


def install_datadir(target: Path) -> None:
    """Make an empty MariaDB data directory whose one user is a root that only the server's own socket admits."""
    program = mariadb_program()
    tables = _system_tables(program).read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="authsvc-datadir-") as place:  # where the server's user may go
        datadir = Path(place) / "data"
        datadir.mkdir()
        give(Path(place))
        run_as_server(
            [program, *_options(program, datadir), "--bootstrap"],
            text=f"CREATE DATABASE mysql;\nUSE mysql;\n{tables}\n"
            f"INSERT INTO global_priv VALUES ('localhost', 'root', '{EVERYTHING}');\n",
        )
        shutil.move(datadir, target)


def _system_tables(program: Path) -> Path:
    """Return the packaged SQL that makes the system tables, which lies beside the program."""
    root = program.resolve().parents[1]
    for share in SHARES:
        for name in SYSTEM_TABLES:
            if (root / share / name).exists():
                return root / share / name
    raise ServerFailed(f"{program} is there, but not the SQL of its system tables below {root}/share")


def _options(program: Path, datadir: Path) -> list[str]:
    return [
        "--no-defaults",
        f"--basedir={program.resolve().parents[1]}",
        f"--lc-messages-dir={_system_tables(program).parent}",
        f"--datadir={datadir}",
        # Its own: a server that starts removes the temporary tables of all others there.
        f"--tmpdir={datadir.parent}",
        "--innodb-buffer-pool-size=64M",
        "--innodb-log-file-size=8M",
        "--innodb-flush-log-at-trx-commit=0",
        "--skip-name-resolve",
    ]


class MariaDB:
    """A MariaDB of our own.

    Args:
        installed: A data directory made by `install_datadir`; copied, never touched.
        tls: What the server shows, and by its authority trusts; None speaks no TLS at all. The files are at `.tls`.
        options: Further options of mariadbd, such as `--log-bin`.
    """

    def __init__(
        self, installed: Path, *, tls: Certificate | None = None, options: Sequence[str] = ()
    ) -> None:
        self._program = mariadb_program()
        self._installed = installed
        self._more = options
        self.process = Process("mariadbd", self._program, self._arguments, self._answers)
        self.host, self.port = HOST, self.process.port
        self.socket = self.process.folder / "socket"
        self.tls: Files | None = tls.write(self.process.folder / "tls", "server") if tls else None
        self.pause, self.resume, self.kill = self.process.pause, self.process.resume, self.process.kill
        self.stop, self.restart, self.mend = self.process.stop, self.process.restart, self.process.mend

    def __enter__(self) -> Self:
        try:
            shutil.copytree(self._installed, self.process.folder / "data")
            give(self.process.folder)
            self.process.start()
        except BaseException:
            self.process.remove()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.process.remove()

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        return self.process.pid

    def url(self, user: str, password: str, database: str, *, port: int | None = None, **query: str) -> str:
        """Return the address as our settings take it; `port` is a proxy's in front, `query` as the settings say."""
        pairs = "&".join(f"{name}={quote(value)}" for name, value in query.items())
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"mysql://{login}@{self.host}:{port or self.port}/{database}" + (f"?{pairs}" if pairs else "")

    def connect(self, database: str | None = None, **options: Any) -> pymysql.Connection:
        """Return a connection of root's, committing by itself.

        Raises:
            OSError: The server is not there.
        """
        # Over the server's own socket; preparing TLS all the same would be what most tests do most of the time.
        connection = pymysql.Connection(
            user="root", database=database, autocommit=True, defer_connect=True, ssl_disabled=True, **options
        )
        plain = socket.socket(socket.AF_UNIX)  # ours, since the driver leaves one it could not connect open
        try:
            plain.connect(str(self.socket))
            connection.connect(plain)
        except BaseException:
            plain.close()
            raise
        return connection

    def execute(
        self,
        statement: str,
        parameters: Sequence[object] | Mapping[str, object] = (),
        *,
        database: str | None = None,
    ) -> Sequence[tuple[Any, ...]]:
        """Carry out one statement as root and return its rows."""
        with self.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()

    def add_user(self, user: str, password: str, *grants: str, require: str = "NONE") -> None:
        """Make a user who may log in over TCP, such as `add_user("reader", "…", "SELECT ON cloud.*")`."""
        self.execute(f"CREATE OR REPLACE USER %s@'%%' IDENTIFIED BY %s REQUIRE {require}", (user, password))
        for grant in grants:
            self.execute(f"GRANT {grant.replace('%', '%%')} TO %s@'%%'", (user,))

    def _arguments(self) -> list[str]:
        secure = ["--skip-ssl"]
        if self.tls:
            secure = [
                f"--ssl-ca={self.tls.authority}",
                f"--ssl-cert={self.tls.certificate}",
                f"--ssl-key={self.tls.key}",
            ]
        return [
            *_options(self._program, self.process.folder / "data"),
            f"--bind-address={HOST}",
            f"--port={self.port}",
            f"--socket={self.socket}",
            f"--pid-file={self.process.folder / 'pid'}",
            *secure,
            *self._more,
        ]

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except (OSError, pymysql.err.OperationalError):
            return False
        return True


class Redis:
    """A Redis of our own that stores nothing.

    Args:
        password: What clients must say; None admits all.
        options: Further options of redis-server, such as `--maxmemory 1mb`, each word its own.
    """

    def __init__(self, *, password: str | None = None, options: Sequence[str] = ()) -> None:
        self._password = password
        self._more = options
        self.process = Process("redis-server", redis_program(), self._arguments, self._answers)
        self.host, self.port = HOST, self.process.port
        self.pause, self.resume, self.kill = self.process.pause, self.process.resume, self.process.kill
        self.stop, self.restart, self.mend = self.process.stop, self.process.restart, self.process.mend

    def __enter__(self) -> Self:
        self.process.begin()
        return self

    def __exit__(self, *error: object) -> None:
        self.process.remove()

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        return self.process.pid

    def url(self, database: int = 0, *, port: int | None = None) -> str:
        """Return the address as our settings take it; `port` is a proxy's in front."""
        login = f":{quote(self._password, safe='')}@" if self._password else ""
        return f"redis://{login}{self.host}:{port or self.port}/{database}"

    def execute(self, *words: Any) -> Any:
        """Carry out one command and return its answer, such as `execute("FLUSHALL")`."""
        with redis.Redis(host=self.host, port=self.port, password=self._password, socket_timeout=5) as client:
            return client.execute_command(*words)

    def _arguments(self) -> list[str]:
        return [
            *("--port", str(self.port), "--bind", HOST, "--dir", str(self.process.folder)),
            *("--save", "", "--appendonly", "no"),
            *(("--requirepass", self._password) if self._password else ()),
            *self._more,
        ]

    def _answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as plain:
                plain.sendall(b"PING\r\n")
                return plain.recv(1) in {b"+", b"-"}
        except OSError:
            return False
