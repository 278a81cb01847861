"""How late the event loop is: what blocks it shows here before it shows as slow answers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from authsvc.ops.metrics import Durations

EVERY = 0.1
"""Seconds between two measurements."""


@asynccontextmanager
async def watch_loop(lag: Durations) -> AsyncIterator[None]:
    """Keep measuring while the context is open."""
    task = asyncio.create_task(_keep_measuring(lag), name="loop lag")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _keep_measuring(lag: Durations) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + EVERY
        await asyncio.sleep(EVERY)
        lag.observe(max(0.0, loop.time() - due))
