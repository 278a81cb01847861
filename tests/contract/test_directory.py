"""One suite over every directory: the in-memory twin, SQLite and MariaDB in each of CloudStack's shapes."""

import asyncio
import contextlib
import dataclasses
import itertools
import secrets
import sqlite3
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import event

from authsvc import errors
from authsvc.cache.directory import CachedDirectory
from authsvc.cache.gathering import GatheredDirectory
from authsvc.cache.local import LocalCache
from authsvc.cache.records import Shared
from authsvc.cache.seal import Sealer
from authsvc.cache.shared import MemorySharedCache
from authsvc.directory.cipher import SecretCipher
from authsvc.directory.edge import EdgeDirectory
from authsvc.directory.edge_file import EdgeFileWriter
from authsvc.directory.edge_signer import new_signer, read_signer
from authsvc.directory.engine import open_engine, opened
from authsvc.directory.memory import MemoryDirectory
from authsvc.directory.owned import OwnedDirectory
from authsvc.directory.rows import Holding
from authsvc.directory.sql import SQLDirectory
from authsvc.model import AccessKey, AccountType, Secret, State
from authsvc.service.policy import problem, standing
from authsvc.signing.sigv4a import public_key
from authsvc.wiring.clock import SystemClock
from tests.cloudstack_database import VERSIONS, CloudStackDatabase
from tests.people import NOW, StoppedClock, alice

DATABASE_KEY = "dbsecret"
PATIENCE = 10.0
"""Seconds, where the machine's haste is not what is tested."""
# Made by Jasypt 1.9.3 with the password "password".
V1_STORED = (
    "xANsblsU8T434yyZ19YJ3cdKSXis6w9lqOgXJEx/mj+qZVZPctS80mPYpsr2nsPmI4JescKx/PWBxMbrJAuTHLxduNKsDFa8xG84N3pTs"
    "Tgm6dw+DEE9+8UiGP81sKnP"
)
V1_SECRET = "VDaACYb0LV9eNjTetIOElcVQkvJck_J_QljX_FcHRj87ZKiy0z0ty0ZsYBkoXkY9b7eq1EhwJaw7FF3akA3KBQ"
CIPHER = SecretCipher([Secret(DATABASE_KEY), Secret("password")])
PAIRED = [name for name, version in VERSIONS.items() if version.key_pairs]
SWITCHED = [name for name, version in VERSIONS.items() if version.access]


class MemoryWorld:
    """The twin, changed as the tables would be."""

    version = None
    holds_secrets = True

    def __init__(self):
        self.directory = MemoryDirectory(StoppedClock())
        self.accounts = {}

    def person(self, access_key="AK", secret="SK", *, user=None, account=None, domain=None, key=None):
        self.directory.put(
            alice(access_key=access_key, secret=secret, user=user, account=account, domain=domain, key=key)
        )

    @asynccontextmanager
    async def open(self):
        yield self.directory


class CachedWorld(MemoryWorld):
    """The twin behind the cache, which is a directory too."""

    @asynccontextmanager
    async def open(self):
        clock = SystemClock()
        shared = Shared(cache=MemorySharedCache(clock), sealer=Sealer([bytes(32)]))
        cached = CachedDirectory(self.directory, local=LocalCache(clock), shared=shared, clock=clock)
        try:
            yield cached
        finally:
            await cached.close()


class GatheredWorld(MemoryWorld):
    """The twin, asked about many keys with one question."""

    @asynccontextmanager
    async def open(self):
        gathered = GatheredDirectory(self.directory)
        try:
            yield gathered
        finally:
            await gathered.close()


class EdgeWorld:
    """A file of public keys, written anew when it is opened."""

    version = None
    holds_secrets = False

    def __init__(self, path):
        self.path = path
        self.people = []
        pem, self.public = new_signer()
        self.signer = read_signer(pem)

    def person(self, access_key="AK", secret="SK", *, user=None, account=None, domain=None, key=None):
        self.people.append(
            alice(access_key=access_key, secret=secret, user=user, account=account, domain=domain, key=key)
        )

    @asynccontextmanager
    async def open(self):
        with self.path.open("wb") as file:
            writer = EdgeFileWriter(file, self.signer, region=1, exported_at=NOW, expires_at=NOW + 3600)
            for person in self.people:
                writer.add(Holding(access_key=person.access_key, credential=person))
            writer.close()
        yield EdgeDirectory(self.path, signers=[self.public], clock=StoppedClock())


