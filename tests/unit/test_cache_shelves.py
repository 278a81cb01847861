"""A bounded map: what is put is found again, until there is no room."""

from __future__ import annotations

import os
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.cache.shelves import Shelves


def name(number):
    return blake2b(str(number).encode(), digest_size=16).digest()


@given(st.lists(st.tuples(st.integers(0, 40), st.none() | st.binary(max_size=40)), max_size=120))
def test_it_is_a_map(steps):
    shelves, twin = Shelves(50), {}
    for number, record in steps:
        assert shelves.take(name(number)) == twin.pop(number, None)
        if record is not None:
            shelves.put(name(number), record)
            twin[number] = record
        assert len(shelves) == len(twin)
    assert {number: shelves.take(name(number)) for number in list(twin)} == twin


@given(st.lists(st.integers(0, 30), max_size=120), st.integers(1, 12))
def test_a_small_one_drops_what_was_put_least_recently(numbers, most):
    shelves, twin = Shelves(most), {}
    for number in numbers:
        shelves.take(name(number))
        shelves.put(name(number), str(number).encode())
        twin.pop(number, None)
        twin[number] = str(number).encode()
        if len(twin) > most:
            del twin[next(iter(twin))]
    assert len(shelves) == len(twin)
    assert [shelves.take(name(number)) for number in twin] == list(twin.values())


@pytest.mark.parametrize("most", [1, 2, 100, 1000])
def test_it_is_full_and_no_fuller_and_has_what_was_put_last(most):
    shelves = Shelves(most)
    for number in range(5 * most):
        shelves.put(name(number), b"record")
        assert len(shelves) == min(number + 1, most)
        assert shelves.take(name(number)) == b"record"
        shelves.put(name(number), b"record")
    kept = [number for number in range(5 * most) if shelves.take(name(number)) is not None]
    assert len(kept) == most
    # Within a shelf the order is kept, and among many shelves nearly.
    assert sum(number >= 3 * most for number in kept) > 0.8 * most


def test_a_record_is_found_by_its_name_alone():
    shelves = Shelves(10)
    shelves.put(name(1), name(2) + b"\0\0\0")
    assert shelves.take(name(2)) is None
    assert shelves.take(name(1)) == name(2) + b"\0\0\0"


def test_a_long_record_is_kept():
    shelves, record = Shelves(10), os.urandom(70_000)
    shelves.put(name(1), record)
    assert shelves.take(name(1)) == record


def test_the_first_on_its_shelf_is_kept_when_there_is_no_room():
    shelves = Shelves(24)
    of = {place: [n for n in range(200) if shelves._place(name(n)) == place] for place in (0, 1)}
    for number in of[0][:24]:
        shelves.put(name(number), b"old")
    for place, number in ((1, of[1][0]), (0, of[0][30])):
        shelves.put(name(number), b"new")
        assert len(shelves) == 24
        assert shelves._place(name(number)) == place
        assert shelves.take(name(number)) == b"new"
        shelves.put(name(number), b"new")
    assert shelves.take(name(of[0][0])) is None
