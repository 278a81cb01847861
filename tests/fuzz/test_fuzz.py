"""Hundreds of thousands of requests that nobody signed: none is anybody's, and none finds a fault.

AUTHSVC_FUZZ_SEED=…    the same cases again
AUTHSVC_FUZZ_CASES=…   more of them (200000)
"""

from __future__ import annotations

import base64
import json
import os
import random
import secrets
from collections import Counter

import pytest

from authsvc.directory.memory import MemoryDirectory
from authsvc.errors import AuthError, Malformed, Unavailable
from authsvc.events.silent import SilentEvents
from authsvc.faces.dialects import dialect_of
from authsvc.faces.native.question import read_question
from authsvc.service.verify import Verify
from authsvc.settings import read_settings
from authsvc.signing import SignedRequest
from authsvc.wiring.rules import policy, schemes
from tests.fuzz.corpus import NOW, corpus, forms
from tests.fuzz.essence import essence
from tests.mutations import OTHER_KEY, places
from tests.people import StoppedClock, alice
from tests.signers import ACCESS_KEY, SECRET_KEY

CASES = int(os.environ.get("AUTHSVC_FUZZ_CASES", "200000"))
SEED = (
    os.environ.get("AUTHSVC_FUZZ_SEED") or os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex(8)
)
"""The same in every worker."""

SHARDS = 8
CORPUS = corpus()
FORMS = forms()
EVERYTHING = [*(request for requests in CORPUS.values() for request in requests), *4 * FORMS]
PLACES = {name: [(request, places(request)) for request in requests] for name, requests in CORPUS.items()}
HEAVY = {"sigv4a": 0.25}
"""Schemes whose proof costs much more than the others': they get their share of the time, not of the cases."""