class SQLWorld:
    """Tables of one version."""

    holds_secrets = True

    def __init__(self, version, execute, url, suffix=""):
        self.version = version
        self.url = url
        self.database = CloudStackDatabase(version, execute, suffix)
        self.database.create()

    def person(
        self, access_key="AK", secret="SK", *, user=None, account=None, domain=None, key=None, stored=None
    ):
        """Add a person; returns the numbers of domain, account, user and key."""
        rows = self.database
        domain = domain or {}
        states = {True: "Active", False: "Inactive"}
        domain_row = rows.add_domain(
            "sales", f"/sales-{access_key}/", state=states[domain.get("active", True)]
        )
        account_row = rows.add_account(
            "acme", domain=domain_row, state=str((account or {}).get("state", State.ENABLED))
        )
        user_row = rows.add_user(
            "alice", account=account_row, state=str((user or {}).get("state", State.ENABLED))
        )
        if stored is None:
            stored = CIPHER.encrypt(Secret(secret))
        key_row = rows.add_key(user_row, account_row, access_key, stored, **(key or {}))
        return domain_row, account_row, user_row, key_row

    @asynccontextmanager
    async def open(self, cipher=CIPHER):
        async with opened(open_engine(Secret(self.url))) as engine:
            yield SQLDirectory(engine, cipher=cipher, clock=SystemClock(), deadline=PATIENCE)


@pytest.fixture
def sqlite_world(tmp_path):
    path = tmp_path / "cloud.db"
    connections = []

    def make(version):
        connection = sqlite3.connect(path, isolation_level=None)
        connections.append(connection)

        def execute(sql, values=()):
            connection.execute(sql.replace("%s", "?"), values)

        return SQLWorld(VERSIONS[version], execute, f"sqlite:///{path}")

    yield make
    for connection in connections:
        connection.close()


@pytest.fixture
def mariadb_world(mariadb):
    with contextlib.ExitStack() as stack:

        def make(version):
            name = f"cloud_{secrets.token_hex(6)}"
            # As CloudStack makes its tables: utf8_general_ci is blind to case and to trailing spaces.
            mariadb.execute(f"CREATE DATABASE {name} CHARACTER SET utf8 COLLATE utf8_general_ci")
            stack.callback(mariadb.execute, f"DROP DATABASE {name}")
            mariadb.add_user(name, "pass/word@1", f"SELECT ON {name}.*")
            stack.callback(mariadb.execute, f"DROP USER {name}")
            connection = stack.enter_context(mariadb.connect(name))

            def execute(sql, values=()):
                with connection.cursor() as cursor:
                    cursor.execute(sql, values or None)

            url = mariadb.url(name, "pass/word@1", name)
            return SQLWorld(VERSIONS[version], execute, url, " DEFAULT CHARSET=utf8")

        yield make


SQL = [(kind, version) for kind in ("sqlite", "mariadb") for version in VERSIONS]


def named(parameter):
    return "-".join(part for part in parameter if part)


@pytest.fixture
def sql_world(request):
    kind, version = request.param
    return request.getfixturevalue(f"{kind}_world")(version)


TWINS = {"memory": MemoryWorld, "cached": CachedWorld, "gathered": GatheredWorld}


@pytest.fixture
def edge_world(tmp_path):
    return EdgeWorld(tmp_path / "edge.keys")


@pytest.fixture(params=[*((twin, None) for twin in TWINS), ("edge", None), *SQL], ids=named)
def world(request):
    kind, version = request.param
    if kind in TWINS:
        return TWINS[kind]()
    made = request.getfixturevalue(f"{kind}_world")
    return made if version is None else made(version)


def over(*versions):
    return pytest.mark.parametrize(
        "sql_world", [pair for pair in SQL if pair[1] in versions], ids=named, indirect=True
    )


everywhere = over(*VERSIONS)


async def test_the_holder_of_a_key_is_found_with_what_proves_its_signatures(world):
    world.person("AK", "SK")
    async with world.open() as directory:
        found = await directory.find(AccessKey("AK"))

    assert found.access_key == "AK"
    if world.holds_secrets:
        assert found.secret.reveal() == "SK"
    else:
        assert found.verifier == public_key(AccessKey("AK"), Secret("SK"))
        with pytest.raises(errors.SecretNotHeld):
            _ = found.secret
    assert found.principal.user.name == "alice"
    assert found.principal.account.name == "acme"
    assert found.principal.account.type is AccountType.NORMAL
    assert found.principal.user.email == "alice@example.com"
    assert found.freshness.source == "database"
    assert not found.ambiguous
    assert problem(found, now=NOW) is None


