"""A breaker on a clock that moves when told."""

import pytest

from authsvc.service.breaker import Breaker
from tests.people import StoppedClock


@pytest.fixture
def clock():
    return StoppedClock()


def test_closed_admits_everybody(clock):
    breaker = Breaker(clock)
    assert all(breaker.admits() for _ in range(100))
    assert not breaker.open


def test_a_failure_keeps_everybody_away_for_the_rest(clock):
    breaker = Breaker(clock, rest=0.5)
    breaker.failed()
    assert breaker.open
    assert not any(breaker.admits() for _ in range(100))
    clock.advance(0.4)
    assert not breaker.admits()


def test_after_the_rest_one_may_try(clock):
    breaker = Breaker(clock, rest=0.5)
    breaker.failed()
    clock.advance(0.5)
    assert [breaker.admits() for _ in range(10)] == [True] + [False] * 9


def test_the_one_who_tries_decides(clock):
    breaker = Breaker(clock, rest=0.5)
    breaker.failed()
    clock.advance(0.5)
    assert breaker.admits()
    breaker.succeeded()
    assert all(breaker.admits() for _ in range(10))
    breaker.failed()
    clock.advance(0.5)
    assert breaker.admits()
    breaker.failed()
    clock.advance(0.4)
    assert not breaker.admits()


def test_one_who_tries_and_never_tells_is_followed_by_another(clock):
    breaker = Breaker(clock, rest=0.5)
    breaker.failed()
    clock.advance(0.5)
    assert breaker.admits()  # and is cancelled
    clock.advance(0.5)
    assert breaker.admits()


def test_a_dead_dependency_is_tried_twice_a_second(clock):
    breaker = Breaker(clock, rest=0.5)
    tried = 0
    for _ in range(1000):
        if breaker.admits():
            tried += 1
            breaker.failed()
        clock.advance(0.01)
    assert tried <= 20


def test_it_may_take_several_failures_in_a_row(clock):
    breaker = Breaker(clock, after=3)
    for _ in range(2):
        breaker.failed()
    assert breaker.admits()
    breaker.succeeded()
    for _ in range(2):
        breaker.failed()
    assert breaker.admits()
    breaker.failed()
    assert not breaker.admits()
