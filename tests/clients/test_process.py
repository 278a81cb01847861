"""The process itself, as an operator sees it."""

from __future__ import annotations

from tests.region import ask


def test_it_is_ready(region):
    assert region.authsvc.readiness() == (200, {"ready": True, "reasons": [], "degraded": []})


def test_its_log_has_a_line_a_request_with_the_callers_name(region):
    answer = ask(f"{region.authsvc.url}/v1/users/lookup", "POST", b"{}", {"Authorization": "Bearer x"})
    assert answer.status == 401
