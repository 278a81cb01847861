"""Which of CloudStack's shapes a database has: probed, not assumed.

Versions 4.1 to 4.24 and two forks differ in where keys are and in which columns there are; the version string
alone is not enough (forks, half-done upgrades), the columns alone are not either: a grant column by column
can hide what would have refused a key. So both are read and held against each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from authsvc.directory.tables import (
    API_KEYPAIR,
    API_KEYPAIR_PERMISSIONS,
    CLOUD,
    KEYPAIR_PERMISSIONS,
    USER,
    VERSION,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Table
    from sqlalchemy.ext.asyncio import AsyncConnection

NEEDED = {
    "version": {"version"},
    "user": {"id", "uuid", "username", "account_id", "state", "removed"},
    "account": {"id", "uuid", "account_name", "type", "domain_id", "state", "removed"},
    "domain": {"id", "uuid", "name", "path", "state", "removed"},
}
"""Columns that every version has and no answer can do without."""

KEYPAIR_NEEDED = {
    "id",
    "uuid",
    "user_id",
    "account_id",
    "api_key",
    "secret_key",
    "removed",
    "start_date",
    "end_date",
}
API_KEY_ACCESS = (4, 20, 1)
KEY_PAIRS = (4, 23)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Which of the tables we know are there, with which of the columns we know, at which version."""

    version: str
    columns: Mapping[str, frozenset[str]]

    def has(self, table: Table, *columns: str) -> bool:
        """Say whether the table is there and has all the columns."""
        there = self.columns.get(table.name)
        return there is not None and there.issuperset(columns)

    @property
    def user_keys(self) -> bool:
        """Keys are columns of ``user`` (up to 4.22, and in forks that kept them)."""
        return self.has(USER, "api_key", "secret_key")

    @property
    def key_pairs(self) -> bool:
        """Keys are rows of ``api_keypair`` (4.23 and forks)."""
        return self.has(API_KEYPAIR)

    @property
    def permissions(self) -> Table | None:
        """The table of key pairs' own rules, under the name it has here."""
        for table in (API_KEYPAIR_PERMISSIONS, KEYPAIR_PERMISSIONS):
            if self.has(table, "api_keypair_id"):
                return table
        return None

    @property
    def api_key_access(self) -> bool:
        """API keys can be switched off (4.20.1 and later)."""
        return self.has(USER, "api_key_access")

    def problems(self) -> list[str]:
        """List why the shape cannot be read safely, each with what to do; empty if it can."""
        return [*self._missing(), *self._hidden()]

    def _missing(self) -> Iterator[str]:
        for table, columns in NEEDED.items():
            there = self.columns.get(table)
            if there is None:
                yield f"table {table} is missing or may not be read: GRANT SELECT ON {table}"
            elif lacking := columns - there:
                yield f"table {table} lacks {', '.join(sorted(lacking))}: an unknown schema, or GRANT SELECT on them"
        if self.has(USER, "api_key") and not self.user_keys:
            yield "table user has api_key and lacks secret_key: an unknown schema, or GRANT SELECT on it"
        if not self.user_keys and not self.key_pairs:
            yield "neither user.api_key and user.secret_key nor api_keypair: an unknown schema, or GRANT SELECT on them"

    def _hidden(self) -> Iterator[str]:
        number = _number(self.version)
        if not number and "version" in self.columns.get("version", ()):
            yield f"table version names no completed version that can be read: {self.version!r}"
        if self.key_pairs and (lacking := KEYPAIR_NEEDED - self.columns["api_keypair"]):
            yield f"table api_keypair lacks {', '.join(sorted(lacking))}: an unknown schema, or GRANT SELECT on them"
        if self.key_pairs and self.permissions is None:
            yield "api_keypair without a table of permissions: GRANT SELECT ON api_keypair_permissions"
        if number >= KEY_PAIRS and not self.key_pairs:
            yield f"version {self.version} keeps keys in api_keypair: GRANT SELECT ON api_keypair"
        halves = {self.has(CLOUD.tables[table], "api_key_access") for table in ("user", "account")}
        if True in halves or number >= API_KEY_ACCESS:
            if halves != {True}:
                yield f"version {self.version} has api_key_access: GRANT SELECT on it in user and account"
            for table in ("domain_details", "configuration"):
                if not self.has(CLOUD.tables[table], "name", "value"):
                    yield f"api_key_access depends on {table}: GRANT SELECT ON {table}"


async def probe(connection: AsyncConnection) -> Shape:
    """Read the shape; what the account may not see is not there."""
    columns = await _columns(connection)
    version = ""
    if "version" in columns.get("version", ()):
        query = select(VERSION.c.version).order_by(VERSION.c.id.desc()).limit(1)
        if "step" in columns["version"]:
            query = query.where(VERSION.c.step == "Complete")
        version = await connection.scalar(query) or ""
    return Shape(version=version, columns=columns)


async def _columns(connection: AsyncConnection) -> dict[str, frozenset[str]]:
    if connection.dialect.name == "sqlite":
        query = text("SELECT m.name AS t, p.name AS c FROM sqlite_master m, pragma_table_info(m.name) p")
    else:
        query = text(
            "SELECT table_name AS t, column_name AS c FROM information_schema.columns"
            " WHERE table_schema = DATABASE()"
        )
    found: dict[str, set[str]] = {}
    for table, column in await connection.execute(query):
        known = CLOUD.tables.get(table)
        if known is not None and column.lower() in known.c:
            found.setdefault(table, set()).add(column.lower())
    return {table: frozenset(names) for table, names in found.items()}


def _number(version: str) -> tuple[int, ...]:
    """Read the leading numbers of a version such as ``4.20.1.0`` or ``4.18.2.1-fork``."""
    leading = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in leading[0].split(".")) if leading else ()
