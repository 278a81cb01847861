"""What Sentry hears of a fault: type and place, caught where it arrives, by a server of our own."""

from __future__ import annotations

import base64
import json
import logging

import pytest

from authsvc import __version__
from authsvc.model import Secret
from authsvc.ops.faults import telling_sentry, type_and_place
from tests.receiver import Receiver

CANARY = "kan4ry-s3cret"


@pytest.fixture
def sentry():
    with Receiver() as server:
        yield server


def telling(server):
    return telling_sentry(Secret(f"http://publickey@{server.place}/1"))


def fail(secret):
    quoted = f"cannot read {secret}"
    raise ValueError(quoted, {"key": secret})


def fault():
    """Log a fault as the application does: with a cause, a note, and secrets in text and variables."""
    try:
        try:
            fail(CANARY)
        except ValueError as error:
            error.add_note(CANARY)
            raise RuntimeError(CANARY) from error
    except RuntimeError:
        logging.getLogger("authsvc.app").exception("a fault of ours, %s", CANARY, extra={"key": CANARY})


def events(sentry):
    found = []
    for envelope in sentry.bodies:
        lines = envelope.split(b"\n")
        found += [json.loads(line) for line in lines[2::2] if line]
    return found


def test_the_type_and_the_place_are_told(sentry):
    with telling(sentry):
        fault()

    (event,) = events(sentry)
    assert event["release"] == f"authsvc@{__version__}"
    values = event["exception"]["values"]
    assert [value["type"] for value in values] == ["ValueError", "RuntimeError"]
    frame = values[0]["stacktrace"]["frames"][-1]
    assert frame["function"] == "fail"
    assert frame["filename"].endswith("test_faults.py")
    assert frame["lineno"] == fail.__code__.co_firstlineno + 2


def test_nothing_the_exception_says_is_told(sentry):
    logging.getLogger("authsvc.app").warning("before, %s", CANARY)  # no breadcrumb either
    with telling(sentry):
        fault()

    told = b"\n".join(sentry.bodies)
    assert b"ValueError" in told
    for shape in (CANARY.encode(), CANARY.encode().hex().encode(), base64.b64encode(CANARY.encode())[:-4]):
        assert shape not in told


def test_an_event_holds_what_is_listed_and_nothing_else(sentry):
    with telling(sentry):
        fault()

    (event,) = events(sentry)
    assert event.keys() <= {
        "event_id",
        "timestamp",
        "level",
        "platform",
        "release",
        "environment",
        "exception",
        "sdk",
    }
    for value in event["exception"]["values"]:
        assert value.keys() == {"type", "module", "stacktrace"}
        for frame in value["stacktrace"]["frames"]:
            assert frame.keys() <= {"filename", "function", "module", "lineno", "in_app"}


def test_what_a_later_library_adds_stays_behind():
    told = type_and_place(
        {"event_id": "1", "request": CANARY, "exception": {"values": [{"value": CANARY}]}}, {}
    )
    assert CANARY not in json.dumps(told)


def test_errors_without_an_exception_are_for_the_log_alone(sentry):
    with telling(sentry):
        logging.getLogger("authsvc").error("the database did not answer")
    assert sentry.bodies == []


def test_afterwards_nobody_is_told(sentry):
    with telling(sentry):
        pass
    fault()
    assert sentry.bodies == []


@pytest.mark.parametrize("dsn", ["nonsense", f"http://{CANARY}", "ftp://key@host/1"])
def test_an_address_that_is_none_is_refused_and_not_quoted(dsn):
    with pytest.raises(ValueError, match="AUTHSVC_SENTRY_DSN") as refused, telling_sentry(Secret(dsn)):
        pass
    assert CANARY not in str(refused.value)
