"""How one database is asked: the queries that its shape takes, once its encryption is known to be ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from authsvc.directory.select import (
    key_pair_query,
    page_queries,
    secrets_queries,
    user_key_query,
    user_query,
)
from authsvc.directory.shape import Shape, probe
from authsvc.errors import DirectoryUnready

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from authsvc.directory.cipher import SecretCipher


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The shape found, the queries it takes, and how many sampled secrets could not be read.

    Attributes:
        shape: Which tables and columns there are.
        queries: One for each table that keeps keys, by access key.
        by_user: Finds a user by uuid.
        pages: For each table, its access keys in pages, and what they open.
        sampled: Secrets looked at.
        unreadable: How many of them do not decrypt.
    """

    shape: Shape
    queries: tuple[Select[Any], ...]
    by_user: Select[Any]
    pages: tuple[tuple[Select[Any], Select[Any]], ...]
    sampled: int
    unreadable: int


async def make_plan(connection: AsyncConnection, cipher: SecretCipher) -> Plan:
    """Look at schema and encryption.

    Raises:
        DirectoryUnready: One of them is not understood; ``detail["reasons"]``.
    """
    shape = await probe(connection)
    problems = shape.problems()
    if problems:
        raise DirectoryUnready(reasons=problems)
    stored: list[str] = []
    for query in secrets_queries(shape):
        stored += (await connection.scalars(query)).all()
    unreadable = cipher.canary(stored)
    queries = []
    if shape.key_pairs:
        queries.append(key_pair_query(shape))
    if shape.user_keys:
        queries.append(user_key_query(shape))
    return Plan(
        shape=shape,
        queries=tuple(queries),
        by_user=user_query(shape),
        pages=tuple(page_queries(shape)),
        sampled=len(stored),
        unreadable=unreadable,
    )
