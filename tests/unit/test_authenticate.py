"""Authenticating SOAP messages: what is asked in which order, what is remembered for how long, and what is shed."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from authsvc.cache.replays import MemoryReplays
from authsvc.certificates.memory import MemoryCertificates
from authsvc.directory.memory import MemoryDirectory
from authsvc.errors import (
    AccountProblem,
    CertificateProblem,
    CertificatesUnavailable,
    DirectoryUnavailable,
    Expired,
    LifetimeTooLong,
    NotYetValid,
    Overloaded,
    Replayed,
    ReplaysUnavailable,
    SignatureMismatch,
    UnknownCertificate,
    UnknownUser,
)
from authsvc.model import Certificate, State
from authsvc.service.authenticate import Authenticate
from authsvc.service.bulkhead import Bulkhead
from authsvc.service.soap_policy import SoapPolicy
from tests import soap
from tests.people import NOW, HeardEvents, StoppedClock, alice

ALICE = alice().principal.user.id


class Place:
    """One service, and everything in it."""

    def __init__(self, **rules):
        self.clock = StoppedClock()
        self.certificates = MemoryCertificates(
            [Certificate(sha256=soap.signer().sha256, der=soap.signer().der, user_id=ALICE, created=NOW)]
        )
        self.users = MemoryDirectory(self.clock, [alice()])
        self.replays = MemoryReplays(self.clock)
        self.events = HeardEvents()
        self.threads = ThreadPoolExecutor(1)
        self.authenticate = Authenticate(
            certificates=self.certificates,
            users=self.users,
            replays=self.replays,
            policy=SoapPolicy(**rules),
            clock=self.clock,
            events=self.events,
            bulkhead=Bulkhead(self.threads, most=2),
        )

    async def ask(self, raw, *, caller="gateway", request_id="1"):
        return await self.authenticate(raw, caller=caller, request_id=request_id)


@pytest.fixture
def place():
    made = Place()
    yield made
    made.threads.shutdown()


def message(created=NOW, **options):
    return soap.message(options.pop("by", soap.signer()), created, **options)


async def test_a_yes_says_until_when(place):
    proven = await place.ask(message())
    assert (proven.valid_until, proven.replay_checked) == (NOW + 300, True)
    assert proven.identity.principal.user.id == ALICE
    (decision,) = place.events.decisions
    assert (decision.verdict, decision.scheme, decision.user_id) == ("allow", "soap", ALICE)


@pytest.mark.parametrize(
    ("created", "expires", "error"),
    [
        (0, None, None),
        (60, None, None),
        (61, None, NotYetValid),
        (-360, None, None),
        (-361, None, Expired),
        (-361, 3600, Expired),
        (-61, -61, Expired),
        (-60, -60, None),
    ],
)
async def test_a_message_is_good_for_five_minutes_and_a_little_skew(place, created, expires, error):
    raw = message(NOW + created, expires=None if expires is None else NOW + expires)
    if error is None:
        await place.ask(raw)
    else:
        with pytest.raises(error):
            await place.ask(raw)


@pytest.mark.parametrize(("ahead", "error"), [(360, None), (361, LifetimeTooLong), (-61, Expired)])
async def test_without_created_it_may_not_end_far_ahead(place, ahead, error):
    raw = message(timestamp=f"<wsu:Expires>{soap.stamp(NOW + ahead)}</wsu:Expires>")
    if error is None:
        await place.ask(raw)
    else:
        with pytest.raises(error):
            await place.ask(raw)


async def test_the_same_asker_may_ask_again_within_seconds(place):
    raw = message()
    await place.ask(raw)
    place.clock.advance(10)
    assert (await place.ask(raw)).replay_checked
    place.clock.advance(1)
    with pytest.raises(Replayed):
        await place.ask(raw)


@pytest.mark.parametrize(
    "again", [{"caller": "other"}, {"request_id": "2"}, {"caller": "gateway\0", "request_id": ""}]
)
async def test_another_asker_or_request_is_a_replay(place, again):
    raw = message()
    await place.ask(raw)
    with pytest.raises(Replayed):
        await place.ask(raw, **again)


async def test_a_mark_outlives_the_message(place):
    raw = message(NOW + 60)
    await place.ask(raw)
    place.clock.advance(419.9)  # created a minute ahead, good for five, and a minute of skew
    with pytest.raises(Replayed):
        await place.ask(raw)
    place.clock.advance(1)
    with pytest.raises(Expired):
        await place.ask(raw)


async def test_what_is_refused_leaves_no_mark(place):
    raw = message()
    place.users.down = True
    with pytest.raises(DirectoryUnavailable):
        await place.ask(raw, request_id="1")
    place.users.down = False
    await place.ask(raw, request_id="2")


async def test_a_mark_that_is_none_of_ours_is_a_replay(place):
    raw = message()
    await place.ask(raw)
    place.replays._marks = {name: (until, b"odd") for name, (until, _) in place.replays._marks.items()}
    with pytest.raises(Replayed):
        await place.ask(raw)


async def test_the_order_is_certificate_time_proof_user(place):
    wrong = message(NOW - 3600, by=soap.signer("mallory", number=3), token=soap.signer().der)
    place.users.down = True
    with pytest.raises(Expired):
        await place.ask(wrong)
    with pytest.raises(SignatureMismatch):
        await place.ask(message(by=soap.signer("mallory", number=3), token=soap.signer().der))
    place.certificates.down = True
    with pytest.raises(CertificatesUnavailable):
        await place.ask(wrong)


async def test_who_may_not_is_refused_after_the_proof(place):
    place.users.put(alice(user={"state": State.DISABLED}))
    with pytest.raises(AccountProblem):
        await place.ask(message())
    assert place.events.decisions[-1].reason == "user-disabled"
    place.users.remove(alice().access_key)
    with pytest.raises(UnknownUser):
        await place.ask(message())
    await place.certificates.revoke(soap.signer().sha256, at=NOW)
    with pytest.raises(UnknownCertificate):
        await place.ask(message())


async def test_a_certificate_may_have_ended(place):
    old = soap.signer("old", number=4, days=(-400, -35))
    place.certificates = MemoryCertificates()
    await place.certificates.add(Certificate(sha256=old.sha256, der=old.der, user_id=ALICE, created=NOW))
    place.authenticate._certificates = place.certificates
    with pytest.raises(CertificateProblem):
        await place.ask(message(by=old))


async def test_without_marks_it_is_refused_or_admitted_as_the_operator_says():
    strict, lenient = Place(), Place(need_replay_check=False)
    strict.replays.down = lenient.replays.down = True
    with pytest.raises(ReplaysUnavailable):
        await strict.ask(message())
    assert not (await lenient.ask(message())).replay_checked


async def test_a_large_message_is_taken_apart_elsewhere_and_too_many_are_shed(place):
    large = message(body=f"<a>{'x' * 40_000}</a>")
    await place.ask(large)
    gate = threading.Event()
    place.threads.submit(gate.wait)
    waiting = [asyncio.create_task(place.ask(large, request_id=str(number))) for number in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await place.ask(large)
    assert (await place.ask(message())).replay_checked  # a usual one is not held up
    gate.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    with pytest.raises(Replayed):
        await place.ask(large, request_id="9")
