"""Hostile SOAP through the whole application: nothing is accepted, nothing is a fault of ours. What it costs: bench/soap.py."""

from __future__ import annotations

import random
import time

import pytest

from authsvc.errors import AuthError, Replayed
from authsvc.model import Certificate
from authsvc.signing import wssecurity
from tests import soap
from tests.attacks.hostile_soap import ATTACKS, EVIL, Caught
from tests.standins import AUTHORIZED, World

PATH = "/v1/ec2/soap/authenticate"
XML = {"Content-Type": "text/xml; charset=utf-8"}
MUTATIONS = 12_000


@pytest.fixture
def world():
    made = World()
    for name, signer in (("alice", soap.signer()), ("bob", soap.signer("bob", number=1))):
        made.certificates._certificates[signer.sha256] = Certificate(
            sha256=signer.sha256, der=signer.der, user_id=f"uuid-{name}", created=0.0
        )
    return made


@pytest.fixture
async def ask(world):
    async with world.client() as client:

        async def ask(raw, **headers):
            async with client.post(PATH, data=raw, headers={**AUTHORIZED, **XML, **headers}) as response:
                return response.status, await response.json()

        yield ask


@pytest.fixture
def caught():
    now = time.time()
    user = soap.signer()
    return Caught(user, soap.signer("mallory", number=3), now, soap.message(user, now))


async def test_the_message_they_are_made_of_is_good(ask, caught):
    status, answer = await ask(caught.raw)
    assert (status, answer["user"]["id"]) == (200, "uuid-alice")


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_hostile_message_is_refused(ask, world, caught, name):
    raw = ATTACKS[name](caught)
    status, answer = await ask(raw)
    assert status in (400, 401)
    assert answer["fault"]["faultcode"].startswith("Client.")
    assert "authenticated" not in answer
    assert [decision.verdict for decision in world.decisions.all] == ["deny"]


RULES = {
    "X1 signed Body in a header block": "Count:Body",
    "X7 the signed id on a header block too": "DuplicateId",
    "X10 xml:id decoy": "DuplicateId",
    "X11 foreign Id decoy": "DuplicateId",
    "X12 plain id decoy": "DuplicateId",
    "X13 two Security headers": "Count:Security",
    "T1 signed Timestamp parked, a fresh one shown": "Count:Timestamp",
    "S1 no Signature": "Count:Signature",
    "M3 a comment inside a value": "CommentOrPi",
    "R3 a file as a reference": "ReferenceTarget",
    "D1 a DOCTYPE": "Prologue",
    "D5 UTF-16": "Encoding",
    "D6b 6000 attributes": "TooLarge",
    "D6c 5001 elements": "TooLarge",
    "D6d 4000 namespaces over 1000 elements": "TooLarge",
    "D8 a relative namespace: no canonical form": "Canonical",
    "E1 Security for another actor": "SecurityActor",
}


@pytest.mark.parametrize(("name", "rule"), RULES.items())
async def test_it_is_refused_for_what_is_wrong_with_it(ask, world, caught, name, rule):
    await ask(ATTACKS[name](caught))
    assert world.events[-1]["rule"] == rule


REASONS = {
    "F1 forged certificate of the same issuer and serial number": "UnknownCertificate",
    "F2 mallory's key, the user's token": "SignatureMismatch",
    "F4 the token is two certificates, the user's last": "UnknownCertificate",
    "H1 an HMAC with the public key": "UnsupportedAlgorithm",
    "H2 SHA-1 where it is not admitted": "UnsupportedAlgorithm",
    "H3 a SHA-1 digest under an RSA-SHA256 signature": "UnsupportedAlgorithm",
    "M1 another operation": "SignatureMismatch",
    "M9 the digest is corrected, the signature is not": "SignatureMismatch",
    "T2 a client that signed the Body alone, with a fresh Timestamp": "NotSigned",
    "T3 the Timestamp alone is signed": "NotSigned",
    "T5 long expired": "Expired",
    "T6 made for the future": "NotYetValid",
    "T7 no Created, and an end in a year": "LifetimeTooLong",
    "F8 a token of another type": "UnsupportedToken",
    "E4 S3's own signature": "UnsupportedToken",
}


