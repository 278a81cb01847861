"""A directory in CloudStack's tables: MariaDB, MySQL or the embedded SQLite."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from authsvc.directory.failures import is_about_shape, is_lost, named
from authsvc.directory.plan import make_plan
from authsvc.directory.rows import Holding, credential, holding, identity
from authsvc.directory.select import MOST_TWINS
from authsvc.errors import AuthError, DirectoryUnavailable, DirectoryUnready, SecretUnreadable
from authsvc.model import AccessKey
from authsvc.service.breaker import Breaker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from authsvc.directory.cipher import SecretCipher
    from authsvc.directory.plan import Plan
    from authsvc.model import Credential, Identity
    from authsvc.ports import Clock

DEADLINE = 1.0
"""Seconds for one question to the database, connecting and a second try included."""

LOOK_CLOSELY_EVERY = 30.0
"""Seconds between two looks at the schema and the encryption while all goes well."""

LOOK_AGAIN_AFTER = 1.0
"""Seconds for which a schema or an encryption that is not understood is not looked at again."""

LONGEST_KEY = 255
"""Characters of the column; a longer access key is nobody's."""

LONGEST_UUID = 40

NOBODYS = AccessKey("-")
"""A key too short to be anybody's, for the question that finds out whether questions can be asked."""

MOST_PLACES = 2
"""Tables in which keys are kept at most."""

Answer = TypeVar("Answer")
_log = logging.getLogger(__name__)


