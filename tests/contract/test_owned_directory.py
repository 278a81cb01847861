"""The directory authsvc owns, and both registries of regions, on SQLite and on MariaDB."""

import asyncio
import contextlib
import secrets
import sqlite3
import sys
from asyncio.subprocess import PIPE

import pytest
from sqlalchemy import inspect, text

from authsvc import errors
from authsvc.directory.cipher import SecretCipher
from authsvc.directory.engine import open_engine, opened
from authsvc.directory.owned import OwnedDirectory
from authsvc.directory.sql import SQLDirectory
from authsvc.model import AccessKey, AccountType, Region, Secret, State
from authsvc.regions.memory import MemoryRegions
from authsvc.regions.sql import SQLRegions
from authsvc.service.policy import problem
from authsvc.wiring.clock import SystemClock
from tests.cloudstack_database import VERSIONS, CloudStackDatabase
from tests.people import NOW, StoppedClock

CIPHER = SecretCipher([Secret("dbsecret")])

PATIENCE = 10.0
"""Seconds, where the machine's haste is not what is tested."""


class Own:
    """An empty database of one kind."""

    def __init__(self, url):
        self.url = url

    @contextlib.asynccontextmanager
    async def open(self):
        async with opened(open_engine(Secret(self.url), writing=True)) as engine:
            yield engine

    @contextlib.asynccontextmanager
    async def migrated(self):
        async with self.open() as engine:
            directory = OwnedDirectory(engine, cipher=CIPHER)
            await directory.migrate()
            yield directory

    async def find(self, access_key):
        async with opened(open_engine(Secret(self.url))) as engine:
            directory = SQLDirectory(engine, cipher=CIPHER, clock=SystemClock(), deadline=PATIENCE)
            await directory.ping()
            return await directory.find(AccessKey(access_key))


@pytest.fixture(params=["sqlite", "mariadb"])
def own(request, tmp_path):
    if request.param == "sqlite":
        yield Own(f"sqlite:///{tmp_path}/own.db")
        return
    mariadb = request.getfixturevalue("mariadb")
    name = f"own_{secrets.token_hex(6)}"
    mariadb.execute(f"CREATE DATABASE {name}")
    mariadb.add_user(name, "p", f"ALL ON {name}.*")
    yield Own(mariadb.url(name, "p", name))
    mariadb.execute(f"DROP USER {name}")
    mariadb.execute(f"DROP DATABASE {name}")


@pytest.fixture(params=["sqlite", "mariadb"])
def cloudstacks(request, tmp_path):
    """CloudStack's own database, in which we may not write."""
    if request.param == "sqlite":
        path = tmp_path / "cloud.db"
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            CloudStackDatabase(
                VERSIONS["4.23"], lambda sql, values=(): connection.execute(sql.replace("%s", "?"), values)
            ).create()
        yield Own(f"sqlite:///{path}")
        return
    mariadb = request.getfixturevalue("mariadb")
    name = f"cloud_{secrets.token_hex(6)}"
    mariadb.execute(f"CREATE DATABASE {name}")
    with mariadb.connect(name) as connection, connection.cursor() as cursor:
        CloudStackDatabase(
            VERSIONS["4.23"], lambda sql, values=(): cursor.execute(sql, values or None)
        ).create()
    mariadb.add_user(name, "p", f"ALL ON {name}.*")
    yield Own(mariadb.url(name, "p", name))
    mariadb.execute(f"DROP USER {name}")
    mariadb.execute(f"DROP DATABASE {name}")


async def test_a_user_that_is_added_is_found(own):
    async with own.migrated() as directory:
        made = await directory.add_user("alice", account="acme", domain="/sales/north/")
    assert (len(made.access_key), len(made.secret.reveal())) == (86, 86)
    found = await own.find(made.access_key)
    assert found.secret.reveal() == made.secret.reveal()
    assert found.principal.user.id == made.id
    assert found.principal.account.name == "acme"
    assert found.principal.account.type is AccountType.NORMAL
    assert found.principal.account.role.type == "User"
    assert found.principal.domain.path == "/sales/north/"
    assert problem(found, now=NOW) is None


async def test_keys_may_be_given_and_an_administrator_made(own):
    async with own.migrated() as directory:
        made = await directory.add_user("root", admin=True, access_key="AK", secret=Secret("SK"))
    found = await own.find("AK")
    assert (made.access_key, found.secret.reveal()) == ("AK", "SK")
    assert found.principal.account.type is AccountType.ADMIN
    assert found.principal.account.role.type == "Admin"
    assert found.principal.domain.path == "/"


