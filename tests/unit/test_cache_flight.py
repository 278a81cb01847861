"""Single flight: one question for all who ask the same."""

import asyncio

import pytest

from authsvc.cache.flight import Flights
from authsvc.errors import DirectoryUnavailable, Overloaded


class Question:
    """A fetch that answers when told, and counts how often it was begun."""

    def __init__(self):
        self.begun = 0
        self.answer = asyncio.Event()
        self.error = None

    async def __call__(self):
        self.begun += 1
        await self.answer.wait()
        if self.error is not None:
            raise self.error
        return self.begun


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_all_who_ask_the_same_share_one_question():
    flights, question = Flights(), Question()
    asking = [asyncio.ensure_future(flights.join("k", question, within=5)) for _ in range(1000)]
    await settle()
    question.answer.set()
    assert set(await asyncio.gather(*asking)) == {1}
    assert question.begun == 1


async def test_who_asks_afterwards_asks_anew():
    flights, question = Flights(), Question()
    question.answer.set()
    assert await flights.join("k", question, within=5) == 1
    assert await flights.join("k", question, within=5) == 2
    assert len(flights) == 0


async def test_other_keys_fly_apart():
    flights, one, two = Flights(), Question(), Question()
    two.answer.set()
    waiting = asyncio.ensure_future(flights.join("one", one, within=5))
    await settle()
    assert await flights.join("two", two, within=5) == 1
    one.answer.set()
    assert await waiting == 1


async def test_the_first_to_ask_may_leave_and_the_second_still_gets_the_answer():
    flights, question = Flights(), Question()
    first = asyncio.ensure_future(flights.join("k", question, within=5))
    second = asyncio.ensure_future(flights.join("k", question, within=5))
    await settle()
    first.cancel()
    await settle()
    question.answer.set()
    assert await second == 1
    assert question.begun == 1
    assert first.cancelled()


async def test_when_everybody_left_the_question_still_lands():
    flights, question = Flights(), Question()
    with pytest.raises(TimeoutError):
        await flights.join("k", question, within=0.01)
    assert len(flights) == 1
    question.error = DirectoryUnavailable()  # which nobody will hear of, and nothing may complain about
    question.answer.set()
    await settle()
    assert len(flights) == 0


async def test_a_failure_is_shared_and_not_remembered():
    flights, question = Flights(), Question()
    question.error = DirectoryUnavailable()
    asking = [asyncio.ensure_future(flights.join("k", question, within=5)) for _ in range(10)]
    await settle()
    question.answer.set()
    for told in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(told, DirectoryUnavailable)
    question.error = None
    assert await flights.join("k", question, within=5) == 2


async def test_too_many_keys_in_the_air_are_shed_and_those_flying_are_not():
    flights, question = Flights(most=2), Question()
    flying = [asyncio.ensure_future(flights.join(key, question, within=5)) for key in ("a", "b", "a")]
    await settle()
    with pytest.raises(Overloaded):
        await flights.join("c", question, within=5)
    question.answer.set()
    await asyncio.gather(*flying)


async def test_closing_ends_what_is_in_the_air():
    flights, question = Flights(), Question()
    asking = asyncio.ensure_future(flights.join("k", question, within=5))
    await settle()
    await flights.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert len(flights) == 0
