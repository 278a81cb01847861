"""Service users of Keystone's whose callers change under them, and whose passwords are guessed at."""

from __future__ import annotations

import asyncio

import pytest

from authsvc.errors import AuthError, CallerUnauthorized, Overloaded
from authsvc.faces.callers import Callers
from authsvc.faces.keystone.attempts import ATTEMPTS, ATTEMPTS_EACH_SECOND, REMEMBERED, EveryAttempt
from authsvc.faces.keystone.passwords import PasswordHash
from authsvc.faces.keystone.service_users import ServiceUsers
from tests.people import StoppedClock
from tests.standins import SystemClock


def callers(*passwords):
    table = {"user": "swift", "password_scrypt": [str(PasswordHash.make(each, n=2)) for each in passwords]}
    entry = {"name": "store", "grants": ["verify"], "keystone": table}
    return Callers.parse({"caller": [entry]}, {"keystone": dict})


async def log_in(users, password, clock, *, address="192.0.2.1"):
    user = users.of("store")
    return await users.log_in(user, password, clock, name="store", address=address)


async def test_a_password_that_was_taken_out_is_wrong_though_it_was_right():
    known, clock = callers(b"first"), StoppedClock()
    users = ServiceUsers(known)
    for _ in range(2):
        assert (await log_in(users, "first", clock))[0].name == "swift"
    known.adopt(callers(b"second"))
    with pytest.raises(CallerUnauthorized):
        await log_in(users, "first", clock)
    assert (await log_in(users, "second", clock))[0].name == "swift"


async def test_a_user_is_there_while_its_caller_is():
    known = Callers()
    users = ServiceUsers(known)
    assert users.all == ()
    known.adopt(callers(b"first"))
    assert [user.name for user in users.all] == ["swift"]
    assert users.of("store") is not None
    known.adopt(Callers())
    assert users.of("store") is None


async def swallowed(attempt):
    """Return what it raises."""
    with pytest.raises(AuthError) as raised:
        await attempt
    return raised.value


async def use_up(users, clock, address, wrong="wrong"):
    for _ in range(ATTEMPTS):
        with pytest.raises(CallerUnauthorized):
            await log_in(users, wrong, clock, address=address)
    with pytest.raises(Overloaded):
        await log_in(users, wrong, clock, address=address)


async def test_how_often_a_name_may_be_tried_does_not_tell_whether_it_is_somebodys():
    """Not if two passwords are somebody's, either."""
    said = []
    for passwords in ((), (b"right",), (b"right", b"newer")):
        users, clock = ServiceUsers(callers(*passwords) if passwords else Callers()), StoppedClock()
        tried = (log_in(users, "wrong", clock) for _ in range(ATTEMPTS + 5))
        said.append([type(await each) for each in map(swallowed, tried)])
    assert said[0] == [CallerUnauthorized] * ATTEMPTS + [Overloaded] * 5
    assert said[1:] == said[:1] * 2


@pytest.mark.parametrize(
    ("guesser", "store"),
    [
        ("192.0.2.1", "192.0.2.2"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ("2001:db8::1", "2001:db8:0:1::1"),
        ("2001:db8::1", None),
    ],
)
async def test_who_guesses_at_a_name_from_elsewhere_does_not_hold_it_up(guesser, store):
    users, clock = ServiceUsers(callers(b"right")), StoppedClock()
    await use_up(users, clock, guesser)
    assert (await log_in(users, "right", clock, address=store))[0].name == "swift"


@pytest.mark.parametrize(
    ("one", "other"),
    [("2001:db8::1", "2001:db8::ffff:1"), ("192.0.2.1", "::ffff:192.0.2.1"), (None, "fe80::1%")],
)
async def test_another_address_of_the_same_guesser_is_no_other(one, other):
    users, clock = ServiceUsers(callers(b"right")), StoppedClock()
    await use_up(users, clock, one)
    with pytest.raises(Overloaded):
        await log_in(users, "wrong", clock, address=other)


async def test_attempts_come_together_again():
    users, clock = ServiceUsers(callers(b"right")), StoppedClock()
    await use_up(users, clock, "192.0.2.1")
    clock.advance(1 / ATTEMPTS_EACH_SECOND)
    assert (await log_in(users, "right", clock))[0].name == "swift"


async def test_what_was_tried_longest_ago_is_forgotten_first():
    every = EveryAttempt()

    def at(number):
        return every.at(f"name {number}", "192.0.2.1", 0.0)

    oldest, second, third, *_ = map(at, range(REMEMBERED))
    assert at(0) is oldest
    at("one more")
    assert (at(0), at(2)) == (oldest, third)
    assert at(1) is not second


async def test_a_flood_of_names_that_are_nobodys_is_in_nobodys_way():
    """One hash at a time is computed about them, and none that a store has to wait for."""
    users, clock = ServiceUsers(callers(b"right")), SystemClock()
    flood = [
        asyncio.create_task(users.log_in(None, "x", clock, name=f"nobody {n}", address="192.0.2.1"))
        for n in range(500)
    ]
    await asyncio.sleep(0)
    assert (await log_in(users, "right", clock))[0].name == "swift"
    assert {type(said) for said in await asyncio.gather(*flood, return_exceptions=True)} == {
        CallerUnauthorized
    }