async def test_states_and_removal_are_seen(own):
    async with own.migrated() as directory:
        made = await directory.add_user("alice", access_key="AK")
        await directory.set_state("alice", State.LOCKED)
        assert problem(await own.find("AK"), now=NOW) == "user-locked"
        await directory.set_state(made.id, State.ENABLED)
        assert problem(await own.find("AK"), now=NOW) is None
        await directory.remove_user(made.id)
        assert await own.find("AK") is None
        assert await directory.list_users() == []
        again = await directory.add_user("alice", access_key="AK")
        assert (await own.find("AK")).principal.user.id == again.id


async def test_users_are_listed_by_place_and_name(own):
    async with own.migrated() as directory:
        for name, domain in (("zoe", "/"), ("bob", "/b/"), ("alice", "/")):
            await directory.add_user(name, domain=domain, access_key=f"{name}s-key")
        listed = await directory.list_users()
    assert [(user.domain, user.name, user.access_keys) for user in listed] == [
        ("/", "alice", ("alices-key",)),
        ("/", "zoe", ("zoes-key",)),
        ("/b/", "bob", ("bobs-key",)),
    ]


@pytest.mark.parametrize(
    ("second", "why"),
    [
        ({"name": "alice"}, "alice in that domain already"),
        ({"name": "bob", "access_key": "AK"}, "holds that access key"),
        ({"name": "bob", "account": "alice", "admin": True}, "not an administrator's"),
        ({"name": "bob", "access_key": ""}, "1 to 255"),
        ({"name": "bob", "access_key": "a b"}, "1 to 255"),
        ({"name": "bob", "access_key": "x" * 256}, "1 to 255"),
        ({"name": " "}, "a user.s name"),
    ],
)
async def test_what_cannot_be_added_changes_nothing(own, second, why):
    async with own.migrated() as directory:
        await directory.add_user("alice", access_key="AK")
        async with own.open() as engine, engine.connect() as connection:
            before = await connection.scalar(text("SELECT COUNT(*) FROM account"))
            with pytest.raises(ValueError, match=why):
                await directory.add_user(**{"domain": "/"} | second)
        async with own.open() as engine, engine.connect() as connection:
            assert await connection.scalar(text("SELECT COUNT(*) FROM account")) == before
        assert [user.name for user in await directory.list_users()] == ["alice"]


async def test_a_user_half_added_is_not_added(own):
    async with own.migrated() as directory:
        async with own.open() as engine, engine.begin() as connection:
            await connection.execute(text("DROP TABLE api_keypair_permissions"))
            await connection.execute(text("ALTER TABLE api_keypair RENAME COLUMN created TO made"))
        with pytest.raises(Exception, match="created"):
            await directory.add_user("alice", account="acme", domain="/sales/")
        async with own.open() as engine, engine.connect() as connection:
            for table in ("account", "`user`"):
                assert await connection.scalar(text(f"SELECT COUNT(*) FROM {table}")) == 0
            assert await connection.scalar(text("SELECT COUNT(*) FROM domain")) == 1


async def test_one_name_in_two_domains_is_named_by_id(own):
    async with own.migrated() as directory:
        for domain in ("/a/", "/b/"):
            await directory.add_user("alice", domain=domain)
        with pytest.raises(ValueError, match="2 users are called alice"):
            await directory.remove_user("alice")
        with pytest.raises(ValueError, match="no user bob"):
            await directory.set_state("bob", State.DISABLED)


async def test_migrating_again_changes_nothing(own):
    async with own.migrated() as directory:
        await directory.add_user("alice", access_key="AK")
        await directory.migrate()
    assert await own.find("AK") is not None


async def test_processes_that_start_at_once_all_find_the_tables(tmp_path):
    url = Secret(f"sqlite:///{tmp_path}/own.db")
    code = (
        "import asyncio, sys; from authsvc.directory.cipher import SecretCipher;"
        "from authsvc.directory.engine import open_engine; from authsvc.directory.owned import OwnedDirectory;"
        "from authsvc.directory.engine import opened; from authsvc.model import Secret\n"
        "async def main():\n"
        "    async with opened(open_engine(Secret(sys.argv[1]))) as engine:\n"
        "        await OwnedDirectory(engine, cipher=SecretCipher([])).migrate()\n"
        "print(flush=True); sys.stdin.readline(); asyncio.run(main())"
    )
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, url.reveal(), stdin=PIPE, stdout=PIPE
        )
        for _ in range(4)
    ]
    for process in started:
        await process.stdout.readline()
    await asyncio.gather(*(process.communicate(b"\n") for process in started))
    assert [process.returncode for process in started] == [0] * 4


