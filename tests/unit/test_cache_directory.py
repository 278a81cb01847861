"""The cache in front of a directory, by a clock that moves when told: what it remembers, and what it never does."""

from __future__ import annotations

import asyncio
import os

import pytest

from authsvc.cache.directory import CachedDirectory
from authsvc.cache.gathering import PAGE
from authsvc.cache.hot_set import ROUNDS
from authsvc.cache.local import LocalCache
from authsvc.cache.record import LAYOUT, Record, write
from authsvc.cache.records import CLOCKS_APART, Shared, SharedRecords
from authsvc.cache.seal import Sealer
from authsvc.cache.shared import MemorySharedCache
from authsvc.directory.memory import MemoryDirectory
from authsvc.errors import DirectoryUnavailable, SecretUnreadable, SharedCacheUnavailable, Unavailable
from authsvc.model import AccessKey, State
from authsvc.service.lease import AGAIN, HEARD_WITHIN, LONGEST, SETTLED, Lease
from tests.people import ACCESS_KEY, NOW, StoppedClock, alice

FRESH, STALE = 2.0, 300.0
NOBODYS = AccessKey("nobody's")


class World:
    """A region: one origin, one Redis, and as many processes as are asked for."""

    def __init__(self):
        self.clock = StoppedClock()
        self.origin = MemoryDirectory(self.clock, [alice()])
        self.redis = MemorySharedCache(self.clock)
        self.sealer = Sealer([bytes(32)])
        self.opened = []
        self.here = self.process()

    def process(self, *, shared=True, origin=None, **options):
        made = CachedDirectory(
            origin or self.origin,
            local=LocalCache(
                self.clock,
                known=options.pop("known", 100),
                unknown=options.pop("unknown", 100),
                hot=options.pop("hot", 100),
            ),
            shared=Shared(cache=self.redis, sealer=self.sealer) if shared else None,
            clock=self.clock,
            fresh_for=options.pop("fresh_for", FRESH),
            max_stale=options.pop("max_stale", STALE),
            **options,
        )
        self.opened.append(made)
        return made

    async def source(self, directory=None, key=ACCESS_KEY, **options):
        """Find, and say where the answer came from; None where there was nobody."""
        found = await (directory or self.here).find(key, **options)
        await written()
        return None if found is None else found.freshness.source

    def poison(self, sealed, key=ACCESS_KEY):
        (name,) = self.sealer.names(key)
        self.redis.records[name] = (self.clock.monotonic() + 1000, sealed)

    def stored(self, key=ACCESS_KEY):
        (name,) = self.sealer.names(key)
        return self.redis.records[name]


