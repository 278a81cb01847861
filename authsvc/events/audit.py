"""Decisions, on record: one JSON line each, in a file of their own."""

from __future__ import annotations

import hmac
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from authsvc import __version__
from authsvc.errors import AuditUnavailable

if TYPE_CHECKING:
    from authsvc.events.ledger import Ledger
    from authsvc.ports import Decision


class Record:
    """Writes a decision as a line."""

    def __init__(self, key: bytes | None = None) -> None:
        """Take the key that access keys are named with; without one they are not named."""
        self._key = key

    def line(self, decision: Decision) -> bytes:
        """Return the line, its end included; it holds no access key in clear."""
        as_of = decision.as_of
        fields = {
            "time": datetime.now(UTC),
            "event": "decision",
            "id": secrets.token_hex(8),
            "version": __version__,
            "use_case": decision.use_case,
            "verdict": decision.verdict,
            "reason": decision.reason,
            "caller": decision.caller,
            "scheme": decision.scheme,
            "key": self._name(decision.access_key),
            "user_id": decision.user_id,
            "account_id": decision.account_id,
            "source": decision.source,
            "as_of": None if as_of is None else datetime.fromtimestamp(as_of, UTC),
            "seconds": round(decision.seconds, 6),
        }
        return msgspec.json.encode(fields) + b"\n"

    def _name(self, access_key: str | None) -> str | None:
        """Name an access key: 128 bits of its HMAC-SHA256, in hex."""
        if self._key is None or access_key is None:
            return None
        return hmac.digest(self._key, access_key.encode(errors="backslashreplace"), "sha256")[:16].hex()


class FileEvents:
    """Puts decisions on record after the fact; what cannot be written is counted, and no answer waits for it."""

    def __init__(self, ledger: Ledger, record: Record) -> None:
        """Take where to write, and how."""
        self._ledger = ledger
        self._record = record

    def record(self, decision: Decision) -> None:
        """Write it soon."""
        self._ledger.append(self._record.line(decision))


class FileAudit:
    """Puts decisions on record before they are told."""

    def __init__(self, ledger: Ledger, record: Record) -> None:
        """Take where to write, and how."""
        self._ledger = ledger
        self._record = record

    async def keep(self, decision: Decision) -> None:
        """Return when it is written.

        Raises:
            AuditUnavailable: It was not, or not in time.
        """
        if not await self._ledger.appended(self._record.line(decision)):
            raise AuditUnavailable