pytestmark = pytest.mark.timeout(max(120, CASES // 500))


class Judge:
    """The service in process; counts what it said."""

    def __init__(self) -> None:
        clock, settings = (
            StoppedClock(NOW),
            read_settings({"AUTHSVC_SIGV2_ALGORITHMS": "HmacSHA1 HmacSHA256"}),
        )
        people = [
            alice(access_key=ACCESS_KEY, secret=SECRET_KEY),
            alice(access_key=OTHER_KEY, secret="another"),
        ]
        self._verify = Verify(
            directory=MemoryDirectory(clock, people),
            schemes=schemes(settings),
            policy=policy(settings),
            clock=clock,
            events=SilentEvents(),
        )
        self.counts: Counter[str] = Counter()

    def accepts(self, request: SignedRequest) -> bool:
        """Ask; anything but a verdict is a fault. Nothing here waits, so no loop is needed."""
        try:
            self._verify(request, caller="fuzz").send(None)
        except StopIteration:
            self.counts["accepted"] += 1
            return True
        except Unavailable:
            raise
        except AuthError as refusal:
            said = dialect_of(refusal.scheme, None).say(refusal)
            assert 400 <= said.status < 500
            self.counts[f"refused {said.code}"] += 1
            return False
        raise AssertionError("it waits for something")


@pytest.fixture
def judge(record_property):
    made = Judge()
    yield made
    record_property("fuzz", [SEED, dict(made.counts)])


def chances(kind, shard):
    """Seed every shard apart."""
    return random.Random(f"{SEED}/{kind}/{shard}")


def share(part):
    return int(CASES * part / SHARDS)


shards = pytest.mark.parametrize("shard", range(SHARDS))


@shards
def test_changed_where_its_grammar_says(judge, shard):
    """One to three changes; what is still the same request to every reader has to be accepted still."""
    chance = chances("grammar", shard)
    names, weights = list(PLACES), [HEAVY.get(name, 1.0) for name in PLACES]
    for _ in range(share(0.6)):
        name = chance.choices(names, weights)[0]
        original, known = chance.choice(PLACES[name])
        place = chance.choice(known)
        request, same, what = place.make(chance), place.same, [place.what]
        for _ in range(chance.choice((0, 0, 0, 1, 2))):
            place = chance.choice(places(request))
            request, same = place.make(chance), same and place.same
            what.append(place.what)
        judge.counts[f"cases {name}"] += 1
        accepted = judge.accepts(request)
        assert accepted or not same, (what, request, original)
        if accepted and not same:
            # Two changes may undo each other, and a second letter may be the first again.
            assert essence(request) == essence(original), (what, request, original)


def scrambled(text, chance):
    """Change a few characters of a text, anywhere."""
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(text) + 1)
        text = chance.choice(
            (
                text[:at] + text[at + 1 :],
                text[:at] + chance.choice(CHARACTERS) + text[at:],
                text[:at] + chance.choice(CHARACTERS) + text[at + 1 :],
                text[:at] + text[max(0, at - chance.randrange(9)) :],
            )
        )
    return text


CHARACTERS = [
    *map(chr, range(33, 127)),
    "%",
    "&",
    "=",
    ";",
    ",",
    "/",
    "%00",
    "%2F",
    "%C3",
    "é",
    "٠",
    "\x85",
    "\u2028",
    "🦊",
    " ",
    "\t",
]


def somewhere(original, other, chance):
    """Scramble one part of a request, or take it from another."""
    method, target, headers, body = original.method, original.target, list(original.headers), original.body
    where = chance.randrange(8)
    if body and chance.random() < 0.6:
        body = scrambled(body.decode("latin-1"), chance).encode("utf-8")
    elif where < 3:
        target = scrambled(target, chance)
    elif where < 6 and headers:
        at = chance.randrange(len(headers))
        pair = list(headers[at])
        part = int(chance.random() < 0.8)
        pair[part] = scrambled(pair[part], chance)
        headers[at] = tuple(pair)
    elif where == 6:
        target, body = (other.target, body) if chance.random() < 0.5 else (target, other.body)
    else:
        headers = [
            chance.choice((mine, yours))
            for mine in headers
            for yours in [chance.choice([*other.headers, mine])]
        ]
    return SignedRequest(method=method, target=target, headers=tuple(headers), body=body)


@shards
def test_changed_anywhere(judge, shard):
    """Characters that mean nothing, and parts of one request in another."""
    chance = chances("anywhere", shard)
    for _ in range(share(0.15)):
        original = chance.choice(EVERYTHING)
        judge.counts["cases anywhere"] += 1
        try:
            request = somewhere(original, chance.choice(EVERYTHING), chance)
        except Malformed:
            judge.counts["refused MalformedRequest"] += 1
            continue
        if judge.accepts(request):
            assert essence(request) in ESSENCES, (request, original)


ESSENCES = [essence(request) for request in EVERYTHING]
WORDS = [
    *(
        "AWS4-HMAC-SHA256",
        "AWS4-ECDSA-P256-SHA256",
        "AWS",
        "Bearer",
        "Credential=",
        "SignedHeaders=",
        "Signature=",
    ),
    *(
        ACCESS_KEY,
        OTHER_KEY,
        "/20130524/us-east-1/s3/aws4_request",
        "host",
        "host;x-amz-date",
        "0" * 64,
        ":",
        ", ",
        " ",
    ),
    *(
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
    ),
    *(
        "AWSAccessKeyId",
        "Signature",
        "Expires",
        "SignatureVersion",
        "SignatureMethod",
        "Timestamp",
        "Action",
        "apiKey",
    ),
    *(
        "signature",
        "expires",
        "20130524T000000Z",
        "2013-05-24T00:00:00Z",
        "600",
        "2",
        "UNSIGNED-PAYLOAD",
        "HmacSHA1",
    ),
    *("=", "&", "?", "/", "%2F", "%", "acl", "%00", "é", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
]
NAMES = [
    "Host",
    "Authorization",
    "X-Amz-Date",
    "Date",
    "X-Amz-Content-Sha256",
    "x-amz-security-token",
    "Content-Type",
    "x_amz_acl",
]


@shards
def test_made_of_nothing(judge, shard):
    """The words of every scheme, in no order."""
    chance = chances("nothing", shard)

    def soup(most):
        return "".join(chance.choice(WORDS) for _ in range(chance.randrange(most)))

    for _ in range(share(0.1)):
        headers = [(chance.choice(NAMES), soup(12)) for _ in range(chance.randrange(6))]
        body = soup(20).encode() if chance.random() < 0.3 else None
        if body is not None:
            headers.append(("Content-Type", "application/x-www-form-urlencoded"))
        judge.counts["cases of nothing"] += 1
        try:
            request = SignedRequest(method="POST", target=f"/{soup(20)}", headers=tuple(headers), body=body)
        except Malformed:
            judge.counts["refused MalformedRequest"] += 1
            continue
        assert not judge.accepts(request), request


def document(request):
    """Write the question as a caller does."""
    asked = {
        "method": request.method,
        "target": request.target,
        "headers": [list(pair) for pair in request.headers],
        "expect": {"service": None, "region": None},
    }
    if request.body is not None:
        asked["body"] = base64.b64encode(request.body).decode()
    return json.dumps(asked).encode()


@shards
def test_bytes_that_were_a_question(judge, shard):
    """The body of /v1/verify, damaged; what can still be read must be a question, and its answer right."""
    chance = chances("bytes", shard)
    for _ in range(share(0.15)):
        raw = bytearray(document(chance.choice(EVERYTHING)))
        for _ in range(chance.choice((1, 1, 2, 4, 9))):
            at = chance.randrange(len(raw))
            kind = chance.randrange(4)
            if kind == 0:
                raw[at] = chance.randrange(256)
            elif kind == 1:
                del raw[at : at + chance.choice((1, 1, 7))]
            elif kind == 2:
                raw[at:at] = chance.choice(
                    (b'"', b"\\", b"\\u0041", b",", b"[", b"}", b"\0", b"\xff", b"1e999", b"null")
                )
            else:
                raw[at:at] = raw[at : at + chance.randrange(40)]
        judge.counts["cases of bytes"] += 1
        try:
            question = read_question(bytes(raw))
        except Malformed:
            judge.counts["refused MalformedRequest"] += 1
            continue
        if judge.accepts(question.request):
            assert essence(question.request) in ESSENCES, question


def test_every_request_of_the_corpus_is_right(judge):
    """So that a change is refused for being one."""
    for request in EVERYTHING:
        assert judge.accepts(request), request
