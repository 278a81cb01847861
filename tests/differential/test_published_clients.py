"""What published clients sign is theirs, whatever is in it; and nothing that was changed on the way is."""

from __future__ import annotations

import functools
import random
import time

import pytest

from authsvc import wiring
from authsvc.directory.memory import MemoryDirectory
from authsvc.errors import AuthError, Unavailable
from authsvc.events.silent import SilentEvents
from authsvc.service.verify import Verify
from authsvc.settings import read_settings
from tests.clients import javascript
from tests.differential.orders import ACCESS_KEY, ORDERS, SECRET_KEY
from tests.differential.signers import JAVASCRIPT, SIGNERS, WillNot, from_document
from tests.mutations import OTHER_KEY, kind_of, places
from tests.people import StoppedClock, alice

DEFECTS = {
    (
        "requests-aws4auth",
        "doubled-slashes",
    ): "signs a path in which slashes are collapsed, and S3 collapses none",
    ("s3cmd-header", "metadata"): "signs blanks as they are, where V4 makes one of a run",
    (
        "s3cmd-v2-header",
        "sub-resources",
    ): "signs the encoded value of a sub-resource, where V2 has the decoded",
    ("minio-js-header", "order"): "sorts name=value as one text, so that a-b comes before a",
    ("minio-js-query", "order"): "sorts name=value as one text, so that a-b comes before a",
    **{
        (f"{client}-{place}", "repeated-names"): "signs only the first of parameters with one name"
        for client in ("aws4", "aws4fetch")
        for place in ("header", "query")
    },
    **{
        ("smithy-query", order.name): "signs the body's hash, where S3 presigns UNSIGNED-PAYLOAD; "
        "the SDK's own presigner for S3, which wraps it, does not"
        for order in ORDERS
    },
}
"""What a client signs wrongly, by its specification and by every store: refused, and why."""

by_name = {order.name: order for order in ORDERS}
everything = pytest.mark.parametrize("name", by_name)
everybody = pytest.mark.parametrize("client", [*SIGNERS, *JAVASCRIPT])


@functools.cache
def from_javascript():
    """Let Node.js sign everything at once: it starts in the time Python signs hundreds."""
    asked = [(client, order) for client in JAVASCRIPT for order in ORDERS]
    answers = javascript.sign([order.document(client) for client, order in asked])
    return {(client, order.name): answer for (client, order), answer in zip(asked, answers, strict=True)}


def signed_by(client, name):
    """Return what the client sends, or None where it will not."""
    order = by_name[name]
    try:
        if client in JAVASCRIPT:
            return from_document(order, from_javascript()[client, name])
        return SIGNERS[client](order)
    except WillNot:
        return None


@pytest.fixture
def judge():
    """Ask the service, as it is set up unless told otherwise."""
    clock = StoppedClock(time.time())
    settings = read_settings({})
    people = [alice(access_key=ACCESS_KEY, secret=SECRET_KEY), alice(access_key=OTHER_KEY, secret="other")]
    verify = Verify(
        directory=MemoryDirectory(clock, people),
        schemes=wiring.schemes(settings),
        policy=wiring.policy(settings),
        clock=clock,
        events=SilentEvents(),
    )

    async def ask(request):
        clock.wall = time.time()
        try:
            verified = await verify(request, caller="test")
        except Unavailable:
            raise
        except AuthError as refusal:
            return type(refusal).__name__
        return verified.claim.access_key

    return ask


@everybody
@everything
async def test_it_is_theirs(judge, client, name):
    request = signed_by(client, name)
    if request is None:
        assert (client, name) not in DEFECTS
        return
    expected = "SignatureMismatch" if (client, name) in DEFECTS else ACCESS_KEY
    assert await judge(request) == expected, request


@everybody
@everything
async def test_changed_in_one_place_it_is_nobodys(judge, client, name):
    request = signed_by(client, name)
    if request is None or (client, name) in DEFECTS:
        return
    chance = random.Random(f"{client} {name}")
    kinds = set()
    for what, same, make in places(request):
        changed = make(chance)
        if changed == request:
            continue
        kinds.add(what.partition(":")[0])
        verdict = await judge(changed)
        assert (verdict == ACCESS_KEY) is same, (what, verdict, changed)
    assert {"method", "path", "query", "header"} <= kinds


def test_every_client_signs_something():
    for client in [*SIGNERS, *JAVASCRIPT]:
        signed = {name for name in by_name if signed_by(client, name) is not None}
        assert {"plain", "spaces", "unicode", "plus", "tilde", "percent-2F"} <= signed, client


def test_the_kinds_of_signature_are_told_apart():
    kinds = {client: kind_of(signed_by(client, "plain")) for client in SIGNERS}
    assert kinds["botocore-header"] == "v4-header"
    assert kinds["botocore-query"] == "v4-query"
    assert kinds["botocore-v2-header"] == "v2-header"
    assert kinds["botocore-v2-query"] == "v2-query"
