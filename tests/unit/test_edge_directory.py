"""A directory of public keys: which file it believes, for how long, and what it says of the others."""

import asyncio
import dataclasses
import os

import pytest

from authsvc import errors
from authsvc.directory.edge import CLOCKS_APART, EdgeDirectory
from authsvc.directory.rows import Holding
from authsvc.model import AccessKey
from authsvc.ops.health import Health
from tests.people import NOW, StoppedClock, alice
from tests.unit.test_edge_file import OTHER_PEM, PUBLIC, written

KEY = AccessKey("AK")


class World:
    """A directory over a file that is put in its place as an operator would: whole, at once."""

    def __init__(self, folder):
        self.path = folder / "edge.keys"
        self.clock = StoppedClock()
        self.directory = EdgeDirectory(self.path, signers=[PUBLIC], clock=self.clock)

    def put(self, *people, file=None, **options):
        held = [Holding(access_key=person.access_key, credential=person) for person in people]
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(written(held, **options) if file is None else file)
        fresh.replace(self.path)

    async def told(self):
        """Look, and return whether it is ready and what is said about it."""
        health = Health()
        await health.look(self.directory)
        report = health.report()
        return report["ready"], "; ".join(report["reasons"] + report["degraded"])


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def person(access_key="AK", **options):
    return alice(access_key=access_key, **options)


async def unready(world, *words):
    """Neither yes nor no, and the reason is told."""
    ready, told = await world.told()
    assert not ready
    for word in words:
        assert word in told
    with pytest.raises(errors.DirectoryUnready):
        await world.directory.find(KEY)
    with pytest.raises(errors.DirectoryUnready) as caught:
        await world.directory.examine()
    assert caught.value.detail["reasons"]


async def test_the_first_question_reads_the_file(world):
    world.put(person())
    found = await world.directory.find(KEY)
    assert found.principal == person().principal
    assert found.freshness.as_of == NOW


async def test_many_first_questions_read_it_once(world):
    world.put(person())
    found = await asyncio.gather(*(world.directory.find(KEY) for _ in range(50)))
    assert all(one is found[0] for one in found)


async def test_without_a_file_nothing_is_known(world):
    await unready(world, "cannot be read", "No such file")


async def test_a_file_that_comes_later_is_read(world):
    await unready(world)
    world.put(person())
    assert await world.told() == (True, "")
    assert await world.directory.find(KEY) is not None


async def test_what_is_no_file_is_told(world):
    world.path.mkdir()
    await unready(world, "cannot be read")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"pem": OTHER_PEM}, "AUTHSVC_EDGE_SIGNERS"),
        ({"exported_at": NOW - 120, "expires_at": NOW - 60}, "expired"),
        ({"exported_at": NOW - 60, "expires_at": NOW}, "expired"),
        ({"exported_at": NOW + CLOCKS_APART + 1, "expires_at": NOW + 9000}, "not come yet"),
    ],
)
async def test_a_file_that_cannot_be_believed_is_refused_and_told(world, options, word):
    world.put(person(), **options)
    await unready(world, word)
    world.put(person())
    assert await world.told() == (True, "")


async def test_a_file_cut_short_or_changed_is_refused_and_told(world):
    whole = written([Holding(access_key=KEY, credential=person())])
    world.put(file=whole[:-1])
    await unready(world, "cut short")
    world.put(file=whole.replace(b'"enabled"', b'"disabled"', 1))
    await unready(world, "changed since")


async def test_a_file_from_a_clock_a_little_ahead_is_believed(world):
    world.put(person(), exported_at=NOW + CLOCKS_APART, expires_at=NOW + 9000)
    assert await world.told() == (True, "")


async def test_a_file_is_believed_until_its_end_and_no_longer(world):
    world.put(person(), expires_at=NOW + 60)
    assert await world.told() == (True, "")
    world.clock.advance(59.9)
    assert await world.directory.find(KEY) is not None
    world.clock.advance(0.1)
    await unready(world, "expired")


async def test_another_file_takes_the_place_of_the_first(world):
    world.put(person(), person("GONE"))
    assert await world.directory.find(AccessKey("GONE")) is not None
    world.put(person(user={"name": "renamed"}), exported_at=NOW + 1)
    assert await world.told() == (True, "")
    assert await world.directory.find(AccessKey("GONE")) is None
    assert (await world.directory.find(KEY)).principal.user.name == "renamed"


async def test_the_same_file_is_not_read_again(world):
    world.put(person())
    found = await world.directory.find(KEY)
    await world.directory.ping()
    assert await world.directory.find(KEY) is found
    os.utime(world.path)
    await world.directory.ping()
    again = await world.directory.find(KEY)
    assert again == found
    assert again is not found


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"pem": OTHER_PEM, "exported_at": NOW + 1}, "AUTHSVC_EDGE_SIGNERS"),
        ({"exported_at": NOW - 1}, "before the one that is known"),
        ({"exported_at": NOW + 1, "expires_at": NOW}, "expired"),
        ({"file": b"half a file"}, "cut short"),
    ],
)
async def test_a_bad_file_does_not_push_out_a_good_one_but_is_told(world, options, word):
    world.put(person())
    await world.directory.ping()
    world.put(person("OTHER"), **options)
    with pytest.raises(errors.DirectoryUnavailable) as caught:
        await world.directory.ping()
    assert word in caught.value.message
    assert await world.directory.find(KEY) is not None
    assert await world.directory.find(AccessKey("OTHER")) is None
    world.clock.advance(60)
    await unready(world, word, "expired")


async def test_a_file_that_goes_away_leaves_what_was_known(world):
    world.put(person())
    await world.directory.ping()
    world.path.unlink()
    with pytest.raises(errors.DirectoryUnavailable):
        await world.directory.ping()
    assert await world.directory.find(KEY) is not None


async def test_a_key_that_could_not_be_exported_is_neither_known_nor_unknown(world):
    world.put(file=written([Holding(access_key=KEY, credential=None)]))
    with pytest.raises(errors.SecretUnreadable):
        await world.directory.find(KEY)
    assert await world.directory.find(AccessKey("OTHER")) is None


async def test_the_examination_says_what_it_found(world):
    world.put(file=written([Holding(access_key=KEY, credential=None)], expires_at=NOW + 7200))
    lines = await world.directory.examine()
    assert "region 7" in lines[0]
    assert "0 public keys; 1 whose secret" in lines[1]
    assert "in 2.0 hours" in lines[2]


async def test_a_look_that_is_cancelled_does_no_harm(world):
    world.put(person())
    looking = asyncio.create_task(world.directory.ping())
    await asyncio.sleep(0)
    looking.cancel()
    await asyncio.wait([looking])
    assert await world.directory.find(KEY) == dataclasses.replace(await world.directory.find(KEY))
