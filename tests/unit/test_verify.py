"""The spine: read, admit, find, prove, state."""

import dataclasses

import pytest

from authsvc import errors
from authsvc.model import Secret, State
from authsvc.service.identify import Identify
from authsvc.service.policy import Expectation, Policy
from authsvc.service.verify import Verify
from authsvc.signing import Scope, SignedRequest
from authsvc.signing.s3v2 import S3V2
from authsvc.signing.sigv4 import SigV4, signature, signing_key
from authsvc.signing.sigv4a import public_key
from tests.people import ACCESS_KEY, NOW, SECRET_KEY, HeardEvents, StoppedClock, alice, signed_s3


class Remembering:
    """A directory that answers ``now`` when asked for something recent, else ``remembered``."""

    def __init__(self, remembered, now=None):
        self.remembered = remembered
        self.now = now if now is not None else remembered
        self.asked = []

    async def find(self, access_key, *, max_age=None):
        self.asked.append((access_key, max_age))
        answer = self.remembered if max_age is None else self.now
        if isinstance(answer, Exception):
            raise answer
        return answer if answer is not None and answer.access_key == access_key else None

    async def ping(self):
        raise NotImplementedError


GONE = dataclasses.replace(alice(), access_key="somebody else's")


def verify(directory, *, events=None, **policy):
    return Verify(
        directory=directory,
        schemes=(SigV4(), S3V2()),
        policy=Policy(**{"schemes": frozenset({"sigv4", "s3v2"}), **policy}),
        clock=StoppedClock(),
        events=events or HeardEvents(),
    )


async def test_whoever_signed_is_named():
    events = HeardEvents()
    verified = await verify(Remembering(alice()), events=events)(signed_s3(), caller="swift")

    assert verified.credential.principal.user.name == "alice"
    assert verified.claim.scheme == "sigv4"
    (decision,) = events.decisions
    assert (decision.verdict, decision.caller, decision.source) == ("allow", "swift", "database")
    assert ACCESS_KEY not in repr(decision)


@pytest.mark.parametrize(
    ("directory", "request_", "refusal"),
    [
        (Remembering(alice()), SignedRequest(method="GET", target="/", headers=()), errors.Unsigned),
        (Remembering(alice()), signed_s3(at=NOW - 901), errors.TimeSkewed),
        (Remembering(alice()), signed_s3(secret="another"), errors.SignatureMismatch),
        (Remembering(GONE), signed_s3(), errors.UnknownAccessKey),
        (Remembering(alice(user={"state": State.DISABLED})), signed_s3(), errors.AccountProblem),
        (Remembering(alice(ambiguous=True)), signed_s3(), errors.AccountProblem),
        (Remembering(errors.DirectoryUnavailable()), signed_s3(), errors.DirectoryUnavailable),
    ],
)
async def test_a_refusal_says_why_and_is_heard_of(directory, request_, refusal):
    events = HeardEvents()
    with pytest.raises(refusal):
        await verify(directory, events=events)(request_, caller="swift")

    (decision,) = events.decisions
    assert decision.verdict == ("unavailable" if issubclass(refusal, errors.Unavailable) else "deny")
    assert decision.caller == "swift"
    assert decision.reason


async def test_a_refusal_names_the_scheme_and_the_key_the_request_claimed():
    with pytest.raises(errors.UnknownAccessKey) as caught:
        await verify(Remembering(GONE))(signed_s3(), caller="swift")

    assert (caught.value.scheme, caught.value.access_key) == ("sigv4", ACCESS_KEY)


async def test_policy_refuses_before_anybody_is_looked_up():
    directory = Remembering(alice())
    with pytest.raises(errors.ScopeMismatch):
        await verify(directory)(signed_s3(), caller="swift", expect=Expectation(region="eu-1"))

    assert directory.asked == []


async def test_the_state_of_an_account_is_told_only_to_who_can_sign_for_it():
    disabled = Remembering(alice(user={"state": State.DISABLED}))
    with pytest.raises(errors.SignatureMismatch):
        await verify(disabled)(signed_s3(secret="guessed"), caller="swift")


async def test_a_mismatch_on_an_old_secret_is_not_reported_before_the_directory_was_asked_again():
    old, new = alice(as_of=NOW - 1.5), alice(secret="rotated", as_of=NOW)
    directory = Remembering(old, now=new)
    verified = await verify(directory)(signed_s3(secret="rotated"), caller="swift")

    assert verified.credential is new
    assert directory.asked == [(ACCESS_KEY, None), (ACCESS_KEY, 1.0)]


async def test_a_mismatch_on_a_secret_just_read_costs_no_second_look():
    directory = Remembering(alice(as_of=NOW - 0.5))
    with pytest.raises(errors.SignatureMismatch):
        await verify(directory)(signed_s3(secret="wrong"), caller="swift")

    assert len(directory.asked) == 1


class Counting:
    """V4, and how often it had to prove."""

    name, mechanism = "sigv4", SigV4().mechanism

    def __init__(self):
        self.proofs = 0
        self._scheme = SigV4()
        self.recognises, self.read = self._scheme.recognises, self._scheme.read

    def prove(self, claim, secret):
        self.proofs += 1
        self._scheme.prove(claim, secret)


async def test_a_mismatch_where_nothing_newer_is_known_is_not_proven_again():
    """As in an edge region, whose records are all as old as its file."""
    old = alice(as_of=NOW - 3600)
    for now, proofs in ((None, 1), (dataclasses.replace(old), 2)):
        counting = Counting()
        asking = Verify(
            directory=Remembering(old, now=now),
            schemes=(counting,),
            policy=Policy(schemes=frozenset({"sigv4"})),
            clock=StoppedClock(),
            events=HeardEvents(),
        )
        with pytest.raises(errors.SignatureMismatch):
            await asking(signed_s3(secret="another"), caller="swift")
        assert counting.proofs == proofs


