"""The registry in the ``region`` table, CloudStack's or that of a directory authsvc owns.

Messages are CloudStack's (``RegionManagerImpl``), because its clients know them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Integer, MetaData, String, Table, delete, insert, inspect, select, text, update

from authsvc.errors import DirectoryUnavailable
from authsvc.model import Region
from authsvc.service.breaker import Breaker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from authsvc.ports import Clock

DEADLINE = 0.15
"""Seconds for one question."""

REGION = Table(
    "region",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(255)),
    Column("end_point", String(255)),
)


class SQLRegions:
    """Reads the registry; writes it only where authsvc owns the directory."""

    def __init__(self, engine: AsyncEngine, *, clock: Clock) -> None:
        """Take the directory's engine."""
        self._engine = engine
        self._written = engine.execution_options(writing=True)
        self._breaker = Breaker(clock)

    async def list(self) -> Sequence[Region]:
        """Return all regions by id.

        Raises:
            DirectoryUnavailable: No answer within the deadline.
        """
        if not self._breaker.admits():
            raise DirectoryUnavailable
        try:
            async with asyncio.timeout(DEADLINE), self._engine.connect() as connection:
                # Two columns came with 4.2; * takes what is there.
                rows = (await connection.execute(text("SELECT * FROM region ORDER BY id"))).mappings().all()
        except Exception as error:
            # Whatever a database, a driver or a network does wrong is the same to whoever asks.
            self._breaker.failed()
            raise DirectoryUnavailable from error
        self._breaker.succeeded()
        return [_region(row) for row in rows]

    async def add(self, region: Region) -> None:
        """Add a region.

        Raises:
            ValueError: Its id or name is taken, or the rows are CloudStack's.
        """
        async with self._written.begin() as connection:
            await _require_owned(connection)
            await _require_free(connection, REGION.c.id == region.id, f"Region with id: {region.id}")
            await _require_free(connection, REGION.c.name == region.name, f"Region with name: {region.name}")
            values = {"id": region.id, "name": region.name, "end_point": region.endpoint}
            await connection.execute(insert(REGION).values(values))

    async def update(self, number: int, *, name: str | None, endpoint: str | None) -> None:
        """Change a region's name, endpoint or both.

        Raises:
            ValueError: There is none, its name is taken, or the rows are CloudStack's.
        """
        values = {column: value for column, value in (("name", name), ("end_point", endpoint)) if value}
        async with self._written.begin() as connection:
            await _require_owned(connection)
            if await connection.scalar(select(REGION.c.id).where(REGION.c.id == number)) is None:
                raise ValueError(f"Region with id: {number} does not exist")
            if name:
                taken = (REGION.c.name == name) & (REGION.c.id != number)
                await _require_free(connection, taken, f"Region with name: {name}")
            if values:
                await connection.execute(update(REGION).where(REGION.c.id == number).values(values))

    async def remove(self, number: int) -> None:
        """Remove a region.

        Raises:
            ValueError: There is none, or the rows are CloudStack's.
        """
        async with self._written.begin() as connection:
            await _require_owned(connection)
            removed = await connection.execute(delete(REGION).where(REGION.c.id == number))
            if not removed.rowcount:
                raise ValueError(f"Failed to delete Region: {number}, Region not found")


async def _require_owned(connection: AsyncConnection) -> None:
    owned = await connection.run_sync(lambda sync: inspect(sync).has_table("authsvc_directory"))
    if not owned:
        raise ValueError(
            "these regions are CloudStack's: its management server owns the rows; use its addRegion, "
            "updateRegion and removeRegion"
        )


async def _require_free(connection: AsyncConnection, taken: Any, subject: str) -> None:
    if await connection.scalar(select(REGION.c.id).where(taken)) is not None:
        raise ValueError(f"{subject} already exists")


def _region(row: Mapping[Any, Any]) -> Region:
    return Region(
        id=row["id"],
        name=row["name"],
        endpoint=row["end_point"],
        gslb_enabled=bool(row.get("gslb_service_enabled", 1)),
        portable_ip_enabled=bool(row.get("portableip_service_enabled", 0)),
    )
