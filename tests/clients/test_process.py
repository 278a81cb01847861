"""The process itself, as an operator sees it, and whether we would notice what it must not write."""

from __future__ import annotations

import base64
import secrets
from urllib.parse import quote

import pytest

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
