"""The binary log of a real MariaDB, and what its reader tells of it: in good days, and whatever goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import logging
import secrets
import struct
import threading
import uuid

import pytest
from pymysql.cursors import DictCursor
from pymysqlreplication.event import HeartbeatLogEvent

from authsvc.directory.engine import connect_arguments
from authsvc.errors import ChangesUnavailable
from authsvc.stream.binlog import HEARD_EVERY, _new_server_id, _stream, examine_binlog, read_binlog
from authsvc.stream.position import Position
from authsvc.stream.source import Connector, _start, look
from authsvc.wiring.clock import SystemClock
from tests.certificates import Authority
from tests.cloudstack_database import VERSIONS, CloudStackDatabase
from tests.command import command
from tests.rogue_server import RogueServer, greeting
from tests.servers import MariaDB

PATIENCE = 20.0
PASSWORD = "pass/wörd@1"
EVERYBODY = "everybody"


class Told:
    """What was told, in order: began, everybody, ended, or a set of names. What is heard is counted."""

    def __init__(self):
        self.all, self.heard_at, self._news = [], [], asyncio.Event()

    def began(self, at):
        self._take("began")

    def heard(self, at):
        self.heard_at.append(at)
        self._news.set()

    def changed(self, names, at):
        self._take(frozenset(names))

    def all_changed(self, at):
        self._take(EVERYBODY)

    def ended(self):
        if not self.all or self.all[-1] != "ended":  # said at every try
            self._take("ended")

    def _take(self, what):
        self.all.append(what)
        self._news.set()

    async def until(self, holds):
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def begun(self, times=1):
        await self.until(lambda: self.all.count("began") >= times)
        return self

    async def after(self, count):
        """Wait for something new after the first ``count``, and for what comes with it; return that."""
        await self.until(lambda: len(self.all) > count)
        await self.heard_more()
        return self.all[count:]

    async def heard_more(self):
        """Wait until everything that is in the log now is read."""
        count = len(self.heard_at)
        await self.until(lambda: len(self.heard_at) >= count + 2)


class World:
    """A CloudStack database on a server, and an account that may read its binary log."""

    def __init__(self, server, version="fork-both", grants=("REPLICATION SLAVE ON *.*",)):
        self.server = server
        self.name = f"cloud_{secrets.token_hex(6)}"
        server.execute(f"CREATE DATABASE {self.name} CHARACTER SET utf8 COLLATE utf8_general_ci")
        server.add_user(self.name, PASSWORD, f"SELECT ON {self.name}.*", *grants)
        self.rows = CloudStackDatabase(VERSIONS[version], self.execute, " DEFAULT CHARSET=utf8")
        self.rows.create()

    def arguments(self, password=PASSWORD, **options):
        return connect_arguments(self.server.url(self.name, password, self.name, **options))

    def execute(self, sql, values=()):
        return self.server.execute(sql, values, database=self.name)

    @contextlib.asynccontextmanager
    async def reading(self, **options):
        told = Told()
        async with read_binlog(self.arguments(**options), told, SystemClock()):
            yield told

    def dumps(self):
        rows = self.server.execute(
            "SELECT id FROM information_schema.processlist WHERE user = %s AND command = 'Binlog Dump'",
            [self.name],
        )
        return [number for (number,) in rows]

    def drop(self):
        self.server.mend()
        self.server.execute(f"DROP DATABASE {self.name}")
        self.server.execute(f"DROP USER {self.name}")


@pytest.fixture(scope="module")
def server(installed_datadir, authority):
    options = ("--log-bin=binlog", "--binlog-format=ROW")
    with MariaDB(installed_datadir, tls=authority.server("127.0.0.1"), options=options) as started:
        yield started


@pytest.fixture
def world(server):
    world = World(server)
    yield world
    world.drop()


@pytest.fixture
def silent_world(mariadb):
    """One on a server without TLS, and without a log."""
    world = World(mariadb)
    yield world
    world.drop()


def new():
    return str(uuid.uuid4())


# --- What changes ------------------------------------------------------------------------------------------


async def test_a_change_is_told_by_the_names_it_is_about(world):
    rows, one, two, key, other = world.rows, new(), new(), "key-1", "key-2"
    account = rows.add_account("acme", uuid=one)
    async with world.reading() as told:
        await told.begun()
        told.all.clear()
        user = rows.add_user("alice", account=account, uuid=two)
        rows.update("user", user, api_key=key)
        rows.update("user", user, api_key=other)
        rows.update("user", user, state="disabled")
        rows.update("account", account, state="locked")
        domain = rows.add_domain("sub", "/sub/", uuid="d-1")
        rows.update("domain", domain, state="Inactive")
        pair = rows.insert(
            "api_keypair",
            uuid=new(),
            name="n",
            domain_id=1,
            account_id=account,
            user_id=user,
            api_key="pair-key",
            secret_key="s",
            created="2020-02-02 02:02:02",
        )
        world.execute("DELETE FROM api_keypair WHERE id = %s", [pair])
        world.execute("DELETE FROM user WHERE id = %s", [user])
        await told.until(lambda: len(told.all) == 10)
    assert told.all[:10] == [
        {two},
        {two, key},
        {two, key, other},
        {two, other},
        {one},
        {"d-1"},
        {"d-1"},
        {"pair-key"},
        {"pair-key"},
        {two, other},
    ]
    assert told.all[10:] == ["ended"]


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("roles", {"uuid": "r", "name": "n", "role_type": "User"}),
        ("domain_details", {"domain_id": 1, "name": "api.key.access", "value": "false"}),
        ("keypair_permissions", {"uuid": "p", "api_keypair_id": 1}),
        ("version", {"version": "9", "updated": "2026-01-01 00:00:00", "step": "Complete"}),
        ("configuration", {"name": "api.key.access", "value": "false"}),
    ],
)
async def test_what_is_about_anybody_is_told_as_such(world, table, row):
    async with world.reading() as told:
        await told.begun()
        count = len(told.all)
        world.rows.insert(table, **row)
        assert await told.after(count) == [EVERYBODY]


async def test_other_settings_and_tables_are_nobodys(world):
    world.execute("CREATE TABLE alert (id int PRIMARY KEY, user varchar(40))")
    async with world.reading() as told:
        await told.begun()
        count = len(told.all)
        world.rows.insert("configuration", name="alert.wait", value="1")
        world.execute("INSERT INTO alert VALUES (1, 'user')")
        world.rows.insert("region", id=7, name="r", end_point="e")
        world.rows.add_account("last", uuid="last")
        assert await told.after(count) == [{"last"}]


async def test_the_same_table_of_another_database_is_nobodys(world, server):
    other = World(server)
    try:
        async with world.reading() as told:
            await told.begun()
            count = len(told.all)
            other.rows.add_account("theirs")
            world.rows.add_account("ours", uuid="ours")
            assert await told.after(count) == [{"ours"}]
    finally:
        other.drop()


async def test_what_is_rolled_back_is_not_told(world):
    account = world.rows.add_account("acme", uuid="acme")
    async with world.reading() as told:
        await told.begun()
        count = len(told.all)
        with world.server.connect(world.name) as connection, connection.cursor() as cursor:
            connection.autocommit(False)
            cursor.execute("UPDATE account SET state = 'locked' WHERE id = %s", [account])
            connection.rollback()
        world.rows.add_account("last", uuid="last")
        assert await told.after(count) == [{"last"}]


async def test_none_is_missed_and_their_order_is_kept(world):
    accounts = [world.rows.add_account(f"a{n}", uuid=f"uuid-{n}") for n in range(200)]
    async with world.reading() as told:
        await told.begun()
        count = len(told.all)
        for number in accounts:
            await asyncio.to_thread(world.rows.update, "account", number, state="locked")
        await told.until(lambda: len(told.all) == count + 200)
    assert told.all[count : count + 200] == [{f"uuid-{n}"} for n in range(200)]


async def test_columns_that_are_named_in_the_log_change_nothing(world):
    world.server.execute("SET GLOBAL binlog_row_metadata = FULL")
    try:
        async with world.reading() as told:
            await told.begun()
            count = len(told.all)
            world.rows.add_account("acme", uuid="acme")
            assert await told.after(count) == [{"acme"}]
    finally:
        world.server.execute("SET GLOBAL binlog_row_metadata = NO_LOG")


@pytest.mark.parametrize("image", ["MINIMAL", "NOBLOB"])
async def test_a_row_without_the_names_is_anybodys(world, image):
    account = world.rows.add_account("acme", uuid="acme")
    world.server.execute(f"SET GLOBAL binlog_row_image = {image}")
    try:
        async with world.reading() as told:
            await told.begun()
            count = len(told.all)
            world.rows.update("account", account, state="locked")
            assert await told.after(count) == [EVERYBODY if image == "MINIMAL" else {"acme"}]
    finally:
        world.server.execute("SET GLOBAL binlog_row_image = FULL")


async def test_a_column_in_another_encoding_is_anybodys(world):
    world.execute("ALTER TABLE user MODIFY firstname varchar(255) CHARACTER SET latin1")
    account = world.rows.add_account("acme")
    async with world.reading() as told:
        await told.begun()
        count = len(told.all)
        world.rows.add_user("andré", account=account, uuid="u")
        assert await told.after(count) == [EVERYBODY]


async def test_without_a_grant_on_the_tables_every_change_is_anybodys(world):
    world.server.execute(f"REVOKE SELECT ON {world.name}.* FROM {world.name}")
    world.server.execute(f"GRANT SELECT ON {world.name}.version TO {world.name}")
    async with world.reading() as told:
        await told.begun()
        count = len(told.all)
        world.rows.add_account("acme")
        assert await told.after(count) == [EVERYBODY]


# --- What is defined anew, or told in other ways -----------------------------------------------------------


async def test_a_table_that_changes_its_shape_is_looked_at_again(world):
    async with world.reading() as told:
        await told.begun()
        count = len(told.all)
        world.execute("ALTER TABLE account ADD COLUMN first int FIRST, ADD COLUMN more int")
        await told.begun(2)
        assert told.all[count : count + 3] == [EVERYBODY, "ended", "began"]
        count = len(told.all)
        world.rows.add_account("acme", uuid="acme")
        assert await told.after(count) == [{"acme"}]


@pytest.mark.parametrize(
    "statement",
    ["TRUNCATE TABLE domain_details", "RENAME TABLE roles TO r, r TO roles", "DROP TABLE version"],
)
async def test_a_statement_that_names_a_table_is_anybodys(world, statement):
    async with world.reading() as told:
        await told.begun()
        count = len(told.all)
        world.execute(statement)
        assert (await told.after(count))[0] == EVERYBODY


async def test_a_change_that_is_logged_as_a_statement_is_anybodys(world):
    world.rows.add_account("acme")
    async with world.reading() as told:
        await told.begun()
        count = len(told.all)
        with world.server.connect(world.name) as connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION binlog_format = STATEMENT")
            cursor.execute("UPDATE account SET state = 'locked'")
        assert (await told.after(count))[0] == EVERYBODY


async def test_a_change_that_was_prepared_is_told_when_it_counts(world):
    account = world.rows.add_account("acme", uuid="acme")
    async with world.reading() as told:
        await told.begun()
        with world.server.connect(world.name) as connection, connection.cursor() as cursor:
            cursor.execute("XA START 'x'")
            cursor.execute("UPDATE account SET state = 'locked' WHERE id = %s", [account])
            cursor.execute("XA END 'x'")
            cursor.execute("XA PREPARE 'x'")
            await told.until(lambda: {"acme"} in told.all)
            count = len(told.all)
            cursor.execute("XA COMMIT 'x'")
            assert (await told.after(count))[0] == EVERYBODY


async def test_rows_that_cannot_be_read_are_anybodys(world):
    """Compression can be switched on at any time; the library passes over what it makes of rows."""
    account = world.rows.add_account("acme")
    async with world.reading() as told:
        await told.begun()
        count = len(told.all)
        world.server.execute("SET GLOBAL log_bin_compress_min_len = 10")
        world.server.execute("SET GLOBAL log_bin_compress = ON")
        try:
            world.rows.update("account", account, account_name="a" * 90)
            await told.until(lambda: len(told.all) > count + 1)
        finally:
            world.server.execute("SET GLOBAL log_bin_compress = OFF")
            world.server.execute("SET GLOBAL log_bin_compress_min_len = DEFAULT")
        assert told.all[count : count + 2] == [EVERYBODY, "ended"]
        await told.begun(2)


async def test_what_another_domain_logs_is_told(world):
    async with world.reading() as told:
        await told.begun()
        count = len(told.all)
        with world.server.connect(world.name) as connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION gtid_domain_id = 7")
            cursor.execute("UPDATE domain SET uuid = 'root'")
        assert "root" in (await told.after(count))[0]
        await told.heard_more()
        await told.heard_more()
    assert len(told.all) == count + 2


async def test_tables_of_others_may_change_their_shape(world):
    async with world.reading() as told:
        await told.begun()
        count = len(told.all)
        world.server.execute("CREATE DATABASE IF NOT EXISTS elsewhere")
        world.server.execute("CREATE OR REPLACE TABLE elsewhere.thing (id int)")
        world.server.execute("DROP DATABASE elsewhere")
        world.rows.add_account("acme", uuid="acme")
        assert await told.after(count) == [{"acme"}]


# --- Being heard of ----------------------------------------------------------------------------------------


async def test_it_is_heard_of_while_nothing_changes(world):
    async with world.reading() as told:
        await told.begun()
        await told.until(lambda: len(told.heard_at) >= 6)
    assert told.all == ["began", "ended"]
    assert told.heard_at == sorted(told.heard_at)


async def test_it_is_heard_of_while_others_change(world):
    """A server that has something to tell sends no heartbeat, and nothing of others is handed over."""
    world.execute("CREATE TABLE busy (id int PRIMARY KEY AUTO_INCREMENT, what varchar(40))")
    ended = threading.Event()

    def work():
        with world.server.connect(world.name) as connection, connection.cursor() as cursor:
            while not ended.is_set():
                cursor.execute("INSERT INTO busy (what) VALUES ('x')")

    async with world.reading() as told:
        await told.begun()
        working = asyncio.create_task(asyncio.to_thread(work))
        try:
            await told.until(lambda: len(told.heard_at) >= 15)
            assert min(later - at for at, later in itertools.pairwise(told.heard_at)) >= HEARD_EVERY
        finally:
            ended.set()
            await working
        assert told.all == ["began"]


def test_it_is_read_by_file_and_place_as_mysql_has_it(server):
    """There is no MySQL here; this much MariaDB does the same way."""
    world = World(server, grants=("REPLICATION SLAVE ON *.*", "BINLOG MONITOR ON *.*"))
    connected = Connector(world.arguments()).connected
    server.execute("RESET MASTER")  # of a log in several files the first has the name of the one read
    try:
        with connected(cursorclass=DictCursor) as control, connected() as connection:
            start = _start(control.cursor(), {}, mariadb=False)
            source = dataclasses.replace(look(control), start=start)
            position = Position(source)
            world.rows.add_account("acme", uuid="acme")
            events = _stream(source, _new_server_id(), connection, control)
            seen = list(itertools.takewhile(lambda event: not isinstance(event, HeartbeatLogEvent), events))
            assert [event.rows[0]["values"]["UNKNOWN_COL2"] for event in seen if hasattr(event, "rows")] == [
                "acme"
            ]
            assert position.is_told(control, next(events))
            server.execute("RESET MASTER")
            with pytest.raises(ChangesUnavailable, match="anew"):
                any(position.is_told(control, event) for event in events)
    finally:
        world.drop()


# --- What goes wrong ---------------------------------------------------------------------------------------


async def test_a_lost_connection_is_no_secret_and_it_begins_again(world):
    async with world.reading() as told:
        await told.begun()
        (dump,) = world.dumps()
        world.server.execute(f"KILL {dump}")
        await told.begun(2)
        assert told.all == ["began", "ended", "began"]
        world.rows.add_account("acme", uuid="acme")
        await told.until(lambda: {"acme"} in told.all)


async def test_a_server_that_is_silent_has_ended(world):
    async with world.reading() as told:
        await told.begun()
        world.server.pause()
        await told.until(lambda: told.all == ["began", "ended"])
        world.server.resume()
        await told.begun(2)
        world.rows.add_account("acme", uuid="acme")
        await told.until(lambda: {"acme"} in told.all)


async def test_the_end_does_not_wait_for_a_server_that_is_silent(world):
    async with world.reading() as told:
        await told.begun()
        world.server.pause()
    assert "binlog" not in {thread.name for thread in threading.enumerate()}


async def test_the_end_does_not_wait_for_a_handshake(world):
    world.server.pause()
    async with world.reading() as told:
        await asyncio.sleep(0.3)
    assert told.all == ["ended"]
    assert "binlog" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("loss", ["RESET MASTER", "PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY"])
async def test_a_log_that_is_lost_is_not_missed(world, loss):
    async with world.reading() as told:
        await told.begun()
        world.server.execute(f"ALTER USER {world.name} ACCOUNT LOCK")
        world.server.execute(f"KILL USER {world.name}")
        await told.until(lambda: told.all[-1] == "ended")
        told.all.clear()
        world.rows.add_account("meanwhile")
        world.server.execute("FLUSH BINARY LOGS")
        world.server.execute(loss)
        world.server.execute(f"ALTER USER {world.name} ACCOUNT UNLOCK")
        await told.begun()
        world.rows.add_account("acme", uuid="acme")
        await told.until(lambda: {"acme"} in told.all)
    assert [what for what in told.all if what not in ("ended", EVERYBODY)] == ["began", {"acme"}]


async def test_a_server_that_was_restarted(world):
    async with world.reading() as told:
        await told.begun()
        world.server.restart()
        await told.begun(2)
        world.rows.add_account("acme", uuid="acme")
        await told.until(lambda: {"acme"} in told.all)


async def test_a_log_that_is_started_anew_under_the_reader(world):
    """The server goes on to send heartbeats, and nothing else."""
    async with world.reading() as told:
        await told.begun()
        world.rows.add_account("acme", uuid="acme")
        await told.until(lambda: {"acme"} in told.all)
        world.server.execute("RESET MASTER")
        await told.begun(2)
        world.rows.add_account("after", uuid="after")
        await told.until(lambda: {"after"} in told.all)
    assert told.all == ["began", {"acme"}, "ended", "began", {"after"}, "ended"]


# --- What cannot be read -----------------------------------------------------------------------------------


async def trouble(world, **options):
    """Return why nothing is told, having seen that nothing is."""
    told = Told()
    async with (
        read_binlog(world.arguments(**options), told, SystemClock()) as reader,
        asyncio.timeout(PATIENCE),
    ):
        await told.until(lambda: reader.trouble is not None)
        with pytest.raises(ChangesUnavailable) as caught:
            await reader.ask()
    assert told.all == ["ended"]
    return caught.value.message


async def test_a_server_without_a_log(silent_world):
    assert "--log-bin" in await trouble(silent_world)


@pytest.mark.parametrize("form", ["STATEMENT", "MIXED"])
async def test_a_log_of_statements(world, form):
    world.server.execute(f"SET GLOBAL binlog_format = {form}")
    try:
        assert form in await trouble(world)
    finally:
        world.server.execute("SET GLOBAL binlog_format = ROW")


async def test_a_log_that_is_compressed(world):
    world.server.execute("SET GLOBAL log_bin_compress = ON")
    try:
        assert "log_bin_compress" in await trouble(world)
    finally:
        world.server.execute("SET GLOBAL log_bin_compress = OFF")


async def test_a_replica_that_does_not_log(world):
    world.server.execute("SET GLOBAL gtid_slave_pos = '7-7-7'")
    try:
        assert "log_slave_updates" in await trouble(world)
    finally:
        world.server.execute("SET GLOBAL gtid_slave_pos = ''")


async def test_a_server_that_becomes_a_replica_that_does_not_log(world):
    async with read_binlog(world.arguments(), told := Told(), SystemClock()) as reader:
        await told.begun()
        world.server.execute("SET GLOBAL gtid_slave_pos = '7-7-7'")
        try:
            await told.until(lambda: told.all[-1] == "ended")
            async with asyncio.timeout(PATIENCE):
                while "log_slave_updates" not in (reader.trouble or ""):
                    await asyncio.sleep(0.05)
        finally:
            world.server.execute("SET GLOBAL gtid_slave_pos = ''")
        await told.begun(2)


async def test_an_account_without_the_privilege(server, caplog):
    world = World(server, grants=())
    try:
        with caplog.at_level(logging.WARNING):
            assert "REPLICATION SLAVE" in await trouble(world)
    finally:
        world.drop()
    (record,) = caplog.records
    assert world.name not in record.getMessage()


async def test_a_wrong_password(world, caplog):
    assert await trouble(world, password="wrong") == "wrong user or password"
    assert world.name not in caplog.text


async def test_trouble_is_told_once_and_is_over_when_it_begins(world, caplog):
    told = Told()
    world.server.execute("SET GLOBAL binlog_format = MIXED")
    try:
        async with read_binlog(world.arguments(), told, SystemClock()) as reader:
            await told.until(lambda: reader.trouble is not None)
            await asyncio.sleep(0.7)
            world.server.execute("SET GLOBAL binlog_format = ROW")
            await told.begun()
            await reader.ask()
    finally:
        world.server.execute("SET GLOBAL binlog_format = ROW")
    assert len(caplog.records) == 1


# --- Looked at closely -------------------------------------------------------------------------------------


async def test_what_is_well_is_said(world):
    assert await examine_binlog(world.arguments()) == [("ok", f"the binary log of {world.name} can be read")]


async def test_what_works_and_could_work_better_is_said(world):
    world.server.execute(f"REVOKE SELECT ON {world.name}.* FROM {world.name}")
    world.server.execute(f"GRANT SELECT ON {world.name}.account TO {world.name}")
    world.server.execute(f"GRANT SELECT (id, uuid, api_key) ON {world.name}.user TO {world.name}")
    world.server.execute("SET GLOBAL binlog_row_image = MINIMAL")
    try:
        _, image, columns = await examine_binlog(world.arguments())
    finally:
        world.server.execute("SET GLOBAL binlog_row_image = FULL")
    assert (image[0], columns[0]) == ("warn", "warn")
    assert "MINIMAL" in image[1]
    assert "domain, user" in columns[1]


async def test_what_does_not_work_is_said(server):
    world = World(server, grants=())
    try:
        with pytest.raises(ChangesUnavailable, match="GRANT REPLICATION SLAVE"):
            await examine_binlog(world.arguments())
    finally:
        world.drop()


@pytest.mark.parametrize(
    ("password", "level", "line"), [(PASSWORD, "ok", "can be read"), ("x", "fail", "password")]
)
def test_the_check_says_it(world, password, level, line):
    url = {
        name: world.server.url(world.name, secret, world.name)
        for name, secret in (("AUTHSVC_DATABASE_URL", PASSWORD), ("AUTHSVC_STREAM_URL", password))
    }
    done = command("check", environment=url | {"AUTHSVC_STREAM": "binlog"})
    (said,) = (said for said in done.stdout.splitlines() if "changes:" in said)
    assert said.startswith(f"{level:5} changes: ")
    assert line in said


# --- TLS ---------------------------------------------------------------------------------------------------


async def test_over_tls(world):
    world.server.execute(f"ALTER USER {world.name} REQUIRE SSL")
    with pytest.raises(ChangesUnavailable, match="wrong user or password"):
        await examine_binlog(world.arguments())
    async with world.reading(ssl_ca=str(world.server.tls.authority)) as told:
        await told.begun()
        count = len(told.all)
        world.rows.add_account("acme", uuid="acme")
        assert await told.after(count) == [{"acme"}]
        await told.heard_more()
        world.server.pause()
    assert "binlog" not in {thread.name for thread in threading.enumerate()}


async def test_to_another_authority_not_a_word_is_said(world, tmp_path):
    files = Authority().client("reader.example").write(tmp_path, "client")
    with pytest.raises(ChangesUnavailable):
        await examine_binlog(world.arguments(ssl_ca=str(files.authority)))
    assert (
        world.server.execute("SELECT 1 FROM information_schema.processlist WHERE user = %s", [world.name])
        == ()
    )


async def test_without_the_tls_asked_for_not_a_byte_is_said(world, silent_world):
    async with RogueServer(greeting(silent_world.server)) as rogue:
        with pytest.raises(ChangesUnavailable, match="offers no TLS"):
            await examine_binlog(world.arguments(port=rogue.port, ssl="required"))
    assert rogue.heard == b""


@pytest.mark.parametrize(
    "plugin",
    [b"mysql_clear_password", b"caching_sha2_password", b"sha256_password", b"mysql_old_password", b"dialog"],
)
async def test_without_tls_no_server_talks_the_password_out_of_us(world, plugin):
    async with RogueServer(greeting(world.server), switch=plugin) as rogue:
        with pytest.raises(ChangesUnavailable, match="over TLS only"):
            await examine_binlog(world.arguments(port=rogue.port))
    assert PASSWORD.encode() not in rogue.heard
    assert rogue.heard.count(world.name.encode()) > 0, "it was greeted back"
    assert rogue.heard[-4:] != struct.pack("<I", 1 | 3 << 24), "no public key was asked for"
