"""Gathering: questions that would have waited for one another are put as one."""

from __future__ import annotations

import asyncio
import random

import pytest

from authsvc.cache.gathering import LANES, PAGE, Gathering
from authsvc.errors import DirectoryUnavailable, SecretUnreadable


class Asked:
    """Whoever is asked: answers when told, and keeps what it was asked, one key or many."""

    def __init__(self):
        self.questions = []
        self.answer = asyncio.Event()
        self.error = None
        self.unreadable = set()

    async def one(self, key):
        self.questions.append(key)
        await self.answer.wait()
        if self.error is not None:
            raise self.error
        if key in self.unreadable:
            raise SecretUnreadable
        return f"what {key} opens"

    async def many(self, keys):
        self.questions.append(keys)
        await self.answer.wait()
        if self.error is not None:
            raise self.error
        return {key: f"what {key} opens" for key in keys if key not in self.unreadable}


@pytest.fixture
def asked():
    return Asked()


@pytest.fixture
async def gathering(asked):
    made = Gathering(asked.one, asked.many)
    yield made
    asked.answer.set()
    assert await made.ask("afterwards") == "what afterwards opens", "the lanes are free again"
    assert made._free == LANES
    await made.close()


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def asking(gathering, *keys):
    tasks = [asyncio.create_task(gathering.ask(key)) for key in keys]
    await settle()
    return tasks


BUSY = [f"busy {number}" for number in range(LANES)]


async def test_who_is_alone_is_asked_for_at_once_and_alone(gathering, asked):
    asked.answer.set()
    assert await gathering.ask("a") == "what a opens"
    assert await gathering.ask("b") == "what b opens"
    assert asked.questions == ["a", "b"]


async def test_who_comes_while_the_lanes_are_busy_shares_the_next_question(gathering, asked):
    tasks = await asking(gathering, *BUSY, "a", "b", "a", "c")
    assert asked.questions == BUSY, "and nobody asks for the others yet"
    asked.answer.set()
    assert await asyncio.gather(*tasks) == [f"what {key} opens" for key in (*BUSY, "a", "b", "a", "c")]
    assert asked.questions == [*BUSY, ["a", "b", "c"]]


async def test_a_question_is_put_after_all_who_share_it_came(gathering, asked):
    tasks = await asking(gathering, *BUSY, "a")
    asked.answer.set()
    await settle()
    asked.answer.clear()
    tasks += await asking(gathering, *BUSY, "a")  # under way once, and asked for anew
    asked.answer.set()
    await asyncio.gather(*tasks)
    assert [question for question in asked.questions if question == ["a"]] == [["a"], ["a"]]


async def test_no_question_is_longer_than_the_longest(gathering, asked):
    keys = [f"key {number}" for number in range(3 * PAGE)]
    tasks = await asking(gathering, *BUSY, *keys)
    asked.answer.set()
    assert await asyncio.gather(*tasks) == [f"what {key} opens" for key in (*BUSY, *keys)]
    together = [question for question in asked.questions if isinstance(question, list)]
    assert [len(question) for question in together] == [PAGE] * 3


async def test_a_failure_is_theirs_together_and_is_not_remembered(gathering, asked):
    tasks = await asking(gathering, *BUSY, "a", "b")
    asked.error = DirectoryUnavailable()
    asked.answer.set()
    assert await asyncio.gather(*tasks, return_exceptions=True) == [asked.error] * (LANES + 2)
    asked.error = None
    assert await gathering.ask("a") == "what a opens"


async def test_of_what_many_do_not_tell_one_is_asked_alone(gathering, asked):
    asked.unreadable = {"a"}
    unreadable, readable = (await asking(gathering, *BUSY, "a", "b"))[LANES:]
    asked.answer.set()
    with pytest.raises(SecretUnreadable):
        await unreadable
    assert await readable == "what b opens"
    assert asked.questions == [*BUSY, ["a", "b"], "a"]


async def test_nobody_asks_for_who_has_left(gathering, asked):
    *busy, leaver, stayer = await asking(gathering, *BUSY, "a", "b")
    leaver.cancel()
    await settle()
    asked.answer.set()
    assert await stayer == "what b opens"
    await asyncio.gather(*busy)
    assert asked.questions == [*BUSY, ["b"]]


async def test_who_leaves_in_the_middle_takes_nothing_from_the_others(gathering, asked):
    first, second, leaver, stayer = await asking(gathering, *BUSY, "a", "b")
    first.cancel()
    await settle()
    assert asked.questions == [*BUSY, ["a", "b"]], "a lane that is left is given on"
    leaver.cancel()
    await settle()
    asked.answer.set()
    assert await stayer == "what b opens"
    assert await second


async def test_closing_ends_what_is_under_way(asked):
    gathering = Gathering(asked.one, asked.many)
    first, *others = await asking(gathering, *BUSY, "a", "b")
    first.cancel()
    tasks = others + await asking(gathering, "c")
    assert asked.questions == [*BUSY, ["a", "b"]]
    await gathering.close()
    assert [task.done() for task in tasks] == [False, True, True, True]
    tasks[0].cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(each) for each in ended} == {asyncio.CancelledError}


async def test_each_gets_its_own_whatever_comes_between():
    chance = random.Random(26)

    async def one(key):
        await asyncio.sleep(chance.random() / 1000)
        if key % 7 == 0:
            raise KeyError(key)
        return -key

    async def many(keys):
        assert len(set(keys)) == len(keys) <= PAGE
        await asyncio.sleep(chance.random() / 1000)
        if chance.random() < 0.1:
            raise DirectoryUnavailable
        return {key: -key for key in keys if key % 7}

    gathering = Gathering(one, many)

    async def ask(key):
        await asyncio.sleep(chance.random() / 50)
        try:
            async with asyncio.timeout(None if chance.random() < 0.8 else chance.random() / 1000):
                return await gathering.ask(key)
        except (DirectoryUnavailable, TimeoutError, KeyError) as error:
            return type(error)

    keys = [chance.randrange(1, 500) for _ in range(5000)]
    found = await asyncio.gather(*map(ask, keys))
    for key, each in zip(keys, found, strict=True):
        assert each in ({KeyError} if key % 7 == 0 else {-key}) | {DirectoryUnavailable, TimeoutError}
    assert {-1, KeyError, DirectoryUnavailable, TimeoutError} <= set(found)
    assert gathering._free == LANES
    assert not gathering._waiting
    await gathering.close()
