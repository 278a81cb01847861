"""What is remembered besides keys: for how long, for whom, and what is never remembered."""

from __future__ import annotations

import asyncio

import pytest

from authsvc.cache.remembered import Remembered, RememberedCertificates, RememberedRegions, RememberedUsers
from authsvc.certificates.memory import MemoryCertificates
from authsvc.directory.memory import MemoryDirectory
from authsvc.errors import CertificatesUnavailable, DirectoryUnavailable, Unavailable
from authsvc.model import Certificate, Region
from authsvc.regions.memory import MemoryRegions
from tests.people import NOW, StoppedClock, alice

FRESH, STALE = 2.0, 300.0
THESE = {"fresh_for": FRESH, "max_stale": STALE}


class Origin:
    """Somebody who knows, and counts how often they are asked."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = 0
        self.down = False
        self.slow = asyncio.Event()
        self.slow.set()

    async def __call__(self, name):
        self.asked += 1
        found = self.answers.get(name)
        await self.slow.wait()
        if self.down:
            raise DirectoryUnavailable
        return found


@pytest.fixture
def origin():
    return Origin(a=1, b=2)


@pytest.fixture
def clock():
    return StoppedClock()


@pytest.fixture
def remembered(origin, clock):
    return Remembered(origin, clock=clock, **THESE)


async def test_an_answer_is_fresh_for_a_moment(remembered, origin, clock):
    assert await remembered("a") == (1, "database")
    clock.advance(FRESH)
    assert await remembered("a") == (1, "memory")
    origin.answers["a"] = 3
    clock.advance(0.01)
    assert await remembered("a") == (3, "database")
    assert origin.asked == 2


async def test_while_there_is_nobody_to_ask_the_last_answer_is_given_up_to_a_limit(remembered, origin, clock):
    await remembered("a")
    origin.down = True
    clock.advance(STALE)
    assert await remembered("a") == (1, "stale")
    with pytest.raises(DirectoryUnavailable):
        await remembered("b")
    clock.advance(0.01)
    with pytest.raises(DirectoryUnavailable):
        await remembered("a")


async def test_somebody_who_hangs_is_not_waited_for_where_something_is_known(remembered, origin, clock):
    await remembered("a")
    clock.advance(FRESH + 1)
    origin.slow.clear()
    assert await remembered("a") == (1, "stale")
    origin.answers["a"] = 3
    origin.slow.set()
    await remembered.close()


async def test_without_patience_for_what_is_stale_an_outage_is_told(origin, clock):
    remembered = Remembered(origin, clock=clock, fresh_for=0.0, max_stale=0.0)
    await remembered("a")
    origin.down = True
    clock.advance(0.01)
    with pytest.raises(Unavailable):
        await remembered("a")


async def test_that_there_is_nothing_is_not_remembered(remembered, origin, clock):
    assert await remembered("nobody") == (None, "database")
    origin.answers["nobody"] = 4
    assert await remembered("nobody") == (4, "database")
    del origin.answers["nobody"]
    clock.advance(FRESH + 1)
    assert await remembered("nobody") == (None, "database")
    origin.down = True
    with pytest.raises(DirectoryUnavailable):
        await remembered("nobody")


async def test_names_that_nobody_has_push_nobody_out(origin, clock):
    remembered = Remembered(origin, clock=clock, most=2, **THESE)
    await remembered("a")
    for number in range(100):
        await remembered(f"nobody {number}")
    assert (await remembered("a"))[1] == "memory"


async def test_many_who_ask_the_same_are_one_question(remembered, origin):
    origin.slow.clear()
    asking = [asyncio.create_task(remembered("a")) for _ in range(32)]
    await asyncio.sleep(0)
    origin.slow.set()
    assert await asyncio.gather(*asking) == [(1, "database")] * 32
    assert origin.asked == 1


async def test_an_answer_from_before_it_was_forgotten_is_neither_kept_nor_shared(remembered, origin):
    origin.slow.clear()
    before = asyncio.create_task(remembered("a"))
    await asyncio.sleep(0.01)
    origin.answers["a"] = 3
    remembered.forget("a")
    after = asyncio.create_task(remembered("a"))
    await asyncio.sleep(0.01)
    origin.slow.set()
    assert await before == (1, "database")
    assert await after == (3, "database")
    assert await remembered("a") == (3, "memory")


async def test_a_certificate_revoked_here_is_revoked_here_at_once(clock):
    kept = MemoryCertificates([Certificate(sha256="ab", der=b"", user_id="u", created=NOW)])
    certificates = RememberedCertificates(kept, clock=clock, **THESE)
    assert (await certificates.find("ab")).revoked is None
    kept.down = True
    with pytest.raises(CertificatesUnavailable):
        await certificates.revoke("ab", at=NOW)
    with pytest.raises(CertificatesUnavailable):
        await certificates.find("ab")
    kept.down = False
    await certificates.find("ab")
    assert await certificates.revoke("ab", at=NOW)
    assert (await certificates.find("ab")).revoked == NOW


async def test_a_user_says_who_remembered_them(clock):
    directory = MemoryDirectory(clock, [alice()])
    users = RememberedUsers(directory, clock=clock, **THESE)
    number = alice().principal.user.id
    seen = await users.find_user(number)
    assert seen.freshness.source == "database"
    remembered = await users.find_user(number)
    assert (remembered.freshness.source, remembered.freshness.as_of) == ("memory", seen.freshness.as_of)
    directory.down = True
    clock.advance(FRESH + 1)
    assert (await users.find_user(number)).freshness.source == "stale"
    assert remembered.principal == seen.principal


async def test_regions_are_remembered_as_a_whole(clock):
    registry = MemoryRegions([Region(id=1, name="Local", endpoint="http://localhost/")])
    regions = RememberedRegions(registry, clock=clock, **THESE)
    assert [region.id for region in await regions.list()] == [1]
    registry._regions = []
    assert [region.id for region in await regions.list()] == [1]
    clock.advance(FRESH + 1)
    assert list(await regions.list()) == []
