"""A bulkhead: work that would hold the loop up is done by a few threads, and shed when too much of it waits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from authsvc.errors import Overloaded

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

Result = TypeVar("Result")


class Bulkhead:
    """At most ``most`` pieces of work inside, waiting ones included."""

    def __init__(self, executor: Executor, *, most: int = 16) -> None:
        """Take the threads."""
        self._executor = executor
        self._most = most
        self._inside = 0

    async def run(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Return what the work returns.

        Raises:
            Overloaded: Too much is waiting already.
        """
        if self._inside >= self._most:
            raise Overloaded
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)
        finally:
            self._inside -= 1
