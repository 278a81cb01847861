"""The audit of a running service: a line a decision in a real file, and what a disk or a pipe that fails may cost."""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.command import command
from tests.region import Region, ask, await_that, shapes, signed

SEAL = secrets.token_bytes(32)


@pytest.fixture
def opened(mariadb, tmp_path):
    """Open a region with these settings, started."""

    @contextmanager
    def open_region(**settings):
        settings = {"AUTHSVC_AUDIT_KEY": base64.b64encode(SEAL).decode()} | settings
        with Region(mariadb, "4.23", tmp_path / "region", **settings) as region:
            region.authsvc.start().await_ready()
            yield region
            if region.authsvc.exit_code is None:
                assert region.authsvc.stop() == 0
            assert region.authsvc.stderr.read_text() == ""

    return open_region


@pytest.fixture
def path(tmp_path):
    return tmp_path / "audit.log"


def recorded(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def counted(region):
    """Return the decisions counted, and the lines that failed."""
    families = text_string_to_metric_families(ask(f"{region.authsvc.ops}/metrics").body.decode())
    totals = {"authsvc_decisions": 0.0, "authsvc_audit_failures": 0.0}
    for family in families:
        if family.name in totals:
            totals[family.name] = sum(s.value for s in family.samples if s.name.endswith("_total"))
    return tuple(totals.values())


def test_every_answer_leaves_a_line_and_no_line_a_key(opened, path):
    with opened(AUTHSVC_AUDIT=str(path)) as region:
        alice, off = region.people["alice"], region.people["off"]
        questions = [signed(alice), signed(alice, "wrong"), signed(off)]
        for question in questions:
            assert region.verify(question).status == 200
        batch = json.dumps({"requests": questions}).encode()
        bearer = {"Authorization": f"Bearer {region.token}", "Content-Type": "application/json"}
        assert ask(f"{region.authsvc.url}/v1/verify/batch", "POST", batch, bearer).status == 200
        asked = json.dumps({"access_key": "NOBODY"}).encode()
        assert ask(f"{region.authsvc.url}/v1/users/lookup", "POST", asked, bearer).status == 404
        decisions, failures = counted(region)
        region.authsvc.stop()
        canaries = region.canaries()

    lines = recorded(path)
    assert (decisions, failures) == (len(lines), 0) == (7, 0)
    assert [(line["use_case"], line["verdict"], line["reason"]) for line in lines[:3]] == [
        ("verify", "allow", None),
        ("verify", "deny", "SignatureMismatch"),
        ("verify", "deny", "user-disabled"),
    ]
    assert lines[-1]["use_case"] == "identify"
    named = hmac.digest(SEAL, alice.access_key.encode(), "sha256")[:16].hex()
    assert [line["key"] == named for line in lines[:3]] == [True, True, False]
    assert len({line["id"] for line in lines}) == len(lines)
    written = path.read_bytes()
    for canary in canaries:
        assert not [shape for shape in shapes(canary) if shape in written]


def reasons(region):
    return [line["reason"] for line in region.authsvc.lines() if line["event"] == "request"]


@pytest.mark.parametrize("place", ["/dev/full", "/nowhere/audit.log"])
def test_a_place_that_takes_nothing_costs_lines_and_no_answer(opened, place):
    with opened(AUTHSVC_AUDIT=place) as region:
        for _ in range(5):
            assert region.verify(signed(region.people["alice"])).json["authenticated"]
        await_that(lambda: counted(region) == (5, 5), "every line to be counted")


@pytest.mark.parametrize("place", ["/dev/full", "/nowhere/audit.log"])
def test_a_strict_place_that_takes_nothing_lets_nobody_in(opened, place):
    with opened(AUTHSVC_AUDIT=place, AUTHSVC_AUDIT_STRICT="true") as region:
        for secret in (None, "wrong"):
            answer = region.verify(signed(region.people["alice"], secret))
            assert (answer.status, answer.json["error"]["code"]) == (503, "ServiceUnavailable")
        assert counted(region) == (2, 2)
        assert region.authsvc.readiness()[0] == 200
        await_that(lambda: reasons(region) == ["AuditUnavailable"] * 2, "the log to say why")


def test_a_pipe_that_nobody_empties_stops_a_strict_service_and_nothing_else(opened, tmp_path):
    fifo = tmp_path / "audit.pipe"
    os.mkfifo(fifo)
    with opened(AUTHSVC_AUDIT=str(fifo), AUTHSVC_AUDIT_STRICT="true") as region:
        question = signed(region.people["alice"])
        assert region.verify(question).status == 503, "nobody reads"
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        allowed = 0
        while region.verify(question).status == 200:
            allowed += 1
        assert ask(f"{region.authsvc.ops}/livez").status == 200
        lines = os.read(reader, 1 << 20).splitlines()
        assert len(lines) == allowed, "the pipe was full of answers that were given"
        await_that(lambda: region.verify(question).status == 200, "the answers to come back")
        os.close(reader)


def test_no_kill_takes_a_line_whose_answer_was_given(opened, path):
    with opened(AUTHSVC_AUDIT=str(path), AUTHSVC_AUDIT_STRICT="true") as region:
        question = signed(region.people["alice"])
        for _ in range(20):
            assert region.verify(question).status == 200
        region.authsvc.signal(signal.SIGKILL)
        region.authsvc.wait()
        assert len(recorded(path)) == 20


@pytest.mark.parametrize("strict", ["false", "true"])
def test_workers_share_a_file_that_is_rotated_under_them(opened, path, mariadb, tmp_path, strict):
    options = {"AUTHSVC_AUDIT": str(path), "AUTHSVC_AUDIT_STRICT": strict}
    with Region(mariadb, "4.23", tmp_path / "region", **options) as region:
        region.authsvc.words = ("serve", "--workers", "2")
        region.authsvc.start().await_ready()
        question = signed(region.people["alice"])
        kept = []
        for turn in range(3):
            with ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda _: region.verify(question).status, range(60)))
            assert answers == [200] * 60
            await_that(path.exists, "lines since the last turn")
            kept.append(path.rename(path.with_suffix(f".{turn}")))
        assert region.authsvc.stop() == 0
        lines = [line for each in (*kept, path) if each.exists() for line in recorded(each)]
    assert len(lines) == 180


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        # A pipe, here as in a container.
        ({"AUTHSVC_AUDIT": "/dev/stdout"}, "ok    audit: /dev/stdout takes lines"),
        ({"AUTHSVC_AUDIT": "/nowhere/a"}, "warn  audit: /nowhere/a: No such file or directory"),
        (
            {"AUTHSVC_AUDIT": "/nowhere/a", "AUTHSVC_AUDIT_STRICT": "true"},
            "fail  audit: /nowhere/a: No such file or directory",
        ),
    ],
)
def test_the_place_is_tried_out_by_check(tmp_path, settings, told):
    settings = {"AUTHSVC_DATABASE_URL": f"sqlite:///{tmp_path}/a.db"} | settings
    done = command("check", environment=settings)
    assert told in done.stdout.splitlines()
    assert done.returncode == int(told.startswith("fail"))


def test_off_unless_asked_for(mariadb, tmp_path):
    with Region(mariadb, "4.23", tmp_path / "region") as region:
        region.authsvc.start().await_ready()
        region.verify(signed(region.people["alice"]))
        assert "authsvc_audit_failures_total" not in ask(f"{region.authsvc.ops}/metrics").body.decode()
        threads = {
            task.read_text().strip() for task in Path(f"/proc/{region.authsvc.pid}/task").glob("*/comm")
        }
        assert "audit" not in threads
        assert region.authsvc.stop() == 0
