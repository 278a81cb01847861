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
    from contextlib import AbstractAsyncContextManager

    from authsvc.ports import Directory

EVERY = 1.0
"""Seconds between two looks."""

BESIDE_EVERY = 5.0
"""The same at what only some answers rest on."""


async def is_warm() -> None:
    """Warm up what needs no warming."""


class Health:
    """What the last look at the directory found."""

    def __init__(self) -> None:
        """Start not ready."""
        self._seen_ready = False
        self._draining = False
        self._trouble: list[str] = ["starting: the directory has not been looked at yet"]
        self._beside: dict[str, str] = {}

    @property
    def ready(self) -> bool:
        """Say whether requests should be sent here."""
        return self._seen_ready and not self._draining

    def report(self) -> dict[str, Any]:
        """Describe readiness as JSON: why not, and what is wrong though ready."""
        reasons = ["draining: shutting down"] if self._draining else []
        if self._seen_ready:
            degraded = [*self._trouble, *self._beside.values()]
            return {"ready": self.ready, "reasons": reasons, "degraded": degraded}
        return {"ready": False, "reasons": reasons + self._trouble, "degraded": [*self._beside.values()]}

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

    async def look_beside(self, name: str, ask: Callable[[], Awaitable[object]]) -> None:
        """Ask what only some answers rest on: it can degrade, and never takes out."""
        try:
            await ask()
        except Unavailable as error:
            self._beside[name] = f"{name}: {error.message}"
        else:
            self._beside.pop(name, None)

    def watch(
        self, directory: Directory, warm_up: Callable[[], Awaitable[None]] = is_warm
    ) -> AbstractAsyncContextManager[None]:
        """Keep looking while the context is open."""
        return _again_and_again(lambda: self.look(directory, warm_up), EVERY)

    def watch_beside(
        self, name: str, ask: Callable[[], Awaitable[object]], *, every: float = BESIDE_EVERY
    ) -> AbstractAsyncContextManager[None]:
        """Keep looking at that, too."""
        return _again_and_again(lambda: self.look_beside(name, ask), every)


@asynccontextmanager
async def _again_and_again(look: Callable[[], Awaitable[None]], every: float) -> AsyncIterator[None]:
    async def keep_looking() -> None:
        while True:
            await look()
            await asyncio.sleep(every)

    task = asyncio.create_task(keep_looking(), name="health")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
