"""SQLDirectory and a MariaDB that dies, hangs, lies, forgets its grants and changes under way."""

import asyncio
import contextlib
import logging
import secrets
import struct

import pymysql
import pytest
from sqlalchemy import text

from authsvc import errors
from authsvc.directory import engine as engine_module
from authsvc.directory.cipher import SecretCipher
from authsvc.directory.engine import TLSConnection, open_engine, opened
from authsvc.directory.sql import DEADLINE, SQLDirectory
from authsvc.model import AccessKey, Secret
from authsvc.wiring.clock import SystemClock
from tests.cloudstack_database import KEYPAIR, PERMISSIONS, VERSIONS, CloudStackDatabase
from tests.faultproxy import FaultProxy
from tests.people import StoppedClock
from tests.rogue_server import RogueServer, greeting

PASSWORD = "pass/wörd@1"
CIPHER = SecretCipher([Secret("dbsecret")])
KEY = AccessKey("AK")
PATIENCE = 20.0
HANDSHAKE = engine_module.HANDSHAKE


class World:
    """A CloudStack database on a server, with alice in it and an account that may only read."""

    def __init__(self, server, version="4.23"):
        self.server = server
        self.name = f"cloud_{secrets.token_hex(6)}"
        server.execute(f"CREATE DATABASE {self.name} CHARACTER SET utf8 COLLATE utf8_general_ci")
        server.add_user(self.name, PASSWORD, f"SELECT ON {self.name}.*")
        self.rows = CloudStackDatabase(VERSIONS[version], self.execute, " DEFAULT CHARSET=utf8")
        self.rows.create()
        self.account = self.rows.add_account("acme")
        self.user = self.rows.add_user("alice", account=self.account)
        self.key = self.rows.add_key(self.user, self.account, KEY, CIPHER.encrypt(Secret("SK")))

    def execute(self, sql, values=()):
        return self.server.execute(sql, values, database=self.name)

    def url(self, **options):
        return self.server.url(self.name, PASSWORD, self.name, **options)

    @contextlib.asynccontextmanager
    async def open(self, clock=None, deadline=PATIENCE, **options):
        """Open the directory; it has all the time there is unless its deadline is what is tried."""
        async with opened(open_engine(Secret(self.url(**options)))) as engine:
            yield SQLDirectory(engine, cipher=CIPHER, clock=clock or SystemClock(), deadline=deadline)

    def connections(self):
        rows = self.server.execute(
            "SELECT id FROM information_schema.processlist WHERE user = %s", [self.name]
        )
        return [number for (number,) in rows]

    def drop(self):
        self.server.mend()
        self.server.execute(f"DROP DATABASE {self.name}")
        self.server.execute(f"DROP USER {self.name}")


@pytest.fixture
def world(mariadb):
    world = World(mariadb)
    yield world
    world.drop()


@pytest.fixture
def legacy(mariadb):
    world = World(mariadb, "4.22")
    yield world
    world.drop()


@pytest.fixture
def secured(tls_mariadb):
    world = World(tls_mariadb)
    yield world
    world.drop()


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """Let a connection take its time on a machine that others keep busy."""
    monkeypatch.setattr(engine_module, "HANDSHAKE", PATIENCE)