async def written():
    """Let writes to the shared cache happen."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def world():
    made = World()
    yield made
    for directory in made.opened:
        await directory.close()


# --- freshness ------------------------------------------------------------------------------------------------


async def test_a_record_answers_from_memory_while_it_is_fresh(world):
    assert await world.source() == "database"
    world.clock.advance(FRESH)
    assert await world.source() == "memory"
    assert world.origin.asked == 1


async def test_a_record_no_longer_fresh_is_asked_for_again(world):
    await world.source()
    world.clock.advance(FRESH + 0.01)
    assert await world.source() == "database"


async def test_a_switched_off_user_is_seen_as_soon_as_the_record_is_no_longer_fresh(world):
    await world.source()
    world.origin.put(alice(user={"state": State.DISABLED}))
    world.clock.advance(FRESH + 0.01)
    found = await world.here.find(ACCESS_KEY)
    assert found.principal.user.state is State.DISABLED


async def test_who_demands_less_age_gets_it(world):
    await world.source()
    world.clock.advance(1.5)
    assert await world.source(max_age=1.0) == "database"
    assert await world.source(max_age=1.0) == "memory"


async def test_a_step_of_the_wall_clock_neither_ages_nor_renews(world):
    await world.source()
    world.clock.wall += 86400
    assert await world.source() == "memory"
    world.clock.wall -= 2 * 86400
    world.clock.steady += FRESH + 0.01
    assert await world.source() == "database"


async def test_as_of_is_when_the_directory_said_so(world):
    await world.source()
    world.clock.advance(1.0)
    found = await world.here.find(ACCESS_KEY)
    assert found.freshness.as_of == NOW


# --- where changes are told ------------------------------------------------------------------------------------


class Told:
    """A process with a change stream that has been heard of for a while."""

    def __init__(self, world, **options):
        self.clock = world.clock
        self.lease = Lease(world.clock)
        self.lease.began(self.clock.monotonic())
        self.after(SETTLED + 0.01)
        self.directory = world.process(lease=self.lease, **options)

    def after(self, seconds):
        """Let time pass, in which the stream goes on."""
        self.clock.advance(seconds)
        self.lease.heard(self.clock.monotonic())

    def changed(self, *names):
        self.lease.changed(names, self.clock.monotonic())


@pytest.fixture
def told(world):
    return Told(world)


async def test_a_record_answers_until_it_is_told_to_have_changed(world, told):
    assert await world.source(told.directory) == "database"
    told.after(LONGEST)
    assert await world.source(told.directory) == "memory"
    told.changed("somebody else")
    assert await world.source(told.directory) == "memory"
    told.changed(alice().principal.account.id)
    assert await world.source(told.directory) == "database"
    assert world.origin.asked == 2


async def test_should_it_never_be_told_it_is_asked_all_the_same(world, told):
    await world.source(told.directory)
    told.after(LONGEST + 0.01)
    assert await world.source(told.directory) == "database"


async def test_who_demands_less_age_gets_it_though_nothing_was_told(world, told):
    await world.source(told.directory)
    told.after(1.5)
    assert await world.source(told.directory, max_age=1.0) == "database"


async def test_what_was_read_as_it_changed_is_soon_read_again(world, told):
    told.changed(ACCESS_KEY)
    told.after(0.001)
    assert await world.source(told.directory) == "database"  # perhaps of before
    told.after(AGAIN)
    assert await world.source(told.directory) == "memory"
    told.after(0.001)
    assert await world.source(told.directory) == "database"


async def test_a_change_told_while_it_is_read_counts(world, told):
    class Slow(MemoryDirectory):
        async def find(self, access_key, *, max_age=None):
            found = await super().find(access_key, max_age=max_age)
            told.after(0.01)
            told.changed(ACCESS_KEY)
            return found

    told.directory = world.process(lease=told.lease, origin=Slow(world.clock, [alice()]), shared=False)
    assert await world.source(told.directory) == "database"
    assert await world.source(told.directory) == "database"


async def test_a_silent_stream_proves_nothing(world, told):
    await world.source(told.directory)
    world.clock.advance(FRESH)
    assert FRESH > HEARD_WITHIN
    assert await world.source(told.directory) == "memory"
    world.clock.advance(0.01)
    assert await world.source(told.directory) == "database"


async def test_a_new_key_is_found_as_soon_as_it_is_told(world, told):
    told.after(1)
    assert await world.source(told.directory, NOBODYS) is None
    told.after(1)
    world.origin.put(alice(access_key=NOBODYS))
    assert await world.source(told.directory, NOBODYS) is None
    told.changed(NOBODYS)
    assert await world.source(told.directory, NOBODYS) == "database"


async def test_a_key_that_came_back_is_found_as_soon_as_it_is_told(world, told):
    await world.source(told.directory)
    world.origin.remove(ACCESS_KEY)
    told.changed(ACCESS_KEY)
    assert await world.source(told.directory) is None
    world.origin.put(alice())
    told.after(SETTLED + 1)
    told.changed(ACCESS_KEY)
    assert await world.source(told.directory) == "database"


async def test_a_shared_record_counts_as_if_it_had_been_read_here(world, told):
    """But for the clock it was read by, which may be off."""
    await world.source(world.here)
    told.after(30)
    assert await world.source(told.directory) == "database"  # by their clock it was read as the stream began
    told.after(30)
    another = world.process(lease=told.lease)
    assert await world.source(another) == "redis"


async def test_a_shared_record_of_before_a_change_does_not_count(world, told):
    await world.source(world.here)
    told.after(CLOCKS_APART)
    told.changed(ACCESS_KEY)
    told.after(0.001)
    assert await world.source(told.directory) == "database"


async def test_what_was_told_to_have_changed_is_no_answer_in_an_outage(world, told):
    await world.source(told.directory)
    told.after(0.1)
    world.origin.down = True
    told.changed(alice().principal.user.id)
    with pytest.raises(DirectoryUnavailable):
        await told.directory.find(ACCESS_KEY)


async def test_an_outage_ends_the_stream_and_not_the_answers(world, told):
    await world.source(told.directory)
    told.after(30)
    world.origin.down = True
    told.lease.ended()
    assert await world.source(told.directory) == "stale"
    told.lease.began(world.clock.monotonic())
    assert await world.source(told.directory) == "stale"
    world.origin.down = False
    assert await world.source(told.directory) == "database"


# --- the hot set ----------------------------------------------------------------------------------------------


class Ahead(MemoryDirectory):
    """An origin that counts questions about many keys, and how many they were."""

    def __init__(self, world, *credentials):
        super().__init__(world.clock, credentials)
        self.pages = []

    async def find_all(self, access_keys):
        self.pages.append(len(access_keys))
        found = await super().find_all(access_keys)
        self.asked -= len(access_keys)
        return found


def ahead(world, *credentials, **options):
    origin = Ahead(world, *(credentials or (alice(),)))
    return origin, world.process(origin=origin, ahead=origin, **options)


async def rounds(world, directory, seconds, *, asking=False):
    """Let time go by in the steps of its rounds."""
    for _ in range(round(seconds / FRESH * ROUNDS)):
        world.clock.advance(FRESH / ROUNDS)
        await directory._hot_set.read_again()
        await written()
        if asking:
            assert await world.source(directory) == "memory"


async def test_what_is_in_use_is_read_again_before_it_is_old(world):
    origin, directory = ahead(world)
    await world.source(directory)
    await world.source(directory)
    await rounds(world, directory, 12, asking=True)
    assert (origin.asked, origin.pages) == (1, [1] * 8)  # every one and a half seconds


async def test_what_nobody_asked_for_of_late_is_left_alone(world):
    origin, directory = ahead(world)
    await world.source(directory)
    await world.source(directory)
    await rounds(world, directory, 2 * FRESH)
    count = len(origin.pages)
    assert 0 < count < 4
    await rounds(world, directory, 10 * FRESH)
    assert len(origin.pages) == count


async def test_what_is_young_is_not_read_again(world):
    origin, directory = ahead(world)
    await world.source(directory)
    await world.source(directory)
    await rounds(world, directory, FRESH / 2)
    assert origin.pages == []


async def test_many_are_read_in_pages(world):
    people = [alice(access_key=f"key {number}") for number in range(PAGE + 5)]
    origin, directory = ahead(world, *people)
    for _ in range(2):
        for person in people:
            await world.source(directory, person.access_key)
    await rounds(world, directory, FRESH)
    assert origin.pages == [PAGE, 5]


async def test_what_changed_is_known_and_shared_at_once(world):
    origin, directory = ahead(world)
    for _ in range(2):
        await world.source(directory)
    origin.put(alice(user={"state": State.DISABLED}))
    await rounds(world, directory, FRESH)
    assert (await directory.find(ACCESS_KEY)).principal.user.state is State.DISABLED
    assert (await world.here.find(ACCESS_KEY)).principal.user.state is State.DISABLED
    await world.source(directory)
    origin.remove(ACCESS_KEY)
    await rounds(world, directory, FRESH)
    assert await world.source(directory) is None
    assert world.origin.asked == 0


async def test_what_does_not_change_is_shared_often_enough_to_be_there(world):
    _, directory = ahead(world)
    await world.source(directory)
    for _ in range(3 * int(STALE)):
        await rounds(world, directory, 1, asking=True)
        until, _ = world.stored()
        assert until - world.clock.monotonic() > STALE / 2


async def test_a_round_in_an_outage_changes_nothing(world):
    origin, directory = ahead(world)
    for _ in range(2):
        await world.source(directory)
    origin.down = True
    world.clock.advance(FRESH)
    with pytest.raises(Unavailable):
        await directory._hot_set.read_again()
    assert await world.source(directory) == "memory"
    world.clock.advance(0.01)
    assert await world.source(directory) == "stale"


async def test_rounds_go_on_by_themselves_whatever_happens(world):
    origin, directory = ahead(world, fresh_for=0.0)
    for _ in range(2):
        await world.source(directory)
    origin.down = True
    async with directory.read_ahead():
        while len(origin.pages) < 1:
            await world.source(directory)
            await asyncio.sleep(0.01)
        origin.down = False
        while len(origin.pages) < 2:
            await world.source(directory)
            await asyncio.sleep(0.01)


# --- nobody's keys --------------------------------------------------------------------------------------------


async def test_nobodys_key_is_remembered_for_the_fresh_time_only(world):
    assert await world.source(key=NOBODYS) is None
    world.clock.advance(FRESH)
    assert await world.source(key=NOBODYS) is None
    assert world.origin.asked == 1
    world.origin.put(alice(access_key=NOBODYS))
    world.clock.advance(0.01)
    assert await world.source(key=NOBODYS) == "database"


async def test_a_flood_of_random_keys_evicts_nobody(world):
    await world.source()
    for number in range(1000):
        assert await world.here.find(AccessKey(f"random-{number}")) is None
    assert await world.source() == "memory"
    assert len(world.redis.records) == 1, "nor does it reach the shared cache"


async def test_memory_is_bounded_and_keeps_those_used_last(world):
    directory = world.process(known=10, shared=False, fresh_for=60.0)
    world.origin.put(alice(access_key="often"))
    for number in range(100):
        world.origin.put(alice(access_key=f"k{number}"))
        await directory.find(AccessKey(f"k{number}"))
        await directory.find(AccessKey("often"))
        world.clock.advance(7)
    assert len(directory._local) == 10
    asked = world.origin.asked
    for number in range(92, 100):
        await directory.find(AccessKey(f"k{number}"))
    assert world.origin.asked == asked
    await directory.find(AccessKey("k90"))
    assert world.origin.asked == asked + 1


async def test_what_is_packed_away_is_unpacked_as_it_was(world):
    directory = world.process(shared=False, hot=1)
    world.origin.put(alice(access_key="other", secret="another"))
    first = await directory.find(ACCESS_KEY)
    await directory.find(AccessKey("other"))
    again = await directory.find(ACCESS_KEY)
    assert again.principal == first.principal
    assert again.secret.reveal() == first.secret.reveal()
    assert (again.freshness.as_of, again.freshness.source) == (first.freshness.as_of, "memory")
    world.clock.advance(FRESH + 0.01)
    assert await world.source(directory) == "database", "its age is kept"


# --- outages --------------------------------------------------------------------------------------------------


async def test_what_is_remembered_answers_while_the_origin_is_away_up_to_a_limit(world):
    directory = world.process(shared=False)
    await world.source(directory)
    world.origin.down = True
    world.clock.advance(STALE)
    assert await world.source(directory) == "stale"
    world.clock.advance(0.01)
    with pytest.raises(DirectoryUnavailable):
        await directory.find(ACCESS_KEY)


async def test_strict_means_no_stale_answer_at_all(world):
    directory = world.process(shared=False, max_stale=0.0)
    await world.source(directory)
    world.origin.down = True
    world.clock.advance(FRESH + 0.01)
    with pytest.raises(Unavailable):
        await directory.find(ACCESS_KEY)


async def test_a_demand_for_something_young_is_never_met_with_something_stale(world):
    await world.source()
    world.origin.down = True
    world.clock.advance(1.5)
    with pytest.raises(DirectoryUnavailable):
        await world.here.find(ACCESS_KEY, max_age=1.0)


async def test_a_key_never_seen_is_unavailable_and_not_unknown_while_the_origin_is_away(world):
    world.origin.down = True
    for _ in range(3):
        with pytest.raises(DirectoryUnavailable):
            await world.here.find(NOBODYS)


async def test_an_answer_that_nobody_held_the_key_is_not_ridden_out(world):
    assert await world.source(key=NOBODYS) is None
    world.origin.down = True
    world.clock.advance(FRESH + 0.01)
    with pytest.raises(DirectoryUnavailable):
        await world.here.find(NOBODYS)


async def test_an_origin_that_hangs_costs_the_deadline_and_still_fills_the_cache(world):
    origin = SlowDirectory(world.origin)
    directory = world.process(origin=origin, shared=False, deadline=0.02)
    with pytest.raises(DirectoryUnavailable):
        await directory.find(ACCESS_KEY)
    origin.answer.set()
    await written()
    assert await world.source(directory) == "memory"
    assert origin.asked == 1


async def test_two_thousand_at_once_are_one_question(world):
    origin = SlowDirectory(world.origin)
    directory = world.process(origin=origin, shared=False, deadline=5.0)
    asking = [asyncio.ensure_future(directory.find(ACCESS_KEY)) for _ in range(2000)]
    await written()
    origin.answer.set()
    found = await asyncio.gather(*asking)
    assert {credential.access_key for credential in found} == {ACCESS_KEY}
    assert origin.asked == 1


async def test_a_secret_that_cannot_be_read_is_unavailable_and_not_remembered(world):
    directory = world.process(origin=Failing(SecretUnreadable()), shared=False)
    with pytest.raises(SecretUnreadable):
        await directory.find(ACCESS_KEY)


class SlowDirectory:
    """The origin behind a network that lets answers through when told."""

    def __init__(self, origin):
        self.answer = asyncio.Event()
        self.asked = 0
        self._origin = origin

    async def find(self, access_key, *, max_age=None):
        self.asked += 1
        await self.answer.wait()
        return await self._origin.find(access_key)

    async def ping(self):
        pass


class Failing:
    """An origin that fails in one way."""

    def __init__(self, error):
        self._error = error

    async def find(self, access_key, *, max_age=None):
        raise self._error

    async def ping(self):
        raise self._error


async def test_ping_asks_the_origin(world):
    await world.here.ping()
    world.origin.down = True
    with pytest.raises(DirectoryUnavailable):
        await world.here.ping()


# --- tombstones -----------------------------------------------------------------------------------------------


async def test_a_removed_key_stays_gone_though_an_older_record_turns_up(world):
    await world.source()
    older = world.stored()
    world.origin.remove(ACCESS_KEY)
    world.clock.advance(FRESH + 0.01)
    assert await world.source() is None
    (name,) = world.sealer.names(ACCESS_KEY)
    world.redis.records[name] = older
    world.origin.down = True
    world.clock.advance(FRESH + 0.01)
    assert await world.source() is None


async def test_a_process_that_starts_during_an_outage_honours_the_tombstone(world):
    await world.source()
    world.origin.remove(ACCESS_KEY)
    world.clock.advance(FRESH + 0.01)
    assert await world.source() is None
    world.origin.down = True
    assert await world.source(world.process()) is None


async def test_a_key_seen_to_be_nobodys_stays_so_though_an_older_record_turns_up(world):
    await world.source()
    world.origin.remove(ACCESS_KEY)
    world.clock.advance(FRESH + 0.01)
    other = world.process()
    world.redis.down = True
    assert await world.source(other) is None
    world.redis.down, world.origin.down = False, True
    world.clock.advance(FRESH + 0.01)
    with pytest.raises(DirectoryUnavailable):
        await other.find(ACCESS_KEY)


async def test_a_removed_key_that_comes_back_is_found(world):
    await world.source()
    world.origin.remove(ACCESS_KEY)
    world.clock.advance(FRESH + 0.01)
    assert await world.source() is None
    world.origin.put(alice())
    world.clock.advance(FRESH + 0.01)
    assert await world.source() == "database"


# --- the region's shared memory -------------------------------------------------------------------------------


async def test_what_one_process_read_another_need_not(world):
    await world.source()
    assert await world.source(world.process()) == "redis"
    assert world.origin.asked == 1


async def test_a_shared_record_counts_as_older_by_what_clocks_may_differ(world):
    await world.source()
    world.clock.advance(FRESH - CLOCKS_APART + 0.01)
    assert await world.source(world.process()) == "database"


async def test_a_process_that_starts_during_an_outage_answers_for_whom_the_region_knows(world):
    await world.source()
    world.origin.down = True
    world.clock.advance(FRESH + 60)
    assert await world.source(world.process()) == "stale"
    with pytest.raises(DirectoryUnavailable):
        await world.process().find(NOBODYS)


async def test_redis_gone_is_a_miss(world):
    world.redis.down = True
    assert await world.source() == "database"
    assert +world.here.rejects == {"unavailable": 1, "unwritten": 1}


async def test_a_shared_record_does_not_outlive_its_key_pair(world):
    world.origin.put(alice(key={"expires_at": NOW + 10}))
    await world.source()
    until, _ = world.stored()
    assert until == world.clock.monotonic() + 10
    world.origin.put(alice(key={"expires_at": NOW - 10}))
    world.redis.records.clear()
    world.clock.advance(FRESH + 0.01)
    await world.source()
    assert world.redis.records == {}


# --- poison ---------------------------------------------------------------------------------------------------


async def test_a_record_from_the_future_is_none(world):
    ahead = Record(kind="held", as_of=NOW + CLOCKS_APART + 0.1, credential=alice(secret="another"))
    (name,) = world.sealer.names(ACCESS_KEY)
    world.poison(world.sealer.seal(name, write(ahead)))
    assert await world.source() == "database"
    assert world.here.rejects["age"] == 1


async def test_a_record_older_than_any_answer_may_be_is_none(world):
    old = Record(kind="held", as_of=NOW - STALE - CLOCKS_APART - 0.1, credential=alice())
    (name,) = world.sealer.names(ACCESS_KEY)
    world.poison(world.sealer.seal(name, write(old)))
    world.origin.down = True
    with pytest.raises(DirectoryUnavailable):
        await world.here.find(ACCESS_KEY)
    assert world.here.rejects["age"] == 1


async def test_a_record_about_another_key_is_none_whoever_sealed_it(world):
    mallory = Record(kind="held", as_of=NOW, credential=alice(access_key="mallory"))
    (name,) = world.sealer.names(ACCESS_KEY)
    world.poison(world.sealer.seal(name, write(mallory)))
    assert await world.source() == "database"
    assert world.here.rejects["key"] == 1


async def test_a_record_of_another_layout_is_none(world):
    written_ = write(Record(kind="held", as_of=NOW, credential=alice())).replace(str(LAYOUT).encode(), b"9")
    (name,) = world.sealer.names(ACCESS_KEY)
    world.poison(world.sealer.seal(name, written_))
    assert await world.source() == "database"
    assert world.here.rejects["layout"] == 1


async def test_records_of_two_users_swapped_are_none(world):
    world.origin.put(alice(access_key="mallory", secret="mallory's"))
    await world.source()
    await world.source(key=AccessKey("mallory"))
    world.poison(world.stored(AccessKey("mallory"))[1])
    other = world.process()
    found = await other.find(ACCESS_KEY)
    assert found.access_key == ACCESS_KEY
    assert other.rejects["seal"] == 1


async def test_ten_thousand_poisoned_records_are_ten_thousand_misses(world):
    """Bits flipped, bytes cut, bytes added, and noise: each is a miss, is counted, and opens nothing."""
    await world.source()
    records = SharedRecords(
        Shared(cache=world.redis, sealer=world.sealer), clock=world.clock, max_stale=STALE
    )
    _, good = world.stored()
    for number in range(10_000):
        kind = number % 4
        if kind == 0:
            bit = number // 4 % (len(good) * 8)
            bad = bytearray(good)
            bad[bit // 8] ^= 1 << bit % 8
        elif kind == 1:
            bad = good[: 1 + number // 4 % (len(good) - 1)]
        elif kind == 2:
            bad = good + os.urandom(1 + number % 9)
        else:
            bad = os.urandom(1 + number % 999)
        world.poison(bytes(bad))
        assert await records.of(ACCESS_KEY) == []
    assert records.rejects["seal"] == 10_000


# --- forgetting -----------------------------------------------------------------------------------------------


async def test_a_forgotten_key_is_asked_for_again_everywhere(world):
    other = world.process()
    await world.source()
    assert await world.source(other) == "redis"
    world.clock.advance(0.1)
    await world.here.forget(ACCESS_KEY)
    assert await world.source() == "database"
    world.clock.advance(0.1)
    await world.here.forget(ACCESS_KEY)
    world.clock.advance(FRESH + 0.01)
    assert await world.source(other) == "database"


async def test_a_forgotten_key_is_not_answered_for_during_an_outage(world):
    await world.source()
    world.clock.advance(0.1)
    await world.here.forget(ACCESS_KEY)
    world.origin.down = True
    with pytest.raises(DirectoryUnavailable):
        await world.here.find(ACCESS_KEY)
    with pytest.raises(DirectoryUnavailable):
        await world.process().find(ACCESS_KEY)


async def test_a_record_from_a_clock_ahead_is_forgotten_too(world):
    ahead = Record(kind="held", as_of=NOW + CLOCKS_APART - 0.1, credential=alice())
    (name,) = world.sealer.names(ACCESS_KEY)
    world.poison(world.sealer.seal(name, write(ahead)))
    assert await world.source() == "redis"
    await world.here.forget(ACCESS_KEY)
    world.origin.down = True
    for directory in (world.here, world.process()):
        with pytest.raises(DirectoryUnavailable):
            await directory.find(ACCESS_KEY)


async def test_that_the_others_could_not_be_told_to_forget_is_told(world):
    world.redis.down = True
    with pytest.raises(SharedCacheUnavailable):
        await world.here.forget(ACCESS_KEY)


async def test_nobodys_key_is_forgotten_too(world):
    assert await world.source(key=NOBODYS) is None
    world.origin.put(alice(access_key=NOBODYS))
    world.clock.advance(0.1)
    await world.here.forget(NOBODYS)
    assert await world.source(key=NOBODYS) == "database"


# --- warming up -----------------------------------------------------------------------------------------------


async def test_a_process_that_warmed_up_answers_though_everything_is_away(world):
    await world.source()
    world.clock.advance(FRESH + 1)
    fresh_from_the_start = world.process()
    await fresh_from_the_start.warm_up()
    world.origin.down = True
    world.redis.down = True
    assert await world.source(fresh_from_the_start) == "stale"
    with pytest.raises(DirectoryUnavailable):
        await world.source(world.process())


async def test_a_shared_cache_that_hesitates_is_asked_for_them_again(world):
    await world.source()
    world.clock.advance(FRESH + 1)
    fresh_from_the_start = world.process()
    world.redis.down = True
    warming = asyncio.create_task(fresh_from_the_start.warm_up())
    await asyncio.sleep(0.01)
    world.redis.down = False
    await warming
    world.origin.down = True
    world.redis.down = True
    assert await world.source(fresh_from_the_start) == "stale"


async def test_what_was_taken_over_is_no_younger_than_it_is(world):
    await world.source()
    world.clock.advance(1.5)
    process = world.process()
    await process.warm_up()
    assert await world.source(process) == "memory"
    world.clock.advance(0.6)
    assert await world.source(process) == "database"


async def test_of_what_is_poisoned_nothing_is_taken_over_nor_counted(world):
    await world.source()
    (name,) = world.sealer.names(ACCESS_KEY)
    _, sealed = world.stored()
    moved = "authsvc:1:" + 32 * "0"
    forged = world.sealer.seal(moved, world.sealer.open(name, sealed))
    future = Record(kind="held", as_of=world.clock.now() + 60, credential=alice())
    world.redis.records.clear()
    for poison in (
        {name: sealed[:-1] + bytes([sealed[-1] ^ 1])},
        {name: b"", "authsvc:1:x": os.urandom(300)},
        {moved: sealed},
        {moved: forged},
        {name: world.sealer.seal(name, b"[]")},
        {name: world.sealer.seal(name, write(future))},
        {name: world.sealer.seal(name, write(Record(kind="gone", as_of=world.clock.now())))},
        {name: Sealer([b"x" * 32]).seal(name, world.sealer.open(name, sealed))},
    ):
        world.redis.records = {key: (world.clock.monotonic() + 60, value) for key, value in poison.items()}
        process = world.process()
        await process.warm_up()
        world.redis.records = {}
        world.origin.down = True
        with pytest.raises(DirectoryUnavailable):
            await process.find(ACCESS_KEY)
        assert not any(process.rejects.values())


async def test_what_is_older_than_may_answer_is_not_taken_over(world):
    await world.source()
    world.clock.wall += STALE + 1
    process = world.process()
    await process.warm_up()
    world.origin.down = True
    world.redis.down = True
    with pytest.raises(DirectoryUnavailable):
        await process.find(ACCESS_KEY)


async def test_without_a_shared_cache_or_while_it_is_away_there_is_nothing_to_take_over(world):
    await world.process(shared=False).warm_up()
    world.redis.down = True
    await world.process().warm_up()
