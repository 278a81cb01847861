"""The process itself, as an operator sees it, and whether we would notice what it must not write."""

from __future__ import annotations

import base64
import secrets
import socket
from urllib.parse import quote, urlsplit

import pytest

from tests.receiver import Receiver
from tests.region import Authsvc, ask, signed

CANARY = "s/cret+of a user~1"


def test_it_is_ready(region):
    assert region.authsvc.readiness() == (200, {"ready": True, "reasons": [], "degraded": []})
    assert ask(f"{region.authsvc.ops}/livez").status == 200


def test_its_log_has_a_line_a_request_and_no_key_in_it(region):
    person = region.add(f"log-{secrets.token_hex(4)}")
    for secret in (None, "wrong"):
        assert region.verify(signed(person, secret)).status == 200
    answer = region.verify(signed(person), token="nobody")
    assert answer.status == 401
    assert answer.json["error"]["code"] == "CallerUnauthorized"


NO_HTTP = (
    b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    b"GET /v1/verify HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /v1/verify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v1/verify HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\nbroken off",
)


@pytest.mark.parametrize(("level", "written"), [("info", {"info"}), ("warning", set())])
def test_what_anybody_can_send_is_no_fault_of_ours(tmp_path, level, written):
    with Receiver() as sentry:
        settings = {
            "AUTHSVC_DATABASE_URL": f"sqlite:///{tmp_path}/authsvc.db",
            "AUTHSVC_SENTRY_DSN": f"http://publickey@{sentry.place}/1",
            "AUTHSVC_LOG_LEVEL": level,
        }
        service = Authsvc(tmp_path, settings).start()
        try:
            place = urlsplit(service.url)
            for sent in NO_HTTP:
                with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
                    connection.sendall(sent)
                    assert connection.recv(65536).split(b" ", 2)[1] in (b"400", b"401")
            assert service.stop() == 0
        finally:
            service.kill()
        assert sentry.bodies == []
    assert {line["level"] for line in service.lines() if "level" in line} == written


def test_a_start_on_a_directory_of_its_own_is_one_line(tmp_path):
    service = Authsvc(tmp_path, {"AUTHSVC_DATABASE_URL": f"sqlite:///{tmp_path}/authsvc.db"})
    try:
        assert [line["event"] for line in service.start().lines()] == ["started"]
        assert service.stop() == 0
    finally:
        service.kill()


def test_its_metrics_name_no_one(region):
    region.verify(signed(region.people["alice"]))
    shown = ask(f"{region.authsvc.ops}/metrics").body.decode()
    assert 'authsvc_decisions_total{reason="",source="database",verdict="allow"}' in shown
    for canary in region.canaries():
        assert canary not in shown


@pytest.mark.parametrize(
    "written",
    [
        CANARY.encode(),
        CANARY.encode().hex().encode(),
        CANARY.encode().hex().upper().encode(),
        quote(CANARY, safe="").encode(),
        *(base64.b64encode(b"abc"[:shift] + CANARY.encode() + b"tail") for shift in range(3)),
        base64.urlsafe_b64encode(CANARY.encode()),
    ],
)
def test_what_must_not_be_written_would_be_found(tmp_path, written):
    service = Authsvc(tmp_path, {})
    service.stderr.write_bytes(b"")
    service.log.write_bytes(b'{"a":"' + written + b'"}\n')
    with pytest.raises(AssertionError, match="stands in the log"):
        service.assert_silent_about([CANARY])
    service.assert_silent_about(["something else entirely"])