async def test_a_key_nobody_holds_is_none(world):
    world.person("AK")
    async with world.open() as directory:
        for key in ("", "A", "AKAK", "ak", "AK ", "x" * 300, "ÄK", "AK\x00", "'; DROP TABLE user; --"):
            assert await directory.find(AccessKey(key)) is None


async def test_a_key_no_column_can_hold_is_nobodys_and_makes_nothing_look_ill(world):
    world.person("AK")
    async with world.open() as directory:
        for key in ("K\N{GRINNING FACE}", "K\udc80", "\ud83d", "\x00", "K" * 256, "K" * 100_000):
            assert await directory.find(AccessKey(key)) is None
            assert await directory.find(AccessKey("AK")) is not None


async def test_many_keys_at_once_are_found_as_one_by_one(world):
    strange = ("ak", "AK ", "", "\x00", "K" * 256, "K\N{GRINNING FACE}", "nobody's")
    people = [f"AK{number}" for number in range(5)]
    for key in people:
        world.person(key, f"SK of {key}", user={"state": State.LOCKED} if key == "AK3" else None)
    async with world.open() as directory:
        if not hasattr(directory, "find_all"):
            assert isinstance(directory, CachedDirectory | EdgeDirectory | GatheredDirectory)
            return
        keys = [AccessKey(key) for key in (*people, *strange)]
        found = await directory.find_all(keys)
        assert list(found) == keys
        for key in keys:
            one = await directory.find(key)
            assert (found[key] is None) == (one is None)
            if one is not None:
                assert found[key].principal == one.principal
                assert found[key].secret.reveal() == one.secret.reveal() == f"SK of {key}"
        assert await directory.find_all([]) == {}


@everywhere
async def test_of_many_keys_one_that_cannot_be_told_is_left_out(sql_world):
    sql_world.person("AK")
    sql_world.person("AL", stored="neither of our keys wrote this, nor did anybody")
    async with sql_world.open() as directory:
        with pytest.raises(errors.SecretUnreadable):
            await directory.find(AccessKey("AL"))
        found = await directory.find_all([AccessKey("AK"), AccessKey("AL"), AccessKey("AM")])
    assert {key: credential is not None for key, credential in found.items()} == {"AK": True, "AM": False}


async def test_questions_that_are_cancelled_leave_a_directory_that_answers(world):
    world.person("AK")
    async with world.open() as directory:
        assert await directory.find(AccessKey("AK")) is not None
        for moments in range(30):
            asked = asyncio.create_task(directory.find(AccessKey("AK")))
            for _ in range(moments):
                await asyncio.sleep(0)
            asked.cancel()
            await asyncio.wait([asked])
        found = await asyncio.gather(*(directory.find(AccessKey("AK")) for _ in range(8)))
    assert all(found)


async def test_ping_returns_where_it_could_answer(world):
    world.person("AK")
    async with world.open() as directory:
        await directory.ping()


@pytest.mark.parametrize(
    ("who", "state", "reason"),
    [
        ("user", State.DISABLED, "user-disabled"),
        ("user", State.LOCKED, "user-locked"),
        ("account", State.DISABLED, "account-disabled"),
        ("account", State.LOCKED, "account-locked"),
    ],
)
async def test_states_are_told_as_they_are(world, who, state, reason):
    world.person("AK", **{who: {"state": state}})
    async with world.open() as directory:
        assert problem(await directory.find(AccessKey("AK")), now=NOW) == reason


async def test_an_inactive_domain_is_told(world):
    world.person("AK", domain={"active": False})
    async with world.open() as directory:
        assert problem(await directory.find(AccessKey("AK")), now=NOW) == "domain-inactive"


@everywhere
async def test_an_unknown_state_is_a_disabled_one(sql_world):
    _, _, user, _ = sql_world.person("AK")
    sql_world.database.update("user", user, state="WEIRD")
    async with sql_world.open() as directory:
        assert (await directory.find(AccessKey("AK"))).principal.user.state is State.DISABLED


@everywhere
async def test_states_are_read_in_any_case(sql_world):
    _, account, user, _ = sql_world.person("AK")
    sql_world.database.update("user", user, state="LOCKED")
    sql_world.database.update("account", account, state="Enabled")
    async with sql_world.open() as directory:
        principal = (await directory.find(AccessKey("AK"))).principal
    assert (principal.user.state, principal.account.state) == (State.LOCKED, State.ENABLED)


