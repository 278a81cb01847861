"""Alive, ready, and if not ready why not.

Ready means "send requests here". It takes one good look at the directory to become so, and what warms the process
up, so that the first to ask waits no longer than the thousandth; after that a database
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
    from collections.abc import AsyncIterator, Awaitable, Callable

    from authsvc.ports import Directory

EVERY = 1.0
"""Seconds between two looks."""


async def is_warm() -> None:
    """Warm up what needs no warming."""


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

    async def look(self, directory: Directory, warm_up: Callable[[], Awaitable[None]] = is_warm) -> None:
        """Ask the directory once and remember what it said; on the way to being ready, warm up."""
        try:
            await directory.ping()
            if not self._seen_ready:
                await warm_up()
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
    async def watch(
        self, directory: Directory, warm_up: Callable[[], Awaitable[None]] = is_warm
    ) -> AsyncIterator[None]:
        """Keep looking while the context is open."""
        task = asyncio.create_task(self._keep_looking(directory, warm_up), name="health")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _keep_looking(self, directory: Directory, warm_up: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self.look(directory, warm_up)
            await asyncio.sleep(EVERY)
