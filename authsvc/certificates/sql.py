"""Certificates in the table ``authsvc_certificates``, in a database that authsvc owns."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Column, DateTime, MetaData, String, Table, Text, insert, select, update
from sqlalchemy.exc import IntegrityError

from authsvc.errors import CertificatesUnavailable, CertificateTaken
from authsvc.model import Certificate
from authsvc.service.breaker import Breaker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from authsvc.ports import Clock

DEADLINE = 1.0
"""Seconds for one question or change, connecting included."""

CERTIFICATES = Table(
    "authsvc_certificates",
    MetaData(),
    Column("sha256", String(64), primary_key=True),
    Column("der", Text),  # base64: the driver cannot write bytes
    Column("user_id", String(40)),
    Column("created", DateTime),
    Column("revoked", DateTime),
    Column("legacy_id", String(1024)),
)
Answer = TypeVar("Answer")
_log = logging.getLogger(__name__)


class SQLCertificates:
    """Reads and writes the table; ``authsvc migrate`` makes it."""

    def __init__(self, engine: AsyncEngine, *, clock: Clock) -> None:
        """Take an engine that may write."""
        self._engine = engine
        self._written = engine.execution_options(writing=True)
        self._breaker = Breaker(clock)

    async def find(self, sha256: str) -> Certificate | None:
        """Return the certificate with this hash."""
        query = select(CERTIFICATES).where(CERTIFICATES.c.sha256 == sha256)

        async def ask(connection: AsyncConnection) -> Certificate | None:
            row = (await connection.execute(query)).mappings().first()
            return None if row is None or row["sha256"] != sha256 else _certificate(row)

        return await self._ask(self._engine, ask)

    async def list(self, user_id: str | None = None) -> Sequence[Certificate]:
        """Return a user's certificates, or everybody's, oldest first."""
        query = select(CERTIFICATES).order_by(CERTIFICATES.c.created, CERTIFICATES.c.sha256)
        if user_id is not None:
            query = query.where(CERTIFICATES.c.user_id == user_id)

        async def ask(connection: AsyncConnection) -> list[Certificate]:
            rows = (await connection.execute(query)).mappings().all()
            # A collation takes letters of either case for the same.
            return [_certificate(row) for row in rows if user_id in (None, row["user_id"])]

        return await self._ask(self._engine, ask)

    async def add(self, certificate: Certificate) -> Certificate:
        """Keep the certificate."""
        row = {
            "sha256": certificate.sha256,
            "der": b64encode(certificate.der).decode(),
            "user_id": certificate.user_id,
            "created": _date(certificate.created),
            "revoked": None if certificate.revoked is None else _date(certificate.revoked),
            "legacy_id": certificate.legacy_id,
        }

        async def ask(connection: AsyncConnection) -> None:
            await connection.execute(insert(CERTIFICATES).values(row))

        try:
            await self._ask(self._written, ask)
        except CertificateTaken:
            kept = await self.find(certificate.sha256)
            if kept is None:
                raise CertificatesUnavailable from None
            if not kept.holds(certificate):
                raise
            return kept
        return certificate

    async def revoke(self, sha256: str, *, at: float) -> bool:
        """Revoke the certificate for good."""
        this = CERTIFICATES.c.sha256 == sha256

        async def ask(connection: AsyncConnection) -> bool:
            change = update(CERTIFICATES).where(this, CERTIFICATES.c.revoked.is_(None))
            await connection.execute(change.values(revoked=_date(at)))
            return await connection.scalar(select(CERTIFICATES.c.sha256).where(this)) is not None

        return await self._ask(self._written, ask)

    async def _ask(
        self, engine: AsyncEngine, question: Callable[[AsyncConnection], Awaitable[Answer]]
    ) -> Answer:
        if not self._breaker.admits():
            raise CertificatesUnavailable
        try:
            async with asyncio.timeout(DEADLINE), engine.begin() as connection:
                answer = await question(connection)
        except IntegrityError:
            self._breaker.succeeded()
            raise CertificateTaken from None
        except Exception as error:
            # Whatever a database, a driver or a network does wrong is the same to whoever asks.
            self._breaker.failed()
            _log.warning("the database of the certificates did not answer: %s", type(error).__name__)
            raise CertificatesUnavailable from error
        self._breaker.succeeded()
        return answer


def _certificate(row: Any) -> Certificate:
    return Certificate(
        sha256=row["sha256"],
        der=b64decode(row["der"]),
        user_id=row["user_id"],
        created=_seconds(row["created"]),
        revoked=None if row["revoked"] is None else _seconds(row["revoked"]),
        legacy_id=row["legacy_id"],
    )


def _date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None, microsecond=0)


def _seconds(date: datetime) -> float:
    return date.replace(tzinfo=UTC).timestamp()
