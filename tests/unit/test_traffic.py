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
    await traffic.end(lambda: 0, within=10)
    assert left == [True, True, True]
    await asyncio.gather(*inside)


async def test_a_connection_is_waited_for_while_it_may_bring_a_request():
    traffic = Traffic()
    left = []

    async def request():
        await asyncio.sleep(0.1)
        with traffic:
            await asyncio.sleep(0.2)
            left.append(True)

    inside = asyncio.create_task(request())
    await traffic.end(lambda: 1 - len(left), within=10)
    assert left == [True]
    await inside


async def test_one_that_brings_nothing_is_given_its_time_and_a_request_inside_more():
    traffic = Traffic()
    traffic.patience = 0.1
    left = []

    async def request():
        with traffic:
            await asyncio.sleep(0.3)
            left.append(True)

    inside = asyncio.create_task(request())
    await traffic.end(lambda: 1, within=10)
    assert left == [True]
    await inside


async def test_the_end_does_not_wait_for_ever_nor_for_nobody():
    traffic = Traffic()
    traffic.patience = 3600
    await traffic.end(lambda: 0, within=3600)
    traffic.patience = 0.01
    with traffic:
        await traffic.end(lambda: 1, within=0.01)
    assert traffic.closing