class SQLDirectory:
    """Reads credentials; SELECT only. It remembers the schema's shape, and nothing else.

    Attributes:
        breaker: Keeps a database that does not answer from being asked by everybody.
        in_flight: Questions under way, those that wait for a connection included.
        clock_skew: Seconds our clock is ahead of the database's; None where that is not known.
    """

    def __init__(
        self, engine: AsyncEngine, *, cipher: SecretCipher, clock: Clock, deadline: float = DEADLINE
    ) -> None:
        """Take an engine; whether anything answers there is found out when asked, within ``deadline`` seconds."""
        self._engine = engine
        self._deadline = deadline
        self._cipher = cipher
        self._clock = clock
        self.breaker = Breaker(clock)
        self.in_flight = 0
        self.clock_skew: float | None = None
        self._answered_at: float | None = None
        self._plan: Plan | None = None
        self._looked_closely_at = float("-inf")
        self._unready: DirectoryUnready | None = None
        self._unready_until = float("-inf")

    @property
    def silent_for(self) -> float | None:
        """Return for how many seconds the database has not answered, None if it never has."""
        return None if self._answered_at is None else self._clock.monotonic() - self._answered_at

    async def find(self, access_key: AccessKey, *, max_age: float | None = None) -> Credential | None:  # noqa: ARG002
        """Return the credential as the tables have it now.

        Raises:
            DirectoryUnavailable: No answer within the deadline.
            DirectoryUnready: The schema is not one we understand.
            SecretUnreadable: The secret does not decrypt.
        """
        if not _storable(access_key):
            return None
        as_of = self._clock.now()  # before the question: what is read is at least as new
        rows = await self._ask(lambda connection: self._rows(connection, access_key))
        if len(rows) > MOST_TWINS:
            raise DirectoryUnavailable("too many keys differ from this one in case alone")
        return credential(rows, access_key=access_key, cipher=self._cipher, as_of=as_of)

    async def find_all(self, access_keys: Sequence[AccessKey]) -> Mapping[AccessKey, Credential | None]:
        """Return the credentials as the tables have them now, by one question for each table that keeps keys.

        Raises:
            DirectoryUnavailable: No answer within the deadline.
            DirectoryUnready: The schema is not one we understand.
        """
        as_of = self._clock.now()
        rows = await self._ask(partial(self._everything, list(filter(_storable, access_keys))))
        found: dict[AccessKey, Credential | None] = {}
        for key in access_keys:
            with contextlib.suppress(DirectoryUnavailable, SecretUnreadable):
                found[key] = credential(rows.get(key, []), access_key=key, cipher=self._cipher, as_of=as_of)
        return found

    async def find_user(self, user_id: str) -> Identity | None:
        """Return the user as the tables have it now.

        Raises:
            DirectoryUnavailable: No answer within the deadline.
            DirectoryUnready: The schema is not one we understand.
        """
        if not 0 < len(user_id) <= LONGEST_UUID or not user_id.isascii():
            return None

        async def ask(connection: AsyncConnection) -> list[Any]:
            plan = self._plan or await self._look(connection)
            result = await connection.execute(plan.by_user, {"user_id": user_id})
            return list(result.mappings().all())

        as_of = self._clock.now()
        return identity(await self._ask(ask), user_id=user_id, as_of=as_of)

    async def ping(self) -> None:
        """Return if the directory could answer now; looks at schema and encryption from time to time.

        Raises:
            DirectoryUnavailable: No answer within the deadline.
            DirectoryUnready: Schema or encryption are not understood; ``detail["reasons"]``.
        """
        looked = self._clock.monotonic() - self._looked_closely_at
        if self._plan is None or looked > LOOK_CLOSELY_EVERY:
            await self._ask(self._look_closely)
            self._looked_closely_at = self._clock.monotonic()
        else:
            await self._ask(lambda connection: connection.scalar(select(1)))

    async def everybody(self, *, most: int = 500) -> AsyncIterator[list[Holding]]:
        """Yield what every access key opens, ``most`` at a time, each as ``find`` would have it at that moment.

        Raises:
            Unavailable: As ``find`` does; but a secret that does not decrypt is told in its place.
        """
        seen: set[AccessKey] = set()
        for place in range(MOST_PLACES):
            after: int | None = 0
            while after is not None:
                after, holdings = await self._ask(partial(self._page, place, after, most))
                yield [holding for holding in holdings if holding.access_key not in seen]
                seen.update(holding.access_key for holding in holdings)

    async def examine(self) -> list[str]:
        """Look closely and tell what was found, a line each, for a person.

        Raises:
            Unavailable: As ``ping`` does, always with ``detail["reasons"]``.
        """
        try:
            return await self._ask(self._findings)
        except DirectoryUnavailable as error:
            cause = error.__cause__
            reason = error.message if cause is None else f"{error.message}: {named(cause)}"
            raise DirectoryUnavailable(error.message, reasons=[reason]) from cause

    async def _rows(self, connection: AsyncConnection, access_key: AccessKey) -> list[Any]:
        plan = self._plan or await self._look(connection)
        rows: list[Any] = []
        for query in plan.queries:
            result = await connection.execute(query, {"access_key": access_key})
            rows += result.mappings().all()
        return rows

    async def _page(
        self, place: int, after: int, most: int, connection: AsyncConnection
    ) -> tuple[int | None, list[Holding]]:
        """Return the number to go on after, None after the last, and the holdings of one page."""
        plan = self._plan or await self._look(connection)
        if place >= len(plan.pages):
            return None, []
        found = (await connection.execute(plan.pages[place][0], {"after": after, "most": most})).all()
        keys = list(dict.fromkeys(AccessKey(row.api_key) for row in found if row.api_key))
        as_of = self._clock.now()
        rows = await self._everything(keys, connection)
        holdings = [holding(rows[key], access_key=key, cipher=self._cipher, as_of=as_of) for key in keys]
        return (found[-1].id if len(found) == most else None), [one for one in holdings if one is not None]

    async def _everything(
        self, keys: Sequence[AccessKey], connection: AsyncConnection
    ) -> dict[AccessKey, list[Any]]:
        """Return the rows of each key."""
        plan = self._plan or await self._look(connection)
        rows: dict[AccessKey, list[Any]] = {key: [] for key in keys}
        for _, everything in plan.pages if keys else ():
            result = await connection.execute(everything, {"access_keys": keys})
            for row in result.mappings():
                if row["api_key"] in rows:  # not one that the collation takes for the same
                    rows[row["api_key"]].append(row)
        return rows

    async def _look(self, connection: AsyncConnection) -> Plan:
        """Look at schema and encryption, before the first answer too: ciphertexts taken for secrets prove nobody."""
        if self._unready is not None and self._clock.monotonic() < self._unready_until:
            raise DirectoryUnready(**self._unready.detail)
        try:
            self._plan = await make_plan(connection, self._cipher)
        except DirectoryUnready as error:
            self._plan = None
            self._unready = error.with_traceback(None)
            self._unready_until = self._clock.monotonic() + LOOK_AGAIN_AFTER
            raise
        self._unready = None
        return self._plan

    async def _look_closely(self, connection: AsyncConnection) -> Plan:
        plan = await self._look(connection)
        # Compiled now, not while somebody waits; and granted, or told at once.
        await self._rows(connection, NOBODYS)
        if connection.dialect.name != "sqlite":
            theirs = await connection.scalar(select(func.unix_timestamp(func.now(6)))) or 0
            self.clock_skew = self._clock.now() - float(theirs)
        return plan

    async def _findings(self, connection: AsyncConnection) -> list[str]:
        plan = await self._look_closely(connection)
        where = " and ".join(
            name
            for name, there in (("api_keypair", plan.shape.key_pairs), ("user", plan.shape.user_keys))
            if there
        )
        found = [f"schema of version {plan.shape.version}, keys in {where}"]
        found.append(f"{plan.sampled - plan.unreadable} of {plan.sampled} sampled secrets decrypt")
        if self.clock_skew is not None:
            found.append(f"the clock is {self.clock_skew:+.1f} s from the database's")
        return found

    async def _ask(self, question: Callable[[AsyncConnection], Awaitable[Answer]]) -> Answer:
        """Put a question within the deadline; once more if the connection or the shape turned out to be old."""
        if not self.breaker.admits():
            raise DirectoryUnavailable
        self.in_flight += 1
        try:
            async with asyncio.timeout(self._deadline):
                try:
                    answer = await self._asked(question)
                except DBAPIError as error:
                    if not self._worth_asking_again(error):
                        raise
                    answer = await self._asked(question)
        except AuthError:
            self._answered()  # what it said is another matter
            raise
        except Exception as error:
            # Whatever a database, a driver or a network does wrong is the same to whoever asks.
            self.breaker.failed()
            _log.warning("the database did not answer: %s", named(error))
            raise DirectoryUnavailable from error
        finally:
            self.in_flight -= 1
        self._answered()
        return answer

    def _answered(self) -> None:
        self.breaker.succeeded()
        self._answered_at = self._clock.monotonic()

    async def _asked(self, question: Callable[[AsyncConnection], Awaitable[Answer]]) -> Answer:
        async with self._engine.connect() as connection:
            return await question(connection)

    def _worth_asking_again(self, error: DBAPIError) -> bool:
        if is_about_shape(error):
            self._plan = None
            return True
        return is_lost(error)


def _storable(access_key: str) -> bool:
    """Say whether the column could hold the key at all.

    It is ``utf8``, MySQL's of three bytes; a server compares it with nothing longer, but fails, and whoever
    sends such a key must not make the database look ill.
    """
    return 0 < len(access_key) <= LONGEST_KEY and all(
        character <= "\uffff" and not "\ud800" <= character <= "\udfff" for character in access_key
    )
