"""Alive, ready, and if not ready why not.

Ready means "send requests here". It takes one good look at the directory to become so; after that a database
that is away degrades the service, which goes on answering from what it remembers, but does not take it out
of rotation: every process would leave at once, and an outage would become a blackout. A directory that answers
and is not understood (its schema, its encryption) does take it out.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from authsvc.errors import DirectoryUnready, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from authsvc.ports import Directory

EVERY = 1.0
"""Seconds between two looks."""


class Health:
    """What the last look at the directory found."""

    def __init__(self) -> None:
        """Start not ready."""
        self._seen_ready = False
        self._draining = False
        self._trouble: list[str] = ["starting: the directory has not been looked at yet"]

    @property
    def ready(self) -> bool:
        """Say whether requests should be sent here."""
        return self._seen_ready and not self._draining

    def report(self) -> dict[str, Any]:
        """Describe readiness as JSON: why not, and what is wrong though ready."""
        reasons = ["draining: shutting down"] if self._draining else []
        if self._seen_ready:
            return {"ready": self.ready, "reasons": reasons, "degraded": self._trouble}
        return {"ready": False, "reasons": reasons + self._trouble, "degraded": []}

    def drain(self) -> None:
        """Turn not ready for good."""
        self._draining = True

    async def look(self, directory: Directory) -> None:
        """Ask the directory once and remember what it said."""
        try:
            await directory.ping()
        except DirectoryUnready as error:
            self._seen_ready = False
            self._trouble = [
                f"directory: {reason}" for reason in error.detail.get("reasons", [error.message])
            ]
        except Unavailable as error:
            self._trouble = [f"directory: {error.message}"]
        else:
            self._seen_ready = True
            self._trouble = []

    @asynccontextmanager
    async def watch(self, directory: Directory) -> AsyncIterator[None]:
        """Keep looking while the context is open."""
        task = asyncio.create_task(self._keep_looking(directory), name="health")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _keep_looking(self, directory: Directory) -> None:
        while True:
            await self.look(directory)
            await asyncio.sleep(EVERY)