@everywhere
@pytest.mark.parametrize("what", ["domain", "account", "user"])
async def test_what_is_removed_holds_no_key(sql_world, what):
    numbers = dict(zip(("domain", "account", "user"), sql_world.person("AK"), strict=False))
    sql_world.database.update(what, numbers[what], removed="2026-01-01 00:00:00")
    async with sql_world.open() as directory:
        assert await directory.find(AccessKey("AK")) is None


@everywhere
async def test_both_ciphers_may_stand_in_one_table(sql_world):
    sql_world.person("OLD", stored=V1_STORED)
    sql_world.person("NEW", "SK2")
    async with sql_world.open() as directory:
        assert (await directory.find(AccessKey("OLD"))).secret.reveal() == V1_SECRET
        assert (await directory.find(AccessKey("NEW"))).secret.reveal() == "SK2"


@everywhere
async def test_a_secret_that_does_not_decrypt_is_neither_yes_nor_no(sql_world):
    sql_world.person("AK", stored=SecretCipher([Secret("another key")]).encrypt(Secret("SK")))
    sql_world.person("FINE", "SK")
    async with sql_world.open() as directory:
        with pytest.raises(errors.SecretUnreadable):
            await directory.find(AccessKey("AK"))
        assert await directory.find(AccessKey("FINE")) is not None
        await directory.ping()


@everywhere
async def test_a_wrong_database_key_is_not_ready(sql_world):
    sql_world.person("AK", "SK" * 20)
    async with sql_world.open(SecretCipher([Secret("wrong")])) as directory:
        with pytest.raises(errors.DirectoryUnready) as caught:
            await directory.ping()
        assert "database keys" in caught.value.detail["reasons"][0]
    async with sql_world.open(SecretCipher([])) as directory:
        with pytest.raises(errors.DirectoryUnready):
            await directory.ping()


@everywhere
async def test_a_key_without_a_secret_is_no_credential(sql_world):
    sql_world.person("AK", stored="")
    async with sql_world.open() as directory:
        assert await directory.find(AccessKey("AK")) is None


@everywhere
async def test_a_plain_decimal_is_a_uuid_and_a_missing_one_is_the_number(sql_world):
    _, account, user, _ = sql_world.person("AK")
    sql_world.database.update("user", user, uuid="2")
    sql_world.database.update("account", account, uuid=None)
    async with sql_world.open() as directory:
        principal = (await directory.find(AccessKey("AK"))).principal
    assert (principal.user.id, principal.account.id) == ("2", str(account))


@everywhere
async def test_a_role_is_read_where_there_are_roles(sql_world):
    sql_world.person("AK")
    async with sql_world.open() as directory:
        role = (await directory.find(AccessKey("AK"))).principal.account.role
    assert (None if role is None else role.name) == ("User" if sql_world.version.roles else None)


async def everybody(directory):
    """Return what everybody holds, by access key; a key is never told twice."""
    told = [holding async for page in directory.everybody(most=3) for holding in page]
    held = {holding.access_key: holding.credential for holding in told}
    assert len(held) == len(told)
    return held


@everywhere
async def test_everybody_is_told_of_as_one_by_one(sql_world):
    for number in range(7):
        sql_world.person(f"AK{number}", f"SK{number}")
    _, _, gone, _ = sql_world.person("GONE")
    sql_world.database.update("user", gone, removed="2026-01-01 00:00:00")
    sql_world.person("OFF", user={"state": State.DISABLED})
    sql_world.person("NOTHING", stored="")
    sql_world.person("UNREADABLE", stored=SecretCipher([Secret("another key")]).encrypt(Secret("SK")))
    async with sql_world.open() as directory:
        held = await everybody(directory)
        assert set(held) == {*(f"AK{number}" for number in range(7)), "OFF", "UNREADABLE"}
        assert held.pop("UNREADABLE") is None
        for access_key, credential in held.items():
            found = await directory.find(access_key)
            assert credential.principal == found.principal
            assert credential.secret.reveal() == found.secret.reveal()
            assert not credential.ambiguous


@everywhere
async def test_nobody_is_told_of_where_there_is_nobody(sql_world):
    async with sql_world.open() as directory:
        assert await everybody(directory) == {}


