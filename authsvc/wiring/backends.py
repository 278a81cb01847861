"""Settings to databases, to what is kept in them, and to what is shared."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect

from authsvc.certificates.sql import SQLCertificates
from authsvc.directory.cipher import SecretCipher
from authsvc.directory.edge import EdgeDirectory
from authsvc.directory.engine import connect_arguments, open_engine, opened
from authsvc.directory.owned import MARKER, OwnedDirectory, migrate
from authsvc.directory.properties import database_keys
from authsvc.wiring.clock import CLOCK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncEngine

    from authsvc.cache.shared import RedisSharedCache
    from authsvc.model import Secret
    from authsvc.settings import Settings


def stream_arguments(settings: Settings) -> dict[str, Any]:
    """Return how whoever reads the binary log connects.

    Raises:
        ValueError: The URL cannot be used.
    """
    return connect_arguments((settings.stream_url or settings.database_url).reveal())


def edge_directory(settings: Settings, path: Path) -> EdgeDirectory:
    """Make the directory of an edge region. No cache in front: it is in memory, and is to end when the file does."""
    return EdgeDirectory(path, signers=settings.edge_signers, clock=CLOCK)


@asynccontextmanager
async def open_directory_engine(settings: Settings, *, writing: bool = False) -> AsyncIterator[AsyncEngine]:
    """Open the database; the embedded one is made, or brought up to date, first.

    Raises:
        ValueError: The URL cannot be used, or this is an edge region.
    """
    if settings.edge_keys is not None:
        raise ValueError("this is an edge region (AUTHSVC_EDGE_KEYS): it has no database")
    engine = open_engine(settings.database_url, writing=writing)
    async with opened(engine):
        if engine.dialect.name == "sqlite":
            await OwnedDirectory(engine, cipher=cipher(settings)).migrate()
        yield engine


@asynccontextmanager
async def open_own_engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """Open the database that AUTHSVC_OWN_DATABASE_URL names; an embedded one is brought up to date first.

    Raises:
        ValueError: There is none, or its URL cannot be used.
    """
    if settings.own_database_url is None:
        raise ValueError("set AUTHSVC_OWN_DATABASE_URL: the certificates need a database of authsvc's own")
    engine = open_engine(settings.own_database_url, writing=True)
    async with opened(engine):
        if engine.dialect.name == "sqlite":
            await migrate_own(engine)
        yield engine


async def migrate_own(engine: AsyncEngine) -> None:
    """Make the tables of authsvc's own that stand beside CloudStack's database, or bring them up to date.

    Raises:
        ValueError: The database holds CloudStack's tables.
    """
    async with engine.execution_options(writing=True).begin() as connection:
        owned = await connection.run_sync(lambda sync: inspect(sync).has_table(MARKER))
        await connection.run_sync(migrate, None if owned else "certificates")


def keeps_certificates(settings: Settings) -> bool:
    """Say whether there is anywhere to keep certificates."""
    return settings.own_database_url is not None or settings.database_url.reveal().startswith("sqlite")


@asynccontextmanager
async def open_certificates(settings: Settings) -> AsyncIterator[SQLCertificates]:
    """Open the certificates for a command.

    Raises:
        ValueError: There is nowhere to keep them.
    """
    embedded = settings.own_database_url is None and keeps_certificates(settings)
    opening = open_directory_engine(settings, writing=True) if embedded else open_own_engine(settings)
    async with opening as engine:
        yield SQLCertificates(engine, clock=CLOCK)


def cipher(settings: Settings) -> SecretCipher:
    """Make the cipher from the database keys given, or from CloudStack's own files.

    Raises:
        ValueError: The files cannot be used.
    """
    if settings.cloudstack_properties is None:
        return SecretCipher(settings.database_keys)
    return SecretCipher(database_keys(settings.cloudstack_properties, settings.cloudstack_key))


def shared_cache(url: Secret) -> RedisSharedCache:
    """Make the shared cache at the address; nothing is connected yet.

    Raises:
        ValueError: The URL cannot be used.
    """
    # Here and not above: 9 MiB, which a process without a Redis never needs.
    from authsvc.cache.clients import open_redis  # noqa: PLC0415
    from authsvc.cache.shared import RedisSharedCache  # noqa: PLC0415

    return RedisSharedCache(open_redis(url), CLOCK)
