"""What Sentry hears of a fault: type and place, caught where it arrives, by a server of our own."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from authsvc import __version__
from authsvc.model import Secret
from authsvc.ops.faults import telling_sentry, type_and_place

CANARY = "kan4ry-s3cret"


class Sentry(HTTPServer):
    """Keeps every envelope."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Project)
        self.envelopes: list[bytes] = []
        self.dsn = Secret(f"http://publickey@127.0.0.1:{self.server_port}/1")


class Project(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        encoding = self.headers.get("Content-Encoding")
        assert encoding in (None, "gzip")
        self.server.envelopes.append(gzip.decompress(body) if encoding else body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def sentry():
    with Sentry() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


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
    for envelope in sentry.envelopes:
        lines = envelope.split(b"\n")
        found += [json.loads(line) for line in lines[2::2] if line]
    return found


def test_the_type_and_the_place_are_told(sentry):
    with telling_sentry(sentry.dsn):
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
    with telling_sentry(sentry.dsn):
        fault()

    told = b"\n".join(sentry.envelopes)
    assert b"ValueError" in told
    for shape in (CANARY.encode(), CANARY.encode().hex().encode(), base64.b64encode(CANARY.encode())[:-4]):
        assert shape not in told


def test_an_event_holds_what_is_listed_and_nothing_else(sentry):
    with telling_sentry(sentry.dsn):
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
    with telling_sentry(sentry.dsn):
        logging.getLogger("authsvc").error("the database did not answer")
    assert sentry.envelopes == []


def test_afterwards_nobody_is_told(sentry):
    with telling_sentry(sentry.dsn):
        pass
    fault()
    assert sentry.envelopes == []


@pytest.mark.parametrize("dsn", ["nonsense", f"http://{CANARY}", "ftp://key@host/1"])
def test_an_address_that_is_none_is_refused_and_not_quoted(dsn):
    with pytest.raises(ValueError, match="AUTHSVC_SENTRY_DSN") as refused, telling_sentry(Secret(dsn)):
        pass
    assert CANARY not in str(refused.value)
