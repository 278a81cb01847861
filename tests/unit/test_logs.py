"""Log lines: JSON, without secrets, and never in the way of an answer."""

import contextlib
import json
import logging
import os
import select
import socket
import threading
import time
from pathlib import Path

import pytest

from authsvc.model import Secret
from authsvc.ops.logs import LineHandler, LineLog


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    yield reader, writer
    for end in (reader, writer):
        with contextlib.suppress(OSError):
            os.close(end)


def read_lines(reader, writer):
    os.close(writer)
    with os.fdopen(os.dup(reader)) as text:
        return [json.loads(line) for line in text]


def test_an_event_is_one_json_line_with_its_time_in_front(pipe):
    reader, writer = pipe
    with LineLog(writer) as log:
        log.emit({"event": "request", "status": 200, "text": "a\nb\x1b[31m"})
    (line,) = read_lines(reader, writer)

    assert next(iter(line)) == "time"
    assert line["event"] == "request"
    assert line["text"] == "a\nb\x1b[31m"


def test_a_secret_that_strays_into_an_event_stays_silent(pipe):
    reader, writer = pipe
    with LineLog(writer) as log:
        log.emit(
            {"oops": Secret("hunter2"), "key": b"hunter2", "more": [{"key": bytearray(b"hunter2")}, {Secret}]}
        )
    (line,) = read_lines(reader, writer)

    del line["time"]
    assert line == {"oops": "<Secret>", "key": "<bytes>", "more": [{"key": "<bytearray>"}, "<set>"]}


def test_an_event_that_cannot_be_written_costs_its_own_line_alone(pipe):
    reader, writer = pipe
    with LineLog(writer) as log:
        log.emit({"text": "\udcff"})
        log.emit({"text": "fine"})

    assert [line["text"] for line in read_lines(reader, writer)] == ["fine"]
    assert log.dropped == 1


def test_an_exception_is_told_by_type_and_place_but_not_by_its_text(pipe):
    reader, writer = pipe
    with LineLog(writer) as log:
        logger = logging.getLogger("some.library")
        logger.addHandler(LineHandler(log))
        try:
            raise ValueError("could not read signature=abc&secret=hunter2")
        except ValueError:
            logger.exception("it failed")
    (line,) = read_lines(reader, writer)

    assert line["exception"] == "ValueError"
    assert line["at"][-1].startswith("test_logs.py:")
    assert "hunter2" not in json.dumps(line)


def test_a_reader_that_stops_reading_costs_lines_and_never_time(pipe):
    reader, writer = pipe
    log = LineLog(writer, capacity=1000)  # more than the pipe holds
    with log:
        began = time.monotonic()
        for number in range(5000):
            log.emit({"number": number, "padding": "x" * 200})
        took = time.monotonic() - began
        assert log.dropped > 0
        assert took < 5, "a full pipe would have blocked for ever"
    os.close(reader)  # frees the thread, before the descriptor's number is somebody else's
    log._thread.join()


def test_a_full_disk_loses_lines_and_nothing_else():
    with Path("/dev/full").open("wb", buffering=0) as full, LineLog(full.fileno()) as log:
        log.emit({"a": 1})
        log.emit({"a": 2})
    assert log.dropped == 2


def test_lines_of_many_threads_do_not_mix(pipe):
    reader, writer = pipe
    with LineLog(writer) as log:
        threads = [
            threading.Thread(target=lambda n=n: [log.emit({"thread": n, "i": i}) for i in range(50)])
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = read_lines(reader, writer)

    assert sorted((line["thread"], line["i"]) for line in lines) == [
        (t, i) for t in range(4) for i in range(50)
    ]


def test_lines_reach_a_pipe_whole_whoever_else_writes_to_it():
    """A socket that keeps writes apart shows them: whole lines, and no more than a pipe takes in one piece."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        with LineLog(ours.fileno()) as log:
            for number in range(200):
                log.emit({"number": number, "text": "x" * 100})
            log.emit({"number": 200, "text": "x" * 2 * select.PIPE_BUF})
        ours.close()
        writes = iter(lambda: theirs.recv(1 << 16), b"")
        written = list(writes)
    assert all(each.endswith(b"\n") for each in written)
    assert [json.loads(line)["number"] for line in b"".join(written).splitlines()] == list(range(201))
    assert [len(each) <= select.PIPE_BUF for each in written] == [True] * (len(written) - 1) + [False]
    assert len(written) < 20, "few lines a write would cost"
