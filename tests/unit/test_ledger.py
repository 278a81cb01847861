"""Audit lines: each in a real file or pipe, whole, or counted as a failure; and nobody held up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from authsvc.events.ledger import DEADLINE, Ledger

FULL = Path("/dev/full")
PIPE_HOLDS = 64 * 1024
PATIENCE = 10.0
"""Seconds to wait for what a busy machine does late."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "audit.log"


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "audit.pipe"
    os.mkfifo(path)
    return path


@contextlib.contextmanager
def read_by_somebody(fifo):
    """Open a pipe for reading, and read nothing yet."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield reader
    finally:
        os.close(reader)


def line(number):
    return b'{"number":%d}\n' % number


def until(condition):
    """Wait for the thread to have done something."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def test_lines_are_appended_in_their_order_to_what_was_there(path):
    path.write_bytes(b"before\n")
    with Ledger(path, deadline=PATIENCE) as ledger:
        for number in range(1000):
            ledger.append(line(number))

    assert path.read_bytes() == b"before\n" + b"".join(map(line, range(1000)))
    assert ledger.failures == 0


def test_a_new_file_is_not_for_everybody_to_read(path):
    with Ledger(path, deadline=PATIENCE) as ledger:
        ledger.append(line(1))

    assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0


async def test_a_line_somebody_waits_for_is_in_the_file_when_they_go_on(path):
    with Ledger(path, deadline=PATIENCE) as ledger:
        for number in range(20):
            assert await ledger.appended(line(number))
            assert path.read_bytes().endswith(line(number))


async def test_many_who_wait_share_writes_and_each_line_is_there_once(path):
    with Ledger(path, deadline=PATIENCE) as ledger:
        assert all(await asyncio.gather(*(ledger.appended(line(number)) for number in range(2000))))

    assert sorted(path.read_bytes().splitlines(keepends=True)) == sorted(map(line, range(2000)))


async def test_a_file_renamed_away_is_let_go_of_and_no_line_is_lost(path):
    with Ledger(path, deadline=PATIENCE) as ledger:
        assert await ledger.appended(line(1))
        old = path.rename(path.with_suffix(".1"))
        assert await ledger.appended(line(2))
        path.write_bytes(b"")  # as logrotate's copytruncate does
        assert await ledger.appended(line(3))

    assert old.read_bytes() == line(1)
    assert path.read_bytes() == line(3)
    assert ledger.failures == 0


async def test_a_full_disk_is_a_no_to_whoever_waits(path):
    with Ledger(FULL, deadline=PATIENCE) as ledger:
        assert [await ledger.appended(line(number)) for number in range(3)] == [False] * 3
    assert ledger.failures == 3


def test_a_full_disk_costs_lines_and_counts_them():
    with Ledger(FULL) as ledger:
        ledger.append(line(1))
        ledger.append(line(2))
    assert ledger.failures == 2


async def test_a_disk_that_has_room_again_is_written_to_again(path):
    path.symlink_to(FULL)
    with Ledger(path, deadline=PATIENCE) as ledger:
        assert not await ledger.appended(line(1))
        path.unlink()
        assert await ledger.appended(line(2))
    assert path.read_bytes() == line(2)


async def test_a_folder_that_is_not_there_is_a_no(tmp_path):
    with Ledger(tmp_path / "nowhere" / "audit.log") as ledger:
        assert not await ledger.appended(line(1))
    assert ledger.failures == 1


async def test_a_pipe_nobody_reads_is_a_no_at_once_and_nothing_waits_to_open_it(fifo):
    with Ledger(fifo) as ledger:
        assert not await ledger.appended(line(1))
        with read_by_somebody(fifo) as reader:
            assert await ledger.appended(line(2))
            assert os.read(reader, 1000) == line(2)


async def test_a_reader_that_is_replaced_costs_no_line(fifo):
    with Ledger(fifo) as ledger:
        with read_by_somebody(fifo):
            assert await ledger.appended(line(1))
        with read_by_somebody(fifo) as another:
            assert await ledger.appended(line(2))
            assert os.read(another, 1000).endswith(line(2))
    assert ledger.failures == 0


def test_a_pipe_that_is_open_already_is_written_to_by_its_number():
    """As ``/dev/stdout`` is in a container; whoever else writes to it still blocks where it did."""
    reader, writer = os.pipe()
    try:
        with Ledger(Path(f"/dev/fd/{writer}"), deadline=PATIENCE) as ledger:
            ledger.append(line(1))
        assert os.read(reader, 1000) == line(1)
        assert os.get_blocking(writer)
    finally:
        os.close(reader)
        os.close(writer)


async def test_a_pipe_nobody_empties_is_a_no_within_the_deadline_and_blocks_nobody(fifo):
    long = b"x" * 4000 + b"\n"
    with read_by_somebody(fifo) as reader, Ledger(fifo) as ledger:
        while await ledger.appended(long):
            pass
        turns, waiting = 0, asyncio.ensure_future(ledger.appended(long))
        while not waiting.done():
            turns += 1
            await asyncio.sleep(DEADLINE / 20)
        assert not waiting.result()
        assert turns > 1, "the loop went on meanwhile"
        assert ledger.failures == 2

        os.read(reader, PIPE_HOLDS)
        assert await ledger.appended(line(3)), "whoever reads on is written to again"
        assert os.read(reader, PIPE_HOLDS) == line(3), "and not with what nobody waits for any longer"


def test_a_pipe_nobody_empties_costs_lines_and_never_time(fifo):
    with read_by_somebody(fifo) as reader:
        with Ledger(fifo, capacity=500) as ledger:
            for number in range(10_000):
                ledger.append(b"%0200d\n" % number)
            until(lambda: ledger.failures > 9_500)
        ledger._thread.join()
        written = os.read(reader, PIPE_HOLDS).splitlines(keepends=True)

    assert len(written) == 10_000 - ledger.failures
    assert written == [b"%0200d\n" % int(each) for each in written]


HALF = """
import resource, sys, time
from pathlib import Path
from authsvc.events.ledger import Ledger

path = Path(sys.argv[1])
with Ledger(path) as ledger:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    ledger.append(b"one that fits\\n")
    ledger.append(b"one that does not fit\\n")
    while not ledger.failures:
        time.sleep(0.01)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    ledger.append(b"one that fits again\\n")
print(ledger.failures)
"""


def test_half_a_line_is_a_failure_and_spoils_only_itself(path):
    """A process that may write only so much is cut off in the middle of a line, as by a disk that fills up."""
    done = subprocess.run([sys.executable, "-c", HALF, path, "20"], capture_output=True, check=True)

    assert path.read_bytes() == b"one that fits\none th\none that fits again\n"
    assert done.stdout == b"1\n"


def test_lines_of_several_processes_do_not_mix(path):
    with Ledger(path, deadline=PATIENCE) as one, Ledger(path, deadline=PATIENCE) as another:
        threads = [
            threading.Thread(target=lambda book=book: [book.append(line(n)) for n in range(500)])
            for book in (one, another)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(path.read_bytes().splitlines(keepends=True)) == sorted([*map(line, range(500))] * 2)


def test_trouble_is_told_before_there_is_a_line(path, fifo, tmp_path):
    assert Ledger(path).trouble() is None
    assert not path.exists(), "it would be root's, if it was root who tried"
    path.touch()
    assert Ledger(path).trouble() is None
    assert Ledger(fifo).trouble() == "No such device or address"
    assert Ledger(tmp_path / "nowhere" / "audit.log").trouble() == "No such file or directory"
