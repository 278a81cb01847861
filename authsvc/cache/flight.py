"""Single flight: whoever wants what is being fetched waits for it instead of fetching it again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from authsvc.errors import Overloaded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterable

Fetched = TypeVar("Fetched")


class Flights(Generic[Fetched]):
    """One task per key; it belongs to nobody, so that a caller who leaves takes nothing from the others.

    A failure is shared with those who wait at that moment and is not remembered.

    Attributes:
        shed: How many found no room in the air.
    """

    def __init__(self, *, most: int = 4096) -> None:
        """Allow so many keys in the air at once."""
        self.shed = 0
        self._most = most
        self._tasks: dict[Hashable, asyncio.Task[Fetched]] = {}

    async def join(self, key: Hashable, fetch: Callable[[], Awaitable[Fetched]], *, within: float) -> Fetched:
        """Return what the key's flight brings; start it if there is none.

        Raises:
            TimeoutError: It took longer than ``within`` seconds; it goes on for those who come later.
            Overloaded: Too many keys are in the air.
        """
        task = self._tasks.get(key)
        if task is None:
            if len(self._tasks) >= self._most:
                self.shed += 1
                raise Overloaded
            task = self._tasks[key] = asyncio.create_task(_run(fetch), name="flight")
            task.add_done_callback(lambda landed: self._land(key, landed))
        async with asyncio.timeout(within):
            return await asyncio.shield(task)

    async def close(self) -> None:
        """End what is still in the air."""
        await end(self._tasks.values())

    def __len__(self) -> int:
        return len(self._tasks)

    def _land(self, key: Hashable, task: asyncio.Task[Fetched]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # taken note of, for when everybody has left


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel the tasks, and wait until they have ended."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    if ending:
        await asyncio.wait(ending)


async def _run(fetch: Callable[[], Awaitable[Fetched]]) -> Fetched:
    return await fetch()
