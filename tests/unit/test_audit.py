"""Decisions on record: what a line says and does not say, and that a strict audit comes before the answer."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json

import pytest

from authsvc import __version__
from authsvc.errors import AuditUnavailable, AuthError, DirectoryUnavailable, UnknownAccessKey
from authsvc.events.audit import FileAudit, FileEvents, Record
from authsvc.events.ledger import Ledger
from authsvc.events.several import SeveralEvents
from authsvc.ports import Decision
from authsvc.signing import SignedRequest
from tests.people import HeardEvents
from tests.standins import AUTHORIZED, Pages, World, s3_question

KEY = b"k" * 32
YES = Decision(
    use_case="verify",
    verdict="allow",
    caller="swift",
    scheme="sigv4",
    access_key="ALICEKEY",
    user_id="uuid-alice",
    account_id="2",
    source="memory",
    as_of=1795000000.25,
    seconds=0.00012345678,
)
NO = Decision(
    use_case="identify", verdict="deny", caller="swift", reason="UnknownAccessKey", access_key="\ud800é"
)


def request(**more):
    asked = s3_question(**more)
    return SignedRequest(
        method=asked["method"],
        target=asked["target"],
        headers=tuple((name, value) for name, value in asked["headers"]),
    )


@pytest.fixture
def world():
    made = World()
    made.audit = Pages()
    return made


def test_a_line_says_all_that_was_decided():
    line = Record(KEY).line(YES)
    said = json.loads(line)

    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert said.pop("time").endswith("Z")
    assert len(said.pop("id")) == 16
    assert said == {
        "event": "decision",
        "version": __version__,
        "use_case": "verify",
        "verdict": "allow",
        "reason": None,
        "caller": "swift",
        "scheme": "sigv4",
        "key": hmac.new(KEY, b"ALICEKEY", hashlib.sha256).hexdigest()[:32],
        "user_id": "uuid-alice",
        "account_id": "2",
        "source": "memory",
        "as_of": "2026-11-18T11:06:40.250000Z",
        "seconds": 0.000123,
    }


@pytest.mark.parametrize("record", [Record(KEY), Record()], ids=["named", "unnamed"])
def test_no_line_holds_an_access_key(record):
    assert b"ALICEKEY" not in record.line(YES)


def test_without_a_key_of_ours_nobodys_key_is_named():
    assert json.loads(Record().line(YES))["key"] is None


def test_a_key_that_is_no_text_is_named_too():
    assert len(json.loads(Record(KEY).line(NO))["key"]) == 32


def test_two_lines_of_one_decision_are_told_apart():
    record = Record(KEY)
    assert json.loads(record.line(YES))["id"] != json.loads(record.line(YES))["id"]


def test_everybody_who_listens_hears(tmp_path):
    path, heard = tmp_path / "audit.log", HeardEvents()
    with Ledger(path, deadline=10.0) as ledger:
        events = SeveralEvents(heard, FileEvents(ledger, Record(KEY)))
        events.record(YES)
        events.record(NO)

    assert heard.decisions == [YES, NO]
    assert [json.loads(line)["verdict"] for line in path.read_bytes().splitlines()] == ["allow", "deny"]


async def test_a_strict_audit_says_whether_it_has_the_line(tmp_path):
    path = tmp_path / "audit.log"
    with Ledger(path, deadline=10.0) as ledger:
        await FileAudit(ledger, Record()).keep(YES)
        assert json.loads(path.read_bytes())["user_id"] == "uuid-alice"
    with Ledger(tmp_path / "nowhere" / "audit.log") as ledger, pytest.raises(AuditUnavailable):
        await FileAudit(ledger, Record()).keep(YES)


QUESTIONS = {
    "yes": lambda service: service.verify(request(), caller="store"),
    "no": lambda service: service.verify(request(secret="wrong"), caller="store"),
    "unreadable": lambda service: service.verify(
        SignedRequest(method="GET", target="/", headers=()), caller="store"
    ),
    "known": lambda service: service.identify("ALICEKEY", caller="store"),
    "unknown": lambda service: service.identify("NOBODY", caller="store"),
    "soap": lambda service: service.authenticate(b"<a/>", caller="store", request_id="1"),
}


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS.keys())
async def test_without_its_line_no_answer_goes_out(world, ask):
    world.audit.full = True

    with pytest.raises(AuditUnavailable):
        await ask(world.service)

    (decision,) = world.decisions.all
    assert (decision.verdict, decision.reason) == ("unavailable", "AuditUnavailable")
    assert (decision.user_id, decision.caller) == (None, "store")


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS.keys())
async def test_what_is_counted_is_what_is_on_record(world, ask):
    with contextlib.suppress(AuthError):
        await ask(world.service)

    assert world.audit.kept == world.decisions.all
    assert len(world.audit.kept) == 1


async def test_a_database_that_is_away_is_on_record_too(world):
    world.directory.down = True
    with pytest.raises(DirectoryUnavailable):
        await world.service.identify("ALICEKEY", caller="store")

    (decision,) = world.audit.kept
    assert (decision.verdict, decision.reason) == ("unavailable", "DirectoryUnavailable")


async def test_a_refusal_for_want_of_a_line_still_names_the_scheme(world):
    world.audit.full = True
    with pytest.raises(AuditUnavailable) as caught:
        await world.service.verify(request(), caller="store")
    assert (caught.value.scheme, caught.value.access_key) == ("sigv4", "ALICEKEY")


async def test_a_caller_hears_503_in_place_of_the_answer(world):
    world.audit.full = True
    async with world.client() as client:
        for question in (s3_question(), s3_question(secret="wrong")):
            answer = await client.post("/v1/verify", json=question, headers=AUTHORIZED)
            assert answer.status == 503
            assert answer.headers["Retry-After"]
            assert (await answer.json())["error"]["code"] == "ServiceUnavailable"


async def test_the_record_names_the_key_that_was_asked_about(world):
    with pytest.raises(UnknownAccessKey):
        await world.service.identify("NOBODY", caller="store")
    await world.service.verify(request(), caller="store")

    assert [decision.access_key for decision in world.audit.kept] == ["NOBODY", "ALICEKEY"]