async def until_found(directory):
    """Ask until there is an answer; the breaker rests between two tries."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(errors.DirectoryUnavailable):
                return await directory.find(KEY)
            await asyncio.sleep(0.05)


async def unavailable(directory):
    """Ask; it must say at once, or within a deadline that is shorter than this, that it could not tell."""
    async with asyncio.timeout(PATIENCE / 2):
        with pytest.raises(errors.DirectoryUnavailable):
            await directory.find(KEY)


# --- Reading only, and within limits ----------------------------------------------------------------------


async def test_a_session_is_read_only_and_the_server_ends_its_statements(world):
    world.server.execute(f"GRANT ALL ON {world.name}.* TO {world.name}")
    async with opened(open_engine(Secret(world.url()))) as engine, engine.connect() as connection:
        assert await connection.scalar(text("SELECT @@max_statement_time")) == engine_module.STATEMENT
        with pytest.raises(Exception, match="READ ONLY"):
            await connection.execute(text("UPDATE version SET version = 'x'"))
        with pytest.raises(Exception, match="max_statement_time"):
            await connection.execute(text("SELECT COUNT(*) FROM seq_1_to_100000000 a, seq_1_to_1000 b"))


async def test_no_file_of_ours_is_sent(world, tmp_path):
    (tmp_path / "ours").write_text("1\tours\n")
    world.server.execute(f"GRANT ALL ON {world.name}.* TO {world.name}")
    async with opened(open_engine(Secret(world.url()), writing=True)) as engine:
        with pytest.raises(Exception, match=r"1148|4166|disabled|not allowed"):
            async with engine.begin() as connection:
                await connection.execute(
                    text(f"LOAD DATA LOCAL INFILE '{tmp_path}/ours' INTO TABLE domain_details")
                )


async def test_a_grant_of_single_columns_suffices(world):
    world.server.execute(f"REVOKE ALL ON {world.name}.* FROM {world.name}")
    grants = {
        "user": "id, uuid, username, account_id, state, removed, api_key_access",
        "account": "id, uuid, account_name, type, domain_id, state, removed, api_key_access",
        "domain": "id, uuid, name, path, state, removed",
        "version": "id, version, step",
        "domain_details": "domain_id, name, value",
        "configuration": "name, value",
        "api_keypair": "id, uuid, user_id, account_id, api_key, secret_key, removed, start_date, end_date",
        "api_keypair_permissions": "api_keypair_id",
    }
    for table, columns in grants.items():
        world.server.execute(f"GRANT SELECT ({columns}) ON {world.name}.`{table}` TO {world.name}")
    async with world.open() as directory:
        await directory.ping()
        assert (await directory.find(KEY)).secret.reveal() == "SK"


# --- TLS ---------------------------------------------------------------------------------------------------


async def test_tls_is_verified_down_to_the_name(secured, authority, tmp_path):
    files = authority.client("reader.example").write(tmp_path, "client")
    for options in (
        {"ssl_ca": str(files.authority)},
        {"ssl": "verify-ca", "ssl_ca": str(files.authority)},
        {"ssl": "required"},
        {"ssl_ca": str(files.authority), "ssl_cert": str(files.certificate), "ssl_key": str(files.key)},
    ):
        async with (
            opened(open_engine(Secret(secured.url(**options)))) as engine,
            engine.connect() as connection,
        ):
            row = (await connection.execute(text("SHOW STATUS LIKE 'Ssl_version'"))).one()
            assert row[1].startswith("TLSv1.")


async def test_a_certificate_of_somebody_else_is_refused(secured, tmp_path):
    from tests.certificates import Authority

    files = Authority().client("reader.example").write(tmp_path, "client")
    async with secured.open(ssl_ca=str(files.authority)) as directory:
        await unavailable(directory)
    assert secured.connections() == []


async def test_a_server_that_wants_our_certificate_gets_it(secured, authority, tmp_path):
    secured.server.execute(f"ALTER USER {secured.name} REQUIRE X509")
    files = authority.client("reader.example").write(tmp_path, "client")
    async with secured.open(ssl_ca=str(files.authority)) as directory:
        await unavailable(directory)
    async with secured.open(
        ssl_ca=str(files.authority), ssl_cert=str(files.certificate), ssl_key=str(files.key)
    ) as directory:
        assert await directory.find(KEY) is not None


async def test_without_the_tls_asked_for_not_a_byte_is_said(world):
    async with (
        RogueServer(greeting(world.server)) as rogue,
        world.open(port=rogue.port, ssl="required") as directory,
    ):
        await unavailable(directory)
    assert rogue.heard == b""
    async with world.open(ssl="required") as directory:
        await unavailable(directory)


@pytest.mark.parametrize(
    "plugin", [b"mysql_clear_password", b"caching_sha2_password", b"sha256_password", b"mysql_old_password"]
)
async def test_without_tls_no_server_talks_the_password_out_of_us(world, plugin, caplog):
    async with (
        RogueServer(greeting(world.server), switch=plugin) as rogue,
        world.open(port=rogue.port) as directory,
    ):
        await unavailable(directory)
    assert PASSWORD.encode() not in rogue.heard
    assert rogue.heard.count(world.name.encode()) > 0, "it was greeted back"
    assert rogue.heard[-4:] != struct.pack("<I", 1 | 3 << 24), "no public key was asked for"
    assert f"asks for {plugin.decode()}, which is used over TLS only" in caplog.text


async def test_without_tls_a_greeting_that_asks_for_the_password_hears_nothing(world):
    async with (
        RogueServer(greeting(world.server, b"mysql_clear_password")) as rogue,
        world.open(port=rogue.port) as directory,
    ):
        await unavailable(directory)
    assert rogue.heard == b""


def test_the_driver_still_has_the_methods_we_override():
    parent = TLSConnection.__mro__[1]
    overridden = {
        "_request_authentication",
        "_process_auth",
        "_read_packet",
        "caching_sha2_password_auth",
        "sha256_password_auth",
    }
    assert overridden < vars(TLSConnection).keys()
    assert overridden | {"_connect", "query"} < vars(parent).keys()


async def test_what_describes_a_column_is_read_once(world):
    async with world.open() as directory:
        assert await directory.find(KEY) is not None
        before = engine_module._described.cache_info()
        assert await directory.find(KEY) is not None
    after = engine_module._described.cache_info()
    assert after.misses == before.misses
    assert after.hits > before.hits


# --- Dead, hung, half dead ---------------------------------------------------------------------------------


async def test_a_peer_that_accepts_and_is_silent_is_given_up(world):
    async with (
        FaultProxy(port=world.server.port) as proxy,
        world.open(deadline=DEADLINE, port=proxy.port) as directory,
    ):
        proxy.blackhole()
        await unavailable(directory)
        with pytest.raises(errors.DirectoryUnavailable):
            await directory.ping()
        proxy.pass_through()
        assert await until_found(directory) is not None


async def test_a_handshake_has_a_deadline_of_its_own(world, monkeypatch):
    monkeypatch.setattr(engine_module, "HANDSHAKE", HANDSHAKE)
    async with FaultProxy(port=world.server.port) as proxy:
        proxy.blackhole()
        async with opened(open_engine(Secret(world.url(port=proxy.port)), writing=True)) as engine:
            patience = asyncio.get_running_loop().time() + PATIENCE / 2
            async with asyncio.timeout_at(patience) as ours:
                with pytest.raises(TimeoutError):
                    async with engine.connect():
                        pass
            assert not ours.expired()


async def test_a_server_that_is_hung_is_given_up_and_taken_up_again(world):
    async with world.open(deadline=DEADLINE) as directory:
        assert await directory.find(KEY) is not None
        world.server.pause()
        for _ in range(10):
            await unavailable(directory)
        world.server.resume()
        assert await until_found(directory) is not None


async def test_a_server_that_was_restarted_costs_no_failure(world):
    async with world.open() as directory:
        await asyncio.gather(*(directory.find(KEY) for _ in range(8)))
        await asyncio.to_thread(world.server.restart)
        found = await asyncio.gather(*(directory.find(KEY) for _ in range(8)))
        assert all(found)


async def test_connections_that_were_killed_cost_no_failure(world):
    async with world.open() as directory:
        for _ in range(3):
            assert all(await asyncio.gather(*(directory.find(KEY) for _ in range(8))))
            for number in world.connections():
                world.server.execute(f"KILL {number}")
            assert await directory.find(KEY) is not None


async def test_connections_that_break_under_way_cost_no_failure(world):
    async with FaultProxy(port=world.server.port) as proxy, world.open(port=proxy.port) as directory:
        for _ in range(5):
            assert await directory.find(KEY) is not None
            proxy.reset()


async def test_a_database_that_is_away_is_tried_by_one(world):
    clock = StoppedClock()
    async with FaultProxy(port=world.server.port) as proxy, world.open(clock, port=proxy.port) as directory:
        proxy.cut_after(1)
        for _ in range(100):
            await unavailable(directory)
        first = proxy.accepted
        assert first <= 2
        clock.advance(0.5)
        await asyncio.gather(*(unavailable(directory) for _ in range(100)))
        assert proxy.accepted - first <= 2
        proxy.pass_through()
        await unavailable(directory)
        clock.advance(0.5)
        assert await directory.find(KEY) is not None


async def test_a_database_that_is_away_from_the_start_is_found_when_it_comes(world):
    world.server.stop()
    async with world.open() as directory:
        await unavailable(directory)
        with pytest.raises(errors.DirectoryUnavailable):
            await directory.ping()
        await asyncio.to_thread(world.server.restart)
        assert await until_found(directory) is not None


async def test_too_many_connections_could_not_tell(world):
    taken = []
    most = world.server.execute("SELECT @@max_connections")[0][0]
    world.server.execute("SET GLOBAL max_connections = 10")
    try:
        async with world.open() as directory:
            with contextlib.ExitStack() as stack:
                with contextlib.suppress(pymysql.err.OperationalError):
                    while True:  # root gets one more than anybody else, so then nobody else gets one
                        taken.append(stack.enter_context(world.server.connect()))
                assert taken
                await unavailable(directory)
            assert await until_found(directory) is not None
    finally:
        world.server.execute(f"SET GLOBAL max_connections = {most}")


async def test_whatever_is_done_to_the_bytes_nothing_but_unavailable_is_raised(world):
    clock = StoppedClock()
    async with (
        FaultProxy(port=world.server.port) as proxy,
        world.open(clock, DEADLINE, port=proxy.port) as directory,
    ):
        assert await until_found(directory) is not None
        for offset in range(0, 400, 16):
            for harm in (proxy.corrupt, proxy.cut_after, proxy.rst_after):
                harm(offset + 1)
                clock.advance(10)
                with contextlib.suppress(errors.Unavailable):
                    found = await directory.find(KEY)
                    assert found is None or found.access_key == KEY
        proxy.pass_through()
        clock.advance(10)
        assert (await directory.find(KEY)).principal.user.name == "alice"


# --- Busy ----------------------------------------------------------------------------------------------------


async def test_a_hundred_cancelled_questions_leave_the_pool_whole(world):
    async with opened(open_engine(Secret(world.url()))) as engine:
        directory = SQLDirectory(engine, cipher=CIPHER, clock=SystemClock(), deadline=PATIENCE)
        assert await directory.find(KEY) is not None
        with world.server.connect(world.name) as locking, locking.cursor() as cursor:
            cursor.execute("LOCK TABLES api_keypair WRITE")
            for _ in range(10):
                asked = [asyncio.create_task(directory.find(KEY)) for _ in range(10)]
                await asyncio.sleep(0.02)
                for task in asked:
                    task.cancel()
                await asyncio.wait(asked)
        assert await until_found(directory) is not None
        assert all(await asyncio.gather(*(directory.find(KEY) for _ in range(8))))
        assert engine.pool.checkedout() == 0
        async with asyncio.timeout(PATIENCE):  # the server notices an end in its own time
            while len(world.connections()) > engine_module.POOL:
                await asyncio.sleep(0.05)


async def test_a_table_that_is_locked_is_given_up_and_piles_nothing_up(world):
    async with world.open(deadline=DEADLINE) as directory:
        assert await directory.find(KEY) is not None
        with world.server.connect(world.name) as locking, locking.cursor() as cursor:
            cursor.execute("LOCK TABLES api_keypair WRITE")
            await asyncio.gather(*(unavailable(directory) for _ in range(50)))
            assert len(world.connections()) <= engine_module.POOL
        assert await until_found(directory) is not None


# --- Changing under way --------------------------------------------------------------------------------------


async def test_a_grant_that_is_lost_is_told_as_such_and_is_never_a_no(world):
    # By table, because MariaDB takes away what was granted by database only from new connections.
    world.server.execute(f"REVOKE ALL ON {world.name}.* FROM {world.name}")
    for (table,) in world.execute("SHOW TABLES"):
        world.server.execute(f"GRANT SELECT ON {world.name}.`{table}` TO {world.name}")
    async with world.open() as directory:
        assert await directory.find(KEY) is not None
        world.server.execute(f"REVOKE SELECT ON {world.name}.user FROM {world.name}")
        with pytest.raises(errors.DirectoryUnready) as caught:
            await directory.find(KEY)
        assert any("GRANT SELECT ON user" in reason for reason in caught.value.detail["reasons"])
        with pytest.raises(errors.DirectoryUnready):
            await directory.ping()


async def test_a_database_that_is_taken_away_is_never_a_no(world):
    async with world.open() as directory:
        assert await directory.find(KEY) is not None
        world.server.execute(f"REVOKE ALL ON {world.name}.* FROM {world.name}")
        for number in world.connections():
            world.server.execute(f"KILL {number}")
        await unavailable(directory)


async def test_a_grant_that_hides_the_switch_of_keys_is_not_ready(world):
    world.server.execute(f"REVOKE ALL ON {world.name}.* FROM {world.name}")
    for (table,) in world.execute("SHOW TABLES"):
        if table != "user":
            world.server.execute(f"GRANT SELECT ON {world.name}.`{table}` TO {world.name}")
    columns = "id, uuid, username, account_id, state, removed"
    world.server.execute(f"GRANT SELECT ({columns}) ON {world.name}.user TO {world.name}")
    async with world.open() as directory:
        with pytest.raises(errors.DirectoryUnready) as caught:
            await directory.find(KEY)
        assert "api_key_access" in caught.value.detail["reasons"][0]


async def test_an_upgrade_to_key_pairs_under_load_never_says_no(legacy):
    answers = []
    async with legacy.open() as directory:
        assert await directory.find(KEY) is not None
        over = asyncio.Event()

        async def ask():
            while not over.is_set():
                try:
                    answers.append((await directory.find(KEY)).secret.reveal())
                except errors.Unavailable:
                    answers.append(None)
                await asyncio.sleep(0)

        asking = [asyncio.create_task(ask()) for _ in range(4)]
        try:
            await asyncio.to_thread(upgrade, legacy)
            assert await until_found(directory) is not None
        finally:
            over.set()
        await asyncio.gather(*asking)
        assert set(answers) <= {"SK", None}
        assert (await until_found(directory)).principal.key.id is not None


def upgrade(world):
    """What the script of 4.23 does, in its order."""
    for name, columns in (("api_keypair", KEYPAIR), ("api_keypair_permissions", PERMISSIONS)):
        world.execute(f"CREATE TABLE {name} ({', '.join(columns)}) DEFAULT CHARSET=utf8")
    world.execute(
        "INSERT INTO api_keypair (id, uuid, name, domain_id, account_id, user_id, api_key, secret_key, created)"
        " SELECT id, UUID(), 'Active key pair', 1, account_id, id, api_key, secret_key, NOW() FROM user"
    )
    world.execute("ALTER TABLE user DROP INDEX i_user__api_key, DROP COLUMN api_key, DROP COLUMN secret_key")
    world.rows.insert("version", id=4, version="4.23.0.0", updated="2026-06-01 00:00:00", step="Complete")


# --- What is told ----------------------------------------------------------------------------------------------


async def test_the_examination_says_why_nobody_answered(world):
    wrong = world.server.url(world.name, "hush", world.name)
    async with opened(open_engine(Secret(wrong))) as engine:
        directory = SQLDirectory(engine, cipher=CIPHER, clock=SystemClock(), deadline=PATIENCE)
        with pytest.raises(errors.DirectoryUnavailable) as caught:
            await directory.examine()
    (reason,) = caught.value.detail["reasons"]
    assert "Access denied" in reason
    assert "hush" not in reason


async def test_the_examination_says_what_is_wrong_with_a_certificate(secured):
    async with secured.open(ssl="verify-full") as directory:
        with pytest.raises(errors.DirectoryUnavailable) as caught:
            await directory.examine()
    assert "certificate verify failed" in caught.value.detail["reasons"][0]


async def test_the_clock_of_the_database_is_compared(world):
    clock = StoppedClock(now=0.0)
    async with world.open(clock) as directory:
        lines = await directory.examine()
    assert any(line.startswith("the clock is -1") for line in lines)


async def test_neither_key_nor_secret_nor_password_is_logged(world, caplog):
    caplog.set_level(logging.DEBUG)
    key = AccessKey("a-key-to-look-for")
    world.rows.add_key(world.user, world.account, key, CIPHER.encrypt(Secret("a-secret-to-look-for")))
    async with world.open() as directory:
        assert await directory.find(key) is not None
        world.execute("ALTER TABLE api_keypair RENAME COLUMN end_date TO until")
        with pytest.raises(errors.Unavailable) as caught:
            await directory.find(key)
        world.server.kill()
        with pytest.raises(errors.Unavailable):
            await directory.find(key)
    said = caplog.text + str(caught.value.__cause__) + repr(caught.value.detail)
    for confidential in (key, "a-secret-to-look-for", PASSWORD):
        assert confidential not in said
