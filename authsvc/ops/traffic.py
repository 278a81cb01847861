"""Requests in flight and to come, so that the process does not end before they do."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

ARRIVE = 0.5
"""Seconds for a request to arrive on a connection that was accepted at the last moment."""

LOOK_EVERY = 0.02


class Traffic:
    """Counts the requests inside; once ``closing``, each answer ends its connection.

    aiohttp drops what arrives on a connection it is shutting down, the rest of a request's body included. So
    its shutdown has to wait until nothing is inside, and clients have to be told not to send another request.

    Attributes:
        closing: Whether connections should end after their answer.
        patience: Seconds in which those that are open may bring one more request.
    """

    def __init__(self) -> None:
        """Begin with nobody inside."""
        self.closing = False
        self.patience = ARRIVE
        self._inside = 0
        self._left: asyncio.Event | None = None

    def __enter__(self) -> Self:
        self._inside += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._inside -= 1
        if not self._inside and self._left is not None:
            self._left.set()

    async def end(self, connections: Callable[[], int], *, within: float) -> None:
        """Begin to close, and return when every connection has ended, or has had its time and holds no request.

        Args:
            connections: Says how many are open; no more may come.
            within: Seconds that a request inside may take after that.
        """
        self.closing = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.patience):
                # Looked for after a rest: what was accepted last is no connection yet.
                await asyncio.sleep(LOOK_EVERY)
                while connections():  # noqa: ASYNC110 - aiohttp tells of none that ends
                    await asyncio.sleep(LOOK_EVERY)
        if not self._inside:
            return
        self._left = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._left.wait()
