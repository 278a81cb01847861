"""One suite over every keeper of certificates: the twin, a memory in front of it, SQLite and MariaDB."""

from __future__ import annotations

import dataclasses
import secrets
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import inspect

from authsvc.cache.remembered import RememberedCertificates
from authsvc.certificates.memory import MemoryCertificates, NoCertificates
from authsvc.certificates.sql import SQLCertificates
from authsvc.errors import CertificatesUnavailable, CertificateTaken
from authsvc.model import Certificate, Secret
from authsvc.settings import Settings
from authsvc.wiring.backends import migrate_own, open_own_engine
from tests.people import NOW, StoppedClock

ALICE, BOB = "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "16fd2706-8baf-433b-82eb-8c7fada847da"


class InMemory:
    def __init__(self, _get):
        self.certificates = MemoryCertificates()

    @asynccontextmanager
    async def open(self):
        yield self.certificates

    def take_away(self):
        self.certificates.down = True


class Remembered(InMemory):
    @asynccontextmanager
    async def open(self):
        yield RememberedCertificates(self.certificates, clock=StoppedClock(), fresh_for=2.0, max_stale=300.0)


class SQL:
    @asynccontextmanager
    async def open(self):
        async with open_own_engine(Settings(own_database_url=Secret(self.url))) as engine:
            await migrate_own(engine)
            yield SQLCertificates(engine, clock=StoppedClock())


class InSQLite(SQL):
    def __init__(self, get):
        self.path = get("tmp_path") / "own.db"
        self.url = f"sqlite:///{self.path}"

    def take_away(self):
        self.path.write_bytes(b"no database" * 1000)


class InMariaDB(SQL):
    def __init__(self, get):
        self.server = get("mariadb")
        name, password = f"own_{secrets.token_hex(6)}", secrets.token_hex(8)
        self.server.execute(f"CREATE DATABASE {name}")
        self.server.add_user(name, password, f"ALL ON {name}.*")
        self.url = self.server.url(name, password, name)

    def take_away(self):
        self.server.kill()


@pytest.fixture(params=[InMemory, Remembered, InSQLite, InMariaDB])
def world(request):
    return request.param(request.getfixturevalue)


def certificate(user_id=ALICE, **changes):
    sha256 = secrets.token_hex(32)
    made = Certificate(sha256=sha256, der=b"der of " + sha256.encode(), user_id=user_id, created=NOW)
    return dataclasses.replace(made, **changes)


async def test_what_is_added_is_found_as_it_was(world):
    first = certificate(legacy_id="CN=uñi, serial=1")
    async with world.open() as certificates:
        assert await certificates.add(first) == first
        assert await certificates.find(first.sha256) == first
        assert await certificates.find(secrets.token_hex(32)) is None
        assert await certificates.find(first.sha256.upper() + " ") is None


async def test_a_users_certificates_are_listed_oldest_first(world):
    held = [certificate(created=NOW + age) for age in (3, 1, 2)]
    async with world.open() as certificates:
        for each in (*held, certificate(BOB)):
            await certificates.add(each)
        assert list(await certificates.list(ALICE)) == sorted(held, key=lambda each: each.created)
        assert await certificates.list(ALICE.upper()) == []
        assert len(await certificates.list()) == 4


async def test_the_same_again_changes_nothing(world):
    first = certificate()
    async with world.open() as certificates:
        await certificates.add(first)
        assert await certificates.add(dataclasses.replace(first, created=NOW + 9)) == first


async def test_nobody_elses_certificate_can_be_taken(world):
    first = certificate()
    async with world.open() as certificates:
        await certificates.add(first)
        with pytest.raises(CertificateTaken):
            await certificates.add(dataclasses.replace(first, user_id=BOB))
        assert await certificates.find(first.sha256) == first


async def test_what_is_revoked_stays_so(world):
    first = certificate()
    async with world.open() as certificates:
        await certificates.add(first)
        assert await certificates.revoke(first.sha256, at=NOW + 5)
        assert await certificates.revoke(first.sha256, at=NOW + 50)
        assert (await certificates.find(first.sha256)).revoked == NOW + 5
        with pytest.raises(CertificateTaken):
            await certificates.add(first)
        assert not await certificates.revoke(secrets.token_hex(32), at=NOW)


async def test_one_that_was_revoked_elsewhere_can_be_taken_over(world):
    first = certificate(revoked=NOW + 1)
    async with world.open() as certificates:
        assert await certificates.add(first) == first
        assert await certificates.find(first.sha256) == first


async def test_a_keeper_that_is_away_is_unavailable(world):
    first = certificate()
    async with world.open() as certificates:
        await certificates.add(first)
        world.take_away()
        for asked in (
            certificates.find(first.sha256),
            certificates.list(ALICE),
            certificates.add(certificate()),
            certificates.revoke(first.sha256, at=NOW),
        ):
            with pytest.raises(CertificatesUnavailable):
                await asked


async def test_where_there_is_nowhere_to_keep_them_the_operator_is_told():
    nowhere = NoCertificates()
    for asked in (nowhere.find("x"), nowhere.list(), nowhere.add(certificate()), nowhere.revoke("x", at=NOW)):
        with pytest.raises(CertificatesUnavailable, match="AUTHSVC_OWN_DATABASE_URL"):
            await asked


async def test_a_table_that_is_not_there_is_unavailable(mariadb):
    world = InMariaDB({"mariadb": mariadb}.__getitem__)
    async with open_own_engine(Settings(own_database_url=Secret(world.url))) as engine:
        with pytest.raises(CertificatesUnavailable):
            await SQLCertificates(engine, clock=StoppedClock()).find("x")


async def test_only_the_tables_of_our_own_are_made_beside_cloudstack(tmp_path):
    async with (
        open_own_engine(Settings(own_database_url=Secret(f"sqlite:///{tmp_path}/own.db"))) as engine,
        engine.connect() as connection,
    ):
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert set(tables) == {"authsvc_certificates", "authsvc_schema_version"}