@over(*PAIRED)
async def test_everybody_is_told_of_once_and_with_the_twins(sql_world):
    _, account, user, _ = sql_world.person("AK", "SK")
    sql_world.database.add_key(user, account, "AK", CIPHER.encrypt(Secret("SK2")))
    sql_world.database.add_key(
        user, account, "OLD", CIPHER.encrypt(Secret("SK3")), removed="2026-01-01 00:00:00"
    )
    sql_world.person("ak", "another's, whom a blind collation takes for the first")
    async with sql_world.open() as directory:
        held = await everybody(directory)
    assert set(held) == {"AK", "ak"}
    assert held["AK"].ambiguous
    assert not held["ak"].ambiguous


@everywhere
async def test_the_examination_says_what_it_found(sql_world):
    sql_world.person("AK")
    async with sql_world.open() as directory:
        lines = await directory.examine()
    assert sql_world.version.version in lines[0]
    assert "1 of 1 sampled secrets decrypt" in lines[1]


@over(*PAIRED)
async def test_the_dates_of_a_key_pair_bound_it(sql_world):
    sql_world.person("AK", key={"start_date": "2026-01-01 00:00:00", "end_date": "2026-12-31 00:00:00"})
    async with sql_world.open() as directory:
        found = await directory.find(AccessKey("AK"))
    key = found.principal.key
    assert (key.starts_at, key.expires_at) == (1767225600.0, 1798675200.0)
    assert problem(found, now=1767225600.0) == "key-not-yet-valid"
    assert problem(found, now=1767225601.0) is None
    assert problem(found, now=1798675200.0) == "key-expired"


@over(*PAIRED)
async def test_a_removed_key_pair_is_no_key(sql_world):
    sql_world.person("AK", key={"removed": "2026-01-01 00:00:00"})
    async with sql_world.open() as directory:
        assert await directory.find(AccessKey("AK")) is None


@over(*PAIRED)
async def test_a_key_pair_beside_its_removed_twin_is_a_key(sql_world):
    _, account, user, _ = sql_world.person("AK", key={"removed": "2026-01-01 00:00:00"})
    sql_world.database.add_key(user, account, "AK", CIPHER.encrypt(Secret("SK2")))
    async with sql_world.open() as directory:
        found = await directory.find(AccessKey("AK"))
    assert (found.secret.reveal(), found.ambiguous) == ("SK2", False)


@over(*PAIRED)
async def test_rules_of_its_own_restrict_a_key_pair(sql_world):
    *_, pair = sql_world.person("AK")
    sql_world.person("FREE")
    rule = {"uuid": "r", "rule": "listVirtualMachines", "api_keypair_id": pair, "permission": "ALLOW"}
    sql_world.database.insert(sql_world.version.permissions, **rule)
    async with sql_world.open() as directory:
        assert (await directory.find(AccessKey("AK"))).principal.key.restricted
        assert not (await directory.find(AccessKey("FREE"))).principal.key.restricted


@over(*PAIRED)
async def test_two_live_key_pairs_with_one_key_open_nothing(sql_world):
    sql_world.person("AK", "SK")
    sql_world.person("AK ", "SK")  # a twin for blind collations, told apart here
    async with sql_world.open() as directory:
        assert not (await directory.find(AccessKey("AK"))).ambiguous
    _, account, user, _ = sql_world.person("other")
    sql_world.database.add_key(user, account, "AK", CIPHER.encrypt(Secret("SK")))
    async with sql_world.open() as directory:
        assert problem(await directory.find(AccessKey("AK")), now=NOW) == "ambiguous-access-key"


@over(*PAIRED)
async def test_more_twins_than_are_looked_at_could_not_be_told_apart(sql_world):
    if "sqlite" in sql_world.url:
        twins = ["ABCDE"] * 17  # its collation is exact
    else:
        letters = itertools.product(*((letter, letter.lower()) for letter in "ABCDE"))
        twins = ["".join(word) for word in letters][:17]
    _, account, user, _ = sql_world.person("other")
    for twin in twins:
        sql_world.database.add_key(user, account, twin, CIPHER.encrypt(Secret("SK")))
    async with sql_world.open() as directory:
        with pytest.raises(errors.DirectoryUnavailable):
            await directory.find(AccessKey("ABCDE"))
        assert await directory.find(AccessKey("other")) is not None


@over(*PAIRED)
async def test_a_key_pair_that_names_another_account_than_its_users_opens_nothing(sql_world):
    _, account, user, _ = sql_world.person("AK")
    moved = sql_world.database.add_account("elsewhere")
    sql_world.database.update("user", user, account_id=moved)
    async with sql_world.open() as directory:
        assert (await directory.find(AccessKey("AK"))).ambiguous
    assert account != moved


