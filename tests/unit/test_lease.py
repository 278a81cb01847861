"""What a change stream tells, and for how long a reading counts after it."""

from __future__ import annotations

import pytest

from authsvc.service.lease import AGAIN, HEARD_WITHIN, LONGEST, MOST_CHANGES, SETTLED, Lease
from tests.people import StoppedClock

NAMES = ("AKIA", "user", "account", "domain")
OTHERWISE = 2.0
NOT_AT_ALL = float("-inf")


@pytest.fixture
def clock():
    return StoppedClock()


@pytest.fixture
def lease(clock):
    """One that has been living for a while."""
    made = Lease(clock)
    made.began(clock.monotonic())
    later(clock, made, SETTLED + 1)
    return made


def lasts(lease, since, names=NAMES):
    return lease.lasts(since, names, otherwise=OTHERWISE)


def test_where_nothing_is_told_readings_count_as_long_as_ever(clock):
    lease = Lease(clock)
    assert lasts(lease, clock.monotonic()) == OTHERWISE
    assert (lease.lives, lease.silent_for) == (False, None)


def test_while_it_lives_a_reading_counts_until_it_is_told_to_have_changed(clock, lease):
    since = clock.monotonic()
    assert lasts(lease, since) == LONGEST
    clock.advance(0.5)
    lease.changed(["somebody else"], clock.monotonic())
    assert lasts(lease, since) == LONGEST


@pytest.mark.parametrize("name", NAMES)
def test_each_of_its_names_can_end_it(clock, lease, name):
    since = clock.monotonic()
    clock.advance(0.5)
    lease.changed(["somebody else", name], clock.monotonic())
    assert lasts(lease, since) == NOT_AT_ALL
    assert lease.revoked(since, NAMES)


def later(clock, lease, seconds):
    """Let time pass in which the stream is heard of; return a reading's time."""
    clock.advance(seconds)
    lease.heard(clock.monotonic())
    return clock.monotonic()


def test_a_reading_begun_after_a_change_may_be_of_before_and_is_made_again_ever_more_seldom(clock, lease):
    lease.changed([NAMES[1]], clock.monotonic())
    soon = later(clock, lease, 0.001)
    assert lasts(lease, soon) == AGAIN
    assert not lease.revoked(soon, NAMES)
    assert lasts(lease, later(clock, lease, 0.999)) == pytest.approx(0.5)
    assert lasts(lease, later(clock, lease, 4)) == OTHERWISE
    assert lasts(lease, later(clock, lease, SETTLED - 5)) == OTHERWISE
    assert lasts(lease, later(clock, lease, 0.01)) == LONGEST


def test_a_reading_begun_after_anybody_may_have_changed_counts_as_without_a_stream(clock, lease):
    """Everybody's are made again, and not all of them twenty times a second."""
    lease.all_changed(clock.monotonic())
    assert lasts(lease, later(clock, lease, 0.001)) == OTHERWISE
    assert lasts(lease, later(clock, lease, SETTLED)) == LONGEST


def test_a_reading_of_the_very_moment_does_not_count(clock, lease):
    lease.changed([NAMES[0]], clock.monotonic())
    assert lasts(lease, clock.monotonic()) == NOT_AT_ALL


def test_silence_proves_nothing_but_what_was_told_stays_true(clock, lease):
    before = clock.monotonic()
    clock.advance(0.1)
    lease.changed([NAMES[3]], clock.monotonic())
    clock.advance(HEARD_WITHIN + 0.01)
    assert not lease.lives
    assert lasts(lease, clock.monotonic()) == OTHERWISE
    assert lasts(lease, before) == NOT_AT_ALL
    lease.heard(clock.monotonic())  # what comes in order has told everything before
    assert lasts(lease, before, ("another",)) == LONGEST


def test_what_was_read_before_it_began_again_does_not_count(clock, lease):
    before = clock.monotonic()
    lease.ended()
    assert lasts(lease, before) == OTHERWISE
    clock.advance(5)
    lease.began(clock.monotonic())
    assert lasts(lease, before) == NOT_AT_ALL
    assert lasts(lease, later(clock, lease, SETTLED + 0.01)) == LONGEST


def test_that_anybody_may_have_changed_revokes_nobody(clock, lease):
    """It is asked again; while nobody can be asked, an outage is no reason to refuse everybody."""
    since = clock.monotonic()
    clock.advance(0.1)
    lease.all_changed(clock.monotonic())
    assert lasts(lease, since) == NOT_AT_ALL
    assert not lease.revoked(since, NAMES)


def test_changes_are_remembered_in_a_bounded_number_and_dropped_to_the_safe_side(clock, lease):
    since = clock.monotonic()
    clock.advance(0.1)
    lease.changed([NAMES[0]], clock.monotonic())
    clock.advance(0.1)
    between = clock.monotonic()
    clock.advance(0.1)
    lease.changed((f"name {number}" for number in range(MOST_CHANGES)), clock.monotonic())
    assert lease.revoked(since, NAMES)
    assert not lease.revoked(between, NAMES)
    clock.advance(0.1)
    lease.changed(["one more"], clock.monotonic())
    assert lease.revoked(between, ("somebody nothing was told of",))
    assert not lease.revoked(clock.monotonic() - 0.05, NAMES)
