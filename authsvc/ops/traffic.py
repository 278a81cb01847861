"""Requests in flight, so that the process does not end before they do."""

from __future__ import annotations

import asyncio
from typing import Self

ARRIVE = 0.1
"""Seconds for a request to arrive on a connection that was accepted at the last moment."""


class Traffic:
    """Counts the requests inside; once ``closing``, each answer ends its connection.

    aiohttp drops what arrives on a connection it is shutting down, the rest of a request's body included. So
    its shutdown has to wait until nothing is inside, and clients have to be told not to send another request.

    Attributes:
        closing: Whether connections should end after their answer.
    """

    def __init__(self) -> None:
        """Begin with nobody inside."""
        self.closing = False
        self._inside = 0
        self._left: asyncio.Event | None = None

    def __enter__(self) -> Self:
        self._inside += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._inside -= 1
        if not self._inside and self._left is not None:
            self._left.set()

    async def end(self, *, within: float) -> None:
        """Begin to close, and return when nobody is inside, after ``within`` seconds at most."""
        self.closing = True
        await asyncio.sleep(ARRIVE)
        if not self._inside:
            return
        self._left = asyncio.Event()
        try:
            async with asyncio.timeout(within):
                await self._left.wait()
        except TimeoutError:
            pass