@over("fork-both")
async def test_a_fork_may_keep_one_users_one_secret_in_both_places(sql_world):
    _, _, user, _ = sql_world.person("AK", "SK", key={"end_date": "2026-12-31 00:00:00"})
    again = CIPHER.encrypt(Secret("SK"))
    sql_world.database.update("user", user, api_key="AK", secret_key=again)
    async with sql_world.open() as directory:
        found = await directory.find(AccessKey("AK"))
    assert not found.ambiguous
    assert found.principal.key.expires_at == 1798675200.0


@over("fork-both")
@pytest.mark.parametrize("conflict", ["secret", "user"])
async def test_a_forks_two_places_that_disagree_open_nothing(sql_world, conflict):
    _, _, user, _ = sql_world.person("AK", "SK")
    if conflict == "user":
        _, _, user, _ = sql_world.person("other", "SK")
    stored = CIPHER.encrypt(Secret("SK" if conflict == "user" else "SK2"))
    sql_world.database.update("user", user, api_key="AK", secret_key=stored)
    async with sql_world.open() as directory:
        assert (await directory.find(AccessKey("AK"))).ambiguous


@over("fork-both")
async def test_a_pair_that_a_fork_removed_and_blanked_stays_removed(sql_world):
    _, _, user, _ = sql_world.person("AK", stored="", key={"removed": "2026-01-01 00:00:00"})
    sql_world.database.update("user", user, api_key="AK", secret_key=CIPHER.encrypt(Secret("SK")))
    async with sql_world.open() as directory:
        assert await directory.find(AccessKey("AK")) is None


@over("fork-both")
async def test_the_secrets_of_both_places_are_sampled(sql_world):
    _, _, user, _ = sql_world.person("AK", stored=" ", key={"removed": "2026-01-01 00:00:00"})
    wrong = SecretCipher([Secret("another key")]).encrypt(Secret("SK" * 20))
    sql_world.database.update("user", user, api_key="AK2", secret_key=wrong)
    assert "database keys" in await _reasons(sql_world)


@over("fork-both")
async def test_a_pair_that_a_fork_removed_stays_removed_though_the_user_still_has_the_column(sql_world):
    _, _, user, _ = sql_world.person("AK", "SK", key={"removed": "2026-01-01 00:00:00"})
    sql_world.database.update("user", user, api_key="AK", secret_key=CIPHER.encrypt(Secret("SK")))
    async with sql_world.open() as directory:
        assert await directory.find(AccessKey("AK")) is None


@over("fork-both")
async def test_a_fork_may_keep_a_key_in_the_users_column_alone(sql_world):
    _, _, user, _ = sql_world.person("other", "SK")
    sql_world.database.update("user", user, api_key="AK", secret_key=CIPHER.encrypt(Secret("SK2")))
    async with sql_world.open() as directory:
        found = await directory.find(AccessKey("AK"))
    assert (found.secret.reveal(), found.ambiguous) == ("SK2", False)


@over(*SWITCHED)
@pytest.mark.parametrize(
    ("switches", "allowed"),
    [
        ((None, None, None, None, None, None), True),
        ((None, None, None, None, None, "false"), False),
        ((None, None, None, None, None, "true"), True),
        ((None, None, "false", None, None, None), False),
        ((None, None, "true", None, None, "false"), True),
        ((None, 0, "true", None, None, None), False),
        ((None, 1, "false", None, None, None), True),
        ((0, 1, "true", None, None, None), False),
        ((1, 0, "false", None, None, "false"), True),
        ((None, None, None, "false", None, None), True),
        ((None, None, None, "false", "false", None), True),
        ((None, None, None, "false", "true", None), False),
        ((None, None, None, "true", "true", "false"), True),
        ((None, None, "true", "false", "true", None), True),
    ],
)
async def test_api_key_access_is_resolved_from_the_user_up(sql_world, switches, allowed):
    user, account, domain, parent, for_children, everywhere_ = switches
    rows = sql_world.database
    above = rows.add_domain("top", "/top/")
    domain_row, account_row, user_row, _ = sql_world.person("AK")
    rows.update("domain", domain_row, path="/top/sales/", parent=above)
    rows.update("user", user_row, api_key_access=user)
    rows.update("account", account_row, api_key_access=account)
    for number, value in ((domain_row, domain), (above, parent)):
        if value is not None:
            rows.insert("domain_details", domain_id=number, name="api.key.access", value=value)
    rows.insert("domain_details", domain_id=domain_row, name="something.else", value="false")
    for name, value in (
        ("enable.domain.settings.for.child.domain", for_children),
        ("api.key.access", everywhere_),
    ):
        if value is not None:
            rows.insert("configuration", name=name, value=value, category="Advanced")
    async with sql_world.open() as directory:
        assert (await directory.find(AccessKey("AK"))).principal.key.allowed is allowed


