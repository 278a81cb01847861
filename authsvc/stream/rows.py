"""Who has changed, by a row of CloudStack's tables or a statement about them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NAMES: Mapping[str, tuple[str, ...]] = {
    "user": ("uuid", "api_key"),
    "account": ("uuid",),
    "domain": ("uuid",),
    "api_keypair": ("api_key",),
    "configuration": ("name",),
}
"""The tables whose rows say whom a change is about, and in which columns; an older or newer ``user`` has no key."""

EVERYBODYS = frozenset(
    {"api_keypair_permissions", "domain_details", "keypair_permissions", "roles", "version"}
)
"""The tables that answers rest on, too, and whose rows are about anybody."""

TABLES = EVERYBODYS.union(NAMES)

SETTINGS = frozenset({"api.key.access", "enable.domain.settings.for.child.domain"})
"""Rows of ``configuration`` that answers rest on."""

_MAY_BE_NULL = frozenset({"api_key"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How many columns a table has, and where those are that name somebody, from 0."""

    count: int
    positions: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A row before or after a change: the values of all columns, and a bit for each that was logged."""

    values: Sequence[object]
    logged: bytes

    def has(self, position: int) -> bool:
        """Say whether the value was logged; one that was not looks like NULL."""
        return bool(self.logged[position // 8] >> position % 8 & 1)


def layouts(columns: Iterable[tuple[str, str, int]]) -> dict[str, Layout]:
    """Make the layouts of the tables whose rows name somebody, of table, column and its number from 1.

    A table with a column that may not be seen has none: nobody could tell that it is not another table by now.
    """
    found: dict[str, dict[str, int]] = {}
    for table, column, number in columns:
        if table in NAMES:
            found.setdefault(table, {})[column.lower()] = number - 1
    return {
        table: Layout(
            count=len(there),
            positions={column: there[column] for column in NAMES[table] if column in there},
        )
        for table, there in found.items()
        if len(there) == 1 + max(there.values())
    }


def changed_by(table: str, images: Iterable[Image], layout: Layout | None) -> frozenset[str] | None:
    """Return the names that rows say have changed; None for everybody, where that cannot be said."""
    if table in EVERYBODYS or layout is None or not layout.positions:
        return None
    names: set[str] = set()
    for image in images:
        if len(image.values) != layout.count:
            return None  # not the table that was looked at
        for column, position in layout.positions.items():
            name = _text(image.values[position]) if image.has(position) else None
            if name is not None:
                names.add(name)
            elif not image.has(position) or column not in _MAY_BE_NULL:
                return None
    if table == "configuration":
        return None if names & SETTINGS else frozenset()
    return frozenset(names)


def about(database: str) -> re.Pattern[str]:
    """Make the pattern of statements that may be about the database's tables, or change what is in them.

    In a log of rows a statement stands for what cannot be told in rows: it defines something, was logged as a
    statement all the same, or commits rows that came when they were prepared.
    """
    words = "|".join(re.escape(word) for word in sorted({database, *TABLES}))
    begins = r"\A\s*(?:/\*.*?\*/\s*)*(?:insert|update|delete|replace|load|xa\s+commit)\b"
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)|{begins}", re.IGNORECASE | re.DOTALL)


def _text(value: object) -> str | None:
    match value:
        case str():
            return value
        case bytes():
            return value.decode()
    return None
