"""A directory in CloudStack's tables: MariaDB, MySQL or the embedded SQLite."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.exc import DBAPIError

from authsvc.directory.rows import credential
from authsvc.directory.select import key_pair_query, secrets_query, user_key_query
from authsvc.directory.shape import Shape, probe
from authsvc.errors import AuthError, DirectoryUnavailable, DirectoryUnready
from authsvc.service.breaker import Breaker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from authsvc.directory.cipher import SecretCipher
    from authsvc.model import AccessKey, Credential
    from authsvc.ports import Clock

DEADLINE = 1.0
"""Seconds for one question to the database, connecting and a second try included."""

LOOK_CLOSELY_EVERY = 30.0
"""Seconds between two looks at the schema and the encryption while all goes well."""

LONGEST_KEY = 255
"""Characters of the column; a longer access key is nobody's."""

_LOST = {2006, 2013, 4031, 1927}
_OTHER_SHAPE = {1054, 1146}

Answer = TypeVar("Answer")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The shape found, the queries it takes, and how many sampled secrets could not be read."""

    shape: Shape
    queries: tuple[Select[Any], ...]
    sampled: int
    unreadable: int


class SQLDirectory:
    """Reads credentials; SELECT only. It remembers the schema's shape, and nothing else."""

    def __init__(self, engine: AsyncEngine, *, cipher: SecretCipher, clock: Clock) -> None:
        """Take an engine; whether anything answers there is found out when asked."""
        self._engine = engine
        self._cipher = cipher
        self._clock = clock
        self._breaker = Breaker(clock)
        self._plan: Plan | None = None
        self._looked_closely_at = float("-inf")

    async def find(self, access_key: AccessKey, *, max_age: float | None = None) -> Credential | None:  # noqa: ARG002
        """Return the credential as the tables have it now.

        Raises:
            DirectoryUnavailable: No answer within the deadline.
            DirectoryUnready: The schema is not one we understand.
            SecretUnreadable: The secret does not decrypt.
        """
        if len(access_key) > LONGEST_KEY:
            return None
        as_of = self._clock.now()  # before the question: what is read is at least as new
        rows = await self._ask(lambda connection: self._rows(connection, access_key))
        return credential(rows, access_key=access_key, cipher=self._cipher, as_of=as_of)

    async def ping(self) -> None:
        """Return if the directory could answer now; looks at schema and encryption from time to time.

        Raises:
            DirectoryUnavailable: No answer within the deadline.
            DirectoryUnready: Schema or encryption are not understood; ``detail["reasons"]``.
        """
        looked = self._clock.monotonic() - self._looked_closely_at
        if self._plan is None or looked > LOOK_CLOSELY_EVERY:
            await self._ask(self._probe)
            self._looked_closely_at = self._clock.monotonic()
        else:
            await self._ask(lambda connection: connection.scalar(select(1)))

    async def examine(self) -> list[str]:
        """Look closely and tell what was found, a line each, for a person.

        Raises:
            Unavailable: As ``ping`` does.
        """
        return await self._ask(self._findings)

    async def _rows(self, connection: AsyncConnection, access_key: AccessKey) -> list[Any]:
        plan = self._plan or await self._probe(connection)
        rows: list[Any] = []
        for query in plan.queries:
            result = await connection.execute(query, {"access_key": access_key})
            rows += result.mappings().all()
        return rows

    async def _probe(self, connection: AsyncConnection) -> Plan:
        """Look at schema and encryption, before the first answer too: ciphertexts taken for secrets prove nobody."""
        self._plan = None
        shape = await probe(connection)
        problems = shape.problems()
        if problems:
            raise DirectoryUnready(reasons=problems)
        stored = (await connection.scalars(secrets_query(shape))).all()
        unreadable = self._cipher.canary(stored)
        queries = []
        if shape.key_pairs:
            queries.append(key_pair_query(shape))
        if shape.user_keys:
            queries.append(user_key_query(shape))
        self._plan = Plan(shape=shape, queries=tuple(queries), sampled=len(stored), unreadable=unreadable)
        return self._plan

    async def _findings(self, connection: AsyncConnection) -> list[str]:
        plan = await self._probe(connection)
        where = " and ".join(
            name
            for name, there in (("api_keypair", plan.shape.key_pairs), ("user", plan.shape.user_keys))
            if there
        )
        found = [f"schema of version {plan.shape.version}, keys in {where}"]
        found.append(f"{plan.sampled - plan.unreadable} of {plan.sampled} sampled secrets decrypt")
        if connection.dialect.name != "sqlite":
            theirs = await connection.scalar(select(func.unix_timestamp(func.now(6)))) or 0
            found.append(f"the clock is {self._clock.now() - float(theirs):+.1f} s from the database's")
        return found

    async def _ask(self, question: Callable[[AsyncConnection], Awaitable[Answer]]) -> Answer:
        """Put a question within the deadline; once more if the connection or the shape turned out to be old."""
        if not self._breaker.admits():
            raise DirectoryUnavailable
        try:
            async with asyncio.timeout(DEADLINE):
                try:
                    answer = await self._asked(question)
                except DBAPIError as error:
                    if not self._worth_asking_again(error):
                        raise
                    answer = await self._asked(question)
        except AuthError:
            self._breaker.succeeded()  # it answered; what it said is another matter
            raise
        except Exception as error:
            # Whatever a database, a driver or a network does wrong is the same to whoever asks.
            self._breaker.failed()
            _log.warning("the database did not answer: %s", _named(error))
            raise DirectoryUnavailable from error
        self._breaker.succeeded()
        return answer

    async def _asked(self, question: Callable[[AsyncConnection], Awaitable[Answer]]) -> Answer:
        async with self._engine.connect() as connection:
            return await question(connection)

    def _worth_asking_again(self, error: DBAPIError) -> bool:
        if _number(error) in _OTHER_SHAPE or "no such" in str(error.orig):
            self._plan = None
            return True
        return error.connection_invalidated or _number(error) in _LOST


@contextlib.asynccontextmanager
async def opened(engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """Close the engine's connections on the way out, within a second."""
    try:
        yield engine
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await engine.dispose()


def _number(error: DBAPIError) -> int | None:
    arguments = getattr(error.orig, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def _named(error: Exception) -> str:
    """Name an error by type and number; its text may quote a key."""
    number = _number(error) if isinstance(error, DBAPIError) else None
    cause = type(error.orig if isinstance(error, DBAPIError) else error).__name__
    return cause if number is None else f"{cause} {number}"