async def _reasons(world):
    async with world.open() as directory:
        with pytest.raises(errors.DirectoryUnready) as caught:
            await directory.ping()
        with pytest.raises(errors.Unavailable):
            await directory.find(AccessKey("AK"))
    return " ".join(caught.value.detail["reasons"])


@over("4.1", "4.22")
async def test_no_keys_at_all_is_not_ready(sql_world):
    sql_world.database.execute(
        "DROP INDEX i_user__api_key" + (" ON user" if "mysql" in sql_world.url else "")
    )
    sql_world.database.execute("ALTER TABLE `user` DROP COLUMN api_key")
    assert "neither user.api_key" in await _reasons(sql_world)


@over("4.22", "4.23")
async def test_a_version_that_cannot_be_told_is_not_ready(sql_world):
    sql_world.database.execute("UPDATE `version` SET step = 'Upgrade'")
    assert "no completed version" in await _reasons(sql_world)
    sql_world.database.update("version", 2, step="Complete", version="newest")
    assert "'newest'" in await _reasons(sql_world)


@over("4.1", "4.22", "fork-both")
async def test_keys_without_the_secrets_beside_them_are_not_ready(sql_world):
    sql_world.database.execute("ALTER TABLE `user` DROP COLUMN secret_key")
    assert "user has api_key and lacks secret_key" in await _reasons(sql_world)


@everywhere
async def test_a_column_every_version_has_and_this_one_lacks_is_named(sql_world):
    sql_world.database.execute("ALTER TABLE `account` DROP COLUMN state")
    assert "account lacks state" in await _reasons(sql_world)


@over("4.20.1", "4.22", "4.23", "4.24")
async def test_a_hidden_switch_refuses_instead_of_admitting(sql_world):
    sql_world.database.execute("ALTER TABLE `account` DROP COLUMN api_key_access")
    assert "api_key_access" in await _reasons(sql_world)


@over("4.23", "4.24")
async def test_hidden_settings_refuse_instead_of_admitting(sql_world):
    sql_world.database.execute("DROP TABLE configuration")
    assert "configuration" in await _reasons(sql_world)


@over("4.23", "fork-pairs")
async def test_hidden_dates_or_rules_of_key_pairs_refuse_instead_of_admitting(sql_world):
    sql_world.database.execute("ALTER TABLE api_keypair DROP COLUMN end_date")
    sql_world.database.execute(f"DROP TABLE {sql_world.version.permissions}")
    reasons = await _reasons(sql_world)
    assert "end_date" in reasons
    assert "permissions" in reasons


@over("4.22")
async def test_an_upgrade_while_it_runs_is_noticed_and_followed(sql_world):
    _, account, user, _ = sql_world.person("AK", "SK")
    rows = sql_world.database
    async with sql_world.open() as directory:
        assert await directory.find(AccessKey("AK")) is not None
        new = CloudStackDatabase(VERSIONS["4.23"], rows.execute, rows.suffix)
        rows.execute("DROP INDEX i_user__api_key" + (" ON user" if "mysql" in sql_world.url else ""))
        for column in ("api_key", "secret_key"):
            rows.execute(f"ALTER TABLE `user` DROP COLUMN {column}")
        from tests.cloudstack_database import KEYPAIR, PERMISSIONS

        rows.execute(f"CREATE TABLE api_keypair ({', '.join(KEYPAIR)}){rows.suffix}")
        rows.execute(f"CREATE TABLE api_keypair_permissions ({', '.join(PERMISSIONS)}){rows.suffix}")
        new.insert("version", id=4, version="4.23.0.0", updated="2026-06-01 00:00:00", step="Complete")
        new.add_key(user, account, "AK", CIPHER.encrypt(Secret("SK")))
        found = await directory.find(AccessKey("AK"))
    assert found.principal.key.id is not None


