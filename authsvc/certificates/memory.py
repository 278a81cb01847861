"""The in-memory twin of the certificates, and what stands in where no database of our own is configured."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NoReturn

from authsvc.errors import CertificatesUnavailable, CertificateTaken

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from authsvc.model import Certificate


class MemoryCertificates:
    """Certificates in a dictionary; ``down = True`` takes it away."""

    def __init__(self, certificates: Iterable[Certificate] = ()) -> None:
        """Hold the certificates."""
        self.down = False
        self._certificates = {certificate.sha256: certificate for certificate in certificates}

    async def find(self, sha256: str) -> Certificate | None:
        """Return the certificate with this hash."""
        self._require_up()
        return self._certificates.get(sha256)

    async def list(self, user_id: str | None = None) -> Sequence[Certificate]:
        """Return a user's certificates, or everybody's, oldest first."""
        self._require_up()
        held = [each for each in self._certificates.values() if user_id in (None, each.user_id)]
        return sorted(held, key=lambda each: (each.created, each.sha256))

    async def add(self, certificate: Certificate) -> Certificate:
        """Keep the certificate."""
        self._require_up()
        kept = self._certificates.setdefault(certificate.sha256, certificate)
        if not kept.holds(certificate):
            raise CertificateTaken
        return kept

    async def revoke(self, sha256: str, *, at: float) -> bool:
        """Revoke the certificate for good."""
        self._require_up()
        kept = self._certificates.get(sha256)
        if kept is None:
            return False
        if kept.revoked is None:
            self._certificates[sha256] = dataclasses.replace(kept, revoked=at)
        return True

    def _require_up(self) -> None:
        if self.down:
            raise CertificatesUnavailable


class NoCertificates:
    """What is asked where there is nowhere to keep certificates: every answer says so."""

    async def find(self, sha256: str) -> Certificate | None:  # noqa: ARG002
        """Refuse."""
        _nowhere()

    async def list(self, user_id: str | None = None) -> Sequence[Certificate]:  # noqa: ARG002
        """Refuse."""
        _nowhere()

    async def add(self, certificate: Certificate) -> Certificate:  # noqa: ARG002
        """Refuse."""
        _nowhere()

    async def revoke(self, sha256: str, *, at: float) -> bool:  # noqa: ARG002
        """Refuse."""
        _nowhere()


def _nowhere() -> NoReturn:
    raise CertificatesUnavailable("there is nowhere to keep certificates: set AUTHSVC_OWN_DATABASE_URL")
