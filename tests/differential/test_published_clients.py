"""What published clients sign is theirs, whatever is in it; and nothing that was changed on the way is."""

from __future__ import annotations

import functools

import pytest

from tests.clients import javascript
from tests.differential.changed import tried_everywhere
from tests.differential.orders import ACCESS_KEY, ORDERS, SERVICE_ORDERS
from tests.differential.signers import (
    ASYMMETRIC_SIGNERS,
    BOTO2,
    JAVASCRIPT,
    SERVICE_SIGNERS,
    SIGNERS,
    WillNot,
    boto2_signs,
    from_document,
)
from tests.mutations import kind_of

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
    ("boto2-header", "repeated-names"): "signs all values of a name as one text",
    ("boto2-header", "awkward-names"): "sorts names before they are encoded",
    ("boto2-header", "order"): "sorts names before they are encoded",
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

SERVICES = {"s3": ORDERS, "execute-api": SERVICE_ORDERS}
IN_PROCESS = {"s3": SIGNERS | ASYMMETRIC_SIGNERS, "execute-api": SERVICE_SIGNERS}
PROGRAMS = {"s3": (*JAVASCRIPT["s3"], *BOTO2), "execute-api": JAVASCRIPT["execute-api"]}
CLIENTS = [(service, client) for service in SERVICES for client in (*IN_PROCESS[service], *PROGRAMS[service])]
NAMES = [order.name for order in ORDERS]

everybody = pytest.mark.parametrize(("service", "client"), CLIENTS, ids=lambda word: word)
everything = pytest.mark.parametrize("name", NAMES)


@functools.cache
def by_programs():
    """Let each program sign everything at once: it starts in the time Python signs hundreds."""
    signed = {}
    for run, clients in (
        (javascript.sign, [(service, client) for service in JAVASCRIPT for client in JAVASCRIPT[service]]),
        (boto2_signs, [("s3", client) for client in BOTO2]),
    ):
        asked = [(service, client, order) for service, client in clients for order in SERVICES[service]]
        if not asked:
            continue
        answers = run([order.document(client) for _, client, order in asked])
        for (service, client, order), answer in zip(asked, answers, strict=True):
            signed[service, client, order.name] = order, answer
    return signed


def signed_by(service, client, name):
    """Return what the client sends, or None where it will not."""
    try:
        if client in PROGRAMS[service]:
            return from_document(*by_programs()[service, client, name])
        (order,) = (order for order in SERVICES[service] if order.name == name)
        if order.body and service != "s3" and client.endswith("-query"):
            raise WillNot("a body is not presigned")
        return IN_PROCESS[service][client](order)
    except WillNot:
        return None


@everybody
@everything
async def test_it_is_theirs(judge, service, client, name):
    request = signed_by(service, client, name)
    if request is None:
        assert (client, name) not in DEFECTS
        return
    expected = "SignatureMismatch" if is_defect(service, client, name) else ACCESS_KEY
    assert await judge(request) == expected, request


@everybody
@everything
async def test_changed_in_one_place_it_is_nobodys(judge, service, client, name):
    request = signed_by(service, client, name)
    if request is None or is_defect(service, client, name):
        return
    kinds = await tried_everywhere(request, judge, seed=f"{service} {client} {name}")
    assert {"method", "path", "query", "header"} <= kinds


def is_defect(service, client, name):
    return service == "s3" and (client, name) in DEFECTS


def test_every_client_signs_something():
    for service, client in CLIENTS:
        signed = {name for name in NAMES if signed_by(service, client, name) is not None}
        assert {"plain", "spaces", "unicode", "plus", "tilde", "percent-2F"} <= signed, client


def test_the_kinds_of_signature_are_told_apart():
    kinds = {client: kind_of(signed_by("s3", client, "plain")) for client in SIGNERS}
    assert kinds["botocore-header"] == "v4-header"
    assert kinds["botocore-query"] == "v4-query"
    assert kinds["botocore-v2-header"] == "v2-header"
    assert kinds["botocore-v2-query"] == "v2-query"
