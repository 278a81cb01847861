"""Requests in flight hold the end up, and only they."""

from __future__ import annotations

import asyncio

from authsvc.ops.traffic import Traffic


async def test_the_end_waits_for_whoever_is_inside():
    traffic = Traffic()
    left = []

    async def request():
        with traffic:
            await asyncio.sleep(0.2)
            left.append(traffic.closing)

    inside = [asyncio.create_task(request()) for _ in range(3)]
    await asyncio.sleep(0)
    await traffic.end(within=10)
    assert left == [True, True, True]
    await asyncio.gather(*inside)


async def test_a_request_that_arrives_at_the_last_moment_is_waited_for():
    traffic = Traffic()
    left = []

    async def request():
        await asyncio.sleep(0.01)
        with traffic:
            await asyncio.sleep(0.2)
            left.append(True)

    inside = asyncio.create_task(request())
    await traffic.end(within=10)
    assert left == [True]
    await inside


async def test_the_end_does_not_wait_for_ever_nor_for_nobody():
    traffic = Traffic()
    await traffic.end(within=10)
    with traffic:
        await traffic.end(within=0.01)
    assert traffic.closing