async def test_downgrading_leaves_nothing(own):
    from alembic import command
    from alembic.config import Config

    from authsvc.directory.owned import _scripts

    def downgrade(connection):
        config = Config()
        config.set_main_option("script_location", str(_scripts()))
        config.attributes["connection"] = connection
        command.downgrade(config, "base")

    async with own.migrated(), own.open() as engine, engine.begin() as connection:
        await connection.run_sync(downgrade)
        left = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert left == ["authsvc_schema_version"]


async def test_access_keys_have_an_index(own):
    async with own.migrated(), own.open() as engine, engine.connect() as connection:
        indexes = await connection.run_sync(lambda sync: inspect(sync).get_indexes("api_keypair"))
    assert ["api_key"] in [index["column_names"] for index in indexes]


async def test_cloudstacks_tables_are_never_migrated(cloudstacks):
    async with cloudstacks.open() as engine:
        before = await _tables(engine)
        with pytest.raises(ValueError, match="management server owns"):
            await OwnedDirectory(engine, cipher=CIPHER).migrate()
        assert await _tables(engine) == before


async def test_cloudstacks_users_are_never_written(cloudstacks):
    async with cloudstacks.open() as engine:
        directory = OwnedDirectory(engine, cipher=CIPHER)
        for refused in (
            directory.add_user("alice"),
            directory.list_users(),
            directory.set_state("alice", State.DISABLED),
            directory.remove_user("alice"),
        ):
            with pytest.raises(ValueError, match="its management server owns the rows"):
                await refused


async def test_cloudstacks_regions_are_read_and_never_written(cloudstacks):
    async with cloudstacks.open() as engine:
        regions = SQLRegions(engine, clock=SystemClock())
        assert [region.name for region in await regions.list()] == ["Local"]
        for refused in (
            regions.add(Region(id=2, name="north", endpoint="https://north.example/client/")),
            regions.update(1, name="south", endpoint=None),
            regions.remove(1),
        ):
            with pytest.raises(ValueError, match="its management server owns the rows"):
                await refused
        assert [region.name for region in await regions.list()] == ["Local"]


async def test_regions_come_and_go(own):
    async with own.migrated(), own.open() as engine:
        regions = SQLRegions(engine, clock=SystemClock())
        await regions.add(Region(id=3, name="south", endpoint="https://south.example/client/"))
        await regions.add(Region(id=2, name="north", endpoint="https://north.example/client/"))
        assert [region.id for region in await regions.list()] == [1, 2, 3]
        await regions.update(3, name="far south", endpoint=None)
        await regions.update(3, name=None, endpoint="https://far.example/client/")
        assert (await regions.list())[2] == Region(
            id=3, name="far south", endpoint="https://far.example/client/"
        )
        await regions.remove(3)
        assert [region.id for region in await regions.list()] == [1, 2]
        for refused, why in (
            (regions.add(Region(id=2, name="x", endpoint="y")), "Region with id: 2 already exists"),
            (regions.add(Region(id=9, name="north", endpoint="y")), "Region with name: north already exists"),
            (regions.update(9, name="x", endpoint=None), "Region with id: 9 does not exist"),
            (regions.update(2, name="Local", endpoint=None), "Region with name: Local already exists"),
            (regions.remove(9), "Region not found"),
        ):
            with pytest.raises(ValueError, match=why):
                await refused


async def test_the_registry_of_4_1_has_fewer_columns(tmp_path):
    path = tmp_path / "cloud.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        CloudStackDatabase(
            VERSIONS["4.1"], lambda sql, values=(): connection.execute(sql.replace("%s", "?"), values)
        ).create()
    async with Own(f"sqlite:///{path}").open() as engine:
        (region,) = await SQLRegions(engine, clock=SystemClock()).list()
    assert (region.id, region.gslb_enabled, region.portable_ip_enabled) == (1, True, False)


async def test_a_registry_that_is_away_could_not_tell_and_is_left_alone():
    connects = 0

    async def count(reader, writer):
        nonlocal connects
        connects += 1
        writer.close()

    clock = StoppedClock()
    async with await asyncio.start_server(count, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with opened(open_engine(Secret(f"mysql://u:p@127.0.0.1:{port}/cloud"))) as engine:
            regions = SQLRegions(engine, clock=clock)
            for _ in range(20):
                with pytest.raises(errors.DirectoryUnavailable):
                    await regions.list()
            assert connects == 1
            clock.advance(1)
            with pytest.raises(errors.DirectoryUnavailable):
                await regions.list()
            assert connects == 2


async def test_the_twin_lists_by_id():
    north = Region(id=2, name="north", endpoint="n")
    local = Region(id=1, name="local", endpoint="l")
    assert await MemoryRegions([north, local]).list() == [local, north]


async def _tables(engine):
    async with engine.connect() as connection:
        return sorted(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))