async def test_a_public_key_where_a_secret_is_needed_is_neither_yes_nor_no():
    key = public_key(ACCESS_KEY, Secret(SECRET_KEY))
    directory = Remembering(dataclasses.replace(alice(), verifier=key))
    for secret in (SECRET_KEY, "another"):
        events = HeardEvents()
        with pytest.raises(errors.SecretNotHeld):
            await verify(directory, events=events)(signed_s3(secret=secret), caller="swift")
        assert [decision.verdict for decision in events.decisions] == ["unavailable"]


async def test_a_mismatch_on_an_old_secret_nobody_can_check_is_neither_yes_nor_no():
    directory = Remembering(alice(as_of=NOW - 60), now=errors.DirectoryUnavailable())
    with pytest.raises(errors.Unavailable):
        await verify(directory)(signed_s3(secret="wrong"), caller="swift")


async def test_a_key_that_went_while_it_was_remembered_is_unknown():
    directory = Remembering(alice(as_of=NOW - 60), now=GONE)
    with pytest.raises(errors.UnknownAccessKey):
        await verify(directory)(signed_s3(secret="wrong"), caller="swift")


async def test_a_body_other_than_the_signed_one_is_refused_after_the_proof():
    swapped = dataclasses.replace(signed_s3(payload="a" * 64), body_sha256="b" * 64)
    with pytest.raises(errors.BodyMismatch):
        await verify(Remembering(alice()))(swapped, caller="swift")
    kept = dataclasses.replace(signed_s3(payload="a" * 64), body_sha256="a" * 64)
    await verify(Remembering(alice()))(kept, caller="swift")


async def test_identify_answers_for_disabled_users_and_refuses_keys_two_people_hold():
    events = HeardEvents()

    def identify(directory):
        return Identify(directory=directory, clock=StoppedClock(), events=events)

    found = await identify(Remembering(alice(user={"state": State.DISABLED})))(ACCESS_KEY, caller="zone")
    assert found.principal.user.state is State.DISABLED
    with pytest.raises(errors.UnknownAccessKey):
        await identify(Remembering(GONE))(ACCESS_KEY, caller="zone")
    with pytest.raises(errors.AccountProblem):
        await identify(Remembering(alice(ambiguous=True)))(ACCESS_KEY, caller="zone")
    with pytest.raises(errors.Unavailable):
        await identify(Remembering(errors.DirectoryUnavailable()))(ACCESS_KEY, caller="zone")
    assert [decision.verdict for decision in events.decisions] == ["allow", "deny", "deny", "unavailable"]


class Waking:
    """A directory that does not answer the first few times; each question takes a second."""

    def __init__(self, clock, answers_from):
        self.asked = 0
        self._clock, self._answers_from = clock, answers_from

    async def find(self, _access_key, *, max_age=None):
        self.asked += 1
        self._clock.advance(1)
        if self.asked < self._answers_from:
            raise errors.DirectoryUnavailable
        return alice(as_of=self._clock.now())

    async def ping(self):
        raise NotImplementedError


def string_of_alice():
    scope = Scope(date="20270115", region="us-east-1", service="s3")
    text = f"AWS4-HMAC-SHA256\n20270115T080000Z\n{scope.text}\n{'0' * 64}"
    made = signature(signing_key(Secret(SECRET_KEY), scope), text)
    return {"access_key": ACCESS_KEY, "text": text, "signature": made, "caller": "swift"}


def patient(answers_from):
    clock = StoppedClock()
    directory = Waking(clock, answers_from)
    policy = Policy(schemes=frozenset({"sigv4"}))
    seams = {"schemes": (SigV4(),), "policy": policy, "clock": clock, "events": HeardEvents()}
    return directory, Verify(directory=directory, **seams)


async def test_a_string_alone_goes_through_the_same_steps():
    events = HeardEvents()
    verified = await verify(Remembering(alice()), events=events).string(**string_of_alice())
    assert (verified.claim.scheme, verified.claim.presented) == ("sigv4", True)
    with pytest.raises(errors.SignatureMismatch):
        await verify(Remembering(alice(secret="another")), events=events).string(**string_of_alice())
    with pytest.raises(errors.UnknownString):
        await verify(Remembering(alice()), events=events).string(**string_of_alice() | {"text": "x"})
    assert [decision.verdict for decision in events.decisions] == ["allow", "deny", "deny"]


async def test_whoever_has_patience_hears_from_a_directory_that_comes_back():
    directory, asking = patient(answers_from=3)
    assert (await asking.string(**string_of_alice(), patience=2.5)).credential.principal.user.name == "alice"
    assert directory.asked == 3


@pytest.mark.parametrize(("patience", "asked"), [(0, 1), (2, 2)])
async def test_patience_ends(patience, asked):
    directory, asking = patient(answers_from=99)
    with pytest.raises(errors.DirectoryUnavailable):
        await asking.string(**string_of_alice(), patience=patience)
    assert directory.asked == asked


class Interrupted(Waking):
    """A directory that remembers a record a minute old, and goes away for a while when asked for a younger one."""

    async def find(self, access_key, *, max_age=None):
        if max_age is None:
            return alice(secret="another", as_of=self._clock.now() - 60)
        return await super().find(access_key, max_age=max_age)


async def test_patience_holds_for_the_second_look_at_a_secret_too():
    clock = StoppedClock()
    seams = {"schemes": (SigV4(),), "policy": Policy(schemes=frozenset({"sigv4"})), "events": HeardEvents()}
    asking = Verify(directory=Interrupted(clock, 3), clock=clock, **seams)
    assert (await asking.string(**string_of_alice(), patience=2.5)).credential.principal.user.name == "alice"