async def test_a_directory_in_memory_outlives_a_question_that_is_cancelled():
    async with opened(open_engine(Secret("sqlite://"))) as engine:
        owned = OwnedDirectory(engine, cipher=CIPHER)
        await owned.migrate()
        await owned.add_user("alice", access_key="AK")
        directory = SQLDirectory(engine, cipher=CIPHER, clock=SystemClock(), deadline=PATIENCE)
        for moments in range(40):
            asked = asyncio.create_task(directory.find(AccessKey("AK")))
            for _ in range(moments):
                await asyncio.sleep(0)
            asked.cancel()
            await asyncio.wait([asked])
            assert await directory.find(AccessKey("AK")) is not None


async def test_a_schema_not_understood_is_not_looked_at_for_every_question(tmp_path):
    clock = StoppedClock()
    async with opened(open_engine(Secret(f"sqlite:///{tmp_path}/empty.db"))) as engine:
        asked = []
        event.listen(
            engine.sync_engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2])
        )
        directory = SQLDirectory(engine, cipher=CIPHER, clock=clock)
        for _ in range(20):
            with pytest.raises(errors.DirectoryUnready) as caught:
                await directory.find(AccessKey("AK"))
            assert caught.value.detail["reasons"]
        looks = [statement for statement in asked if "sqlite_master" in statement]
        assert len(looks) == 1
        clock.advance(1)
        await OwnedDirectory(engine, cipher=CIPHER).migrate()
        assert await directory.find(AccessKey("AK")) is None


async def test_the_twin_that_is_down_could_not_tell():
    world = MemoryWorld()
    world.person("AK")
    world.directory.down = True
    with pytest.raises(errors.DirectoryUnavailable):
        await world.directory.find(AccessKey("AK"))
    with pytest.raises(errors.DirectoryUnavailable):
        await world.directory.ping()


def test_versions_differ_where_they_should():
    assert len({dataclasses.astuple(version) for version in VERSIONS.values()}) == len(VERSIONS)


# --- users by id -------------------------------------------------------------------------------------------


@pytest.fixture(params=[("memory", None), *SQL], ids=named)
def users(request):
    """Make the worlds whose directory knows users by id; a cache knows keys alone."""
    kind, version = request.param
    return TWINS[kind]() if kind in TWINS else request.getfixturevalue(f"{kind}_world")(version)


async def found_by_key(directory):
    return (await directory.find(AccessKey("AK"))).principal


async def test_the_user_behind_a_key_is_found_by_id(users):
    users.person("AK")
    async with users.open() as directory:
        principal = await found_by_key(directory)
        identity = await directory.find_user(principal.user.id)
    assert identity.principal.user == principal.user
    assert identity.principal.account == principal.account
    assert identity.principal.domain == principal.domain
    assert identity.principal.key.id is None
    assert identity.freshness.source == "database"
    assert standing(identity.principal, now=NOW) is None


async def test_an_id_nobody_has_is_none(users):
    users.person("AK")
    async with users.open() as directory:
        taken = (await found_by_key(directory)).user.id
        for user_id in ("", "x", taken.upper() + "x", taken + " ", taken[:-1], "ü", "x" * 41, "\0", "%"):
            assert await directory.find_user(user_id) is None


@everywhere
async def test_the_id_is_compared_byte_for_byte(sql_world):
    _, _, user, _ = sql_world.person("AK")
    sql_world.database.update("user", user, uuid="abc-def")
    async with sql_world.open() as directory:
        assert await directory.find_user("abc-def") is not None
        assert await directory.find_user("ABC-def") is None


@pytest.mark.parametrize("who", ["user", "account"])
async def test_states_are_told(users, who):
    users.person("AK", **{who: {"state": State.LOCKED}})
    async with users.open() as directory:
        identity = await directory.find_user((await found_by_key(directory)).user.id)
    assert standing(identity.principal, now=NOW) == f"{who}-locked"


@everywhere
@pytest.mark.parametrize("what", ["domain", "account", "user"])
async def test_who_is_removed_is_nobody(sql_world, what):
    numbers = dict(zip(("domain", "account", "user"), sql_world.person("AK"), strict=False))
    async with sql_world.open() as directory:
        user_id = (await found_by_key(directory)).user.id
        sql_world.database.update(what, numbers[what], removed="2026-01-01 00:00:00")
        assert await directory.find_user(user_id) is None


@over(*SWITCHED)
async def test_who_may_not_use_keys_may_not_use_certificates(sql_world):
    _, _, user, _ = sql_world.person("AK")
    sql_world.database.update("user", user, api_key_access=0)
    async with sql_world.open() as directory:
        identity = await directory.find_user((await found_by_key(directory)).user.id)
    assert standing(identity.principal, now=NOW) == "api-key-access-disabled"