@pytest.mark.parametrize(("name", "reason"), REASONS.items())
async def test_the_log_hears_the_cause(ask, world, caught, name, reason):
    await ask(ATTACKS[name](caught))
    assert world.decisions.all[-1].reason == reason


async def test_failures_to_authenticate_are_one_answer(ask, caught):
    answers = {
        str(await ask(ATTACKS[name](caught), **{"X-Request-Id": "1"}))
        for name in (
            "F1 forged certificate of the same issuer and serial number",
            "F2 mallory's key, the user's token",
            "M1 another operation",
        )
    }
    answers.add(
        str(await ask(soap.message(soap.signer("bob", number=1), caught.at), **{"X-Request-Id": "1"}))
    )
    assert len(answers) == 1  # bob is disabled


async def test_an_unsigned_header_is_reported_not_believed(ask, caught):
    signed = caught.message(blocks='<x:signed xmlns:x="urn:x" wsu:Id="h"/>', parts=("id-1", "id-2", "h"))
    status, answer = await ask(signed.replace(b"</s:Header>", b'<x:added xmlns:x="urn:x"/></s:Header>'))
    assert status == 200
    assert answer["message"]["unsigned_headers"] == [{"ns": "urn:x", "name": "added"}]
    assert {"part": "Header", "digest": "sha256", "ns": "urn:x", "name": "signed"} in answer["message"][
        "signed"
    ]


async def test_more_than_64_kib_are_not_read(ask, caught):
    status, _ = await ask(caught.message(body=f"<a>{'x' * 70_000}</a>"))
    assert status == 413


def mutated(raw: bytes, chance: random.Random) -> bytes:
    """Change, remove, add, exchange or repeat a few bytes."""
    made = bytearray(raw)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        place = chance.randrange(len(made))
        match chance.randrange(5):
            case 0:
                made[place] ^= 1 << chance.randrange(8)
            case 1:
                made[place] = chance.choice(b"<>&\"'/=!?#-:;] \t\n\0\x7f\x80\xff0aZ")
            case 2:
                del made[place : place + chance.randrange(1, 9)]
            case 3:
                made[place:place] = bytes(
                    chance.choice(b"<>&\"'/= \n\0\xc3a0") for _ in range(chance.randrange(1, 5))
                )
            case 4:
                other = chance.randrange(len(made))
                length = chance.randrange(1, 40)
                made[place : place + length] = made[other : other + length]
    return bytes(made)


async def test_mutations_of_good_messages_are_never_accepted(world, caught):
    """Each good message is used once; whatever a mutation leaves intact is then a replay, and changes nothing signed."""
    chance = random.Random(20261122)
    messages = [
        caught.raw,
        caught.message(prefixes="s wsse", algorithm="rsa-sha512", digest="sha512"),
        caught.message(soap=soap.SOAP12, order="signature token timestamp", blocks='<x:b xmlns:x="urn:x"/>'),
        caught.message(declarations='xmlns="urn:y"', prefixes="#default s"),
    ]
    originals = [wssecurity.read(raw) for raw in messages]
    service = world.service
    for number, raw in enumerate(messages):
        await service.authenticate(raw, caller="gateway", request_id=str(number))
    replays = 0
    for number in range(MUTATIONS):
        which = number % len(messages)
        raw = mutated(messages[which], chance)
        with pytest.raises(AuthError) as refusal:
            await service.authenticate(raw, caller="gateway", request_id="mutation")
        if isinstance(refusal.value, Replayed):
            replays += 1
            claim, original = wssecurity.read(raw), originals[which]
            assert (claim.body, claim.signed_info, claim.expires) == (
                original.body,
                original.signed_info,
                original.expires,
            )
    assert 0 < replays < MUTATIONS / 4


async def test_mutations_over_http_are_no_fault_of_ours(ask, caught):
    chance = random.Random(1)
    assert (await ask(caught.raw, **{"X-Request-Id": "first"}))[0] == 200
    seen = set()
    for _ in range(1000):
        status, _ = await ask(mutated(caught.raw, chance))
        seen.add(status)
    assert seen <= {400, 401}


def test_what_the_attacker_wants_would_be_accepted_from_the_user(caught):
    claim = wssecurity.read(caught.message(body=EVIL))
    wssecurity.prove(claim, caught.user.der)
    assert claim.operation.name == "TerminateInstances"
