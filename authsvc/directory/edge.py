"""A directory of public keys in a file that another region signed; this region holds no secret."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from authsvc.directory.edge_file import MOST_BYTES, EdgeKeys, read_edge_keys
from authsvc.errors import DirectoryUnavailable, DirectoryUnready, SecretUnreadable
from authsvc.service.policy import timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from authsvc.model import AccessKey, Credential
    from authsvc.ports import Clock

DEADLINE = 30.0
"""Seconds for reading a file, on a thread of its own; the one before goes on answering meanwhile."""

CLOCKS_APART = 300.0
"""Seconds the exporting region's clock may be ahead of ours; a file from further in the future is refused."""

Stamp = tuple[int, int, int, int]
"""What tells a file from the one that took its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """A file looked at: its keys, or why it is refused."""

    stamp: Stamp | None
    keys: EdgeKeys | None = None
    refusal: str | None = None


class EdgeDirectory:
    """Answers from the last good file until that one's own end.

    ``ping`` looks whether another file has taken its place. A file is believed as a whole or not at all; a bad
    one, or one older than what is known, does not push out a good one.
    """

    def __init__(self, path: Path, *, signers: Sequence[bytes], clock: Clock) -> None:
        """Take the file's place, which may be empty yet, and the Ed25519 public keys, 32 bytes each, that may sign it."""
        self._path = path
        self._signers = tuple(signers)
        self._clock = clock
        self._keys: EdgeKeys | None = None
        self._looked: _Look | None = None
        self._looking = asyncio.Lock()

    async def find(self, access_key: AccessKey, *, max_age: float | None = None) -> Credential | None:  # noqa: ARG002
        """Return the credential as the file has it: its verifier is a public key.

        Raises:
            DirectoryUnready: There is no file that could be believed, or it has expired.
            SecretUnreadable: The exporting region could not read the key's secret.
        """
        if self._looked is None:
            await self._look()
        keys = self._current()
        if access_key in keys.unreadable:
            raise SecretUnreadable
        return keys.credentials.get(access_key)

    async def find_user(self, user_id: str) -> NoReturn:  # noqa: ARG002
        """Raise: the file names users by their access keys, and those without one not at all.

        Raises:
            DirectoryUnavailable: Always.
        """
        raise DirectoryUnavailable("an edge region knows users by their access keys alone")

    async def ping(self) -> None:
        """Take in another file if there is one; return if there is nothing to say.

        Raises:
            DirectoryUnready: There is no file that could be believed; ``detail["reasons"]``.
            DirectoryUnavailable: There is one, and a newer one that could not; the first still answers.
        """
        await self._look()
        self._current()
        if self._looked is not None and self._looked.refusal is not None:
            raise DirectoryUnavailable(f"{self._looked.refusal}; the one before it still answers")

    async def examine(self) -> list[str]:
        """Look closely and tell what was found, a line each, for a person.

        Raises:
            DirectoryUnready: With ``detail["reasons"]``.
        """
        await self._look()
        keys = self._current()
        left = keys.expires_at - self._clock.now()
        return [
            f"edge keys of region {keys.region}, exported at {timestamp(keys.exported_at)}",
            f"{len(keys.credentials)} public keys; {len(keys.unreadable)} whose secret the exporter could not read",
            f"they expire at {timestamp(keys.expires_at)}, in {left / 3600:.1f} hours",
        ]

    def _current(self) -> EdgeKeys:
        keys = self._keys
        if keys is not None and self._clock.now() < keys.expires_at:
            return keys
        reasons = [self._looked.refusal] if self._looked is not None and self._looked.refusal else []
        if keys is not None:
            reasons.append(f"the edge keys expired at {timestamp(keys.expires_at)}")
        raise DirectoryUnready(reasons=reasons or ["the edge keys have not been read yet"])

    async def _look(self) -> None:
        """Read the file unless it is the one that was looked at last; one at a time."""
        async with self._looking:
            known = None if self._looked is None else self._looked.stamp
            try:
                async with asyncio.timeout(DEADLINE):
                    look = await asyncio.to_thread(self._read, known)
            except TimeoutError:
                look = _Look(
                    stamp=None, refusal=f"the edge keys could not be read within {DEADLINE:g} seconds"
                )
            if look is None:
                return
            self._looked = look
            if look.keys is not None:
                self._keys = look.keys

    def _read(self, known: Stamp | None) -> _Look | None:
        """Read the file; None if it is the known one. On a thread: neither may the disk stop the loop nor the parsing."""
        try:
            with self._path.open("rb") as file:
                stamp = _stamp(os.fstat(file.fileno()))
                if stamp == known:
                    return None
                written = file.read(MOST_BYTES + 1)
        except OSError as error:
            return _Look(stamp=None, refusal=f"the file of edge keys cannot be read: {error.strerror}")
        try:
            return _Look(stamp=stamp, keys=self._believed(written))
        except ValueError as error:
            return _Look(stamp=stamp, refusal=f"the file of edge keys is refused: {error}")

    def _believed(self, written: bytes) -> EdgeKeys:
        if len(written) > MOST_BYTES:
            raise ValueError(f"it is longer than {MOST_BYTES} bytes")
        keys = read_edge_keys(written, self._signers)
        now = self._clock.now()
        if keys.expires_at <= now:
            raise ValueError(f"it expired at {timestamp(keys.expires_at)}")
        if keys.exported_at > now + CLOCKS_APART:
            raise ValueError(f"it was exported at {timestamp(keys.exported_at)}, which has not come yet")
        if self._keys is not None and keys.exported_at < self._keys.exported_at:
            raise ValueError(
                f"it was exported at {timestamp(keys.exported_at)}, before the one that is known"
            )
        return keys


def _stamp(status: os.stat_result) -> Stamp:
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
