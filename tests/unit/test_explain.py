"""The usual causes of a mismatch are found and named."""

import dataclasses

import pytest

from authsvc.model import Secret
from authsvc.service.explain import explain, first_difference
from authsvc.service.policy import Expectation, Policy
from authsvc.signing import SignedRequest
from authsvc.signing.s3v2 import S3V2
from authsvc.signing.sigv4 import SigV4
from tests.people import ACCESS_KEY, NOW, SECRET_KEY, signed_s3

SCHEMES = (SigV4(), S3V2())
POLICY = Policy(schemes=frozenset({"sigv4", "s3v2"}))


def explained(request, *, secret=SECRET_KEY, **options):
    return explain(
        request,
        schemes=SCHEMES,
        lenient=SCHEMES,
        policy=POLICY,
        now=NOW,
        verifier=None if secret is None else Secret(secret),
        **options,
    )


def seen(request, **changes):
    """The request as the server saw it after something on the way changed it."""
    if "header" in changes:
        name, value = changes.pop("header")
        headers = [pair for pair in request.headers if pair[0].lower() != name]
        changes["headers"] = (*headers, (name, value))
    return dataclasses.replace(request, **changes)


def test_a_good_request_shows_every_intermediate_and_matches():
    explanation = explained(signed_s3(query="b=2&a=1"))
    steps = dict(explanation.steps)

    assert explanation.matches is True
    assert explanation.refusal is None
    assert steps["access key"] == ACCESS_KEY
    assert "GET\n/bucket/key\na=1&b=2\n" in steps["canonical request"]
    assert steps["string to sign"].startswith("AWS4-HMAC-SHA256\n")
    assert steps["string to sign"].endswith(steps["its SHA-256"])
    assert steps["scope"] == "20270115/us-east-1/s3"


def test_without_the_secret_nothing_is_claimed():
    assert explained(signed_s3(), secret=None).matches is None


@pytest.mark.parametrize(
    ("signed", "changes", "named"),
    [
        ({"host": "s3.example.com:9000"}, {"header": ("host", "s3.example.com")}, "port missing"),
        ({"host": "s3.example.com"}, {"header": ("host", "s3.example.com:8080")}, "port missing"),
        ({"path": "/bucket//a/../key"}, {"target": "/bucket/key"}, None),
        ({"path": "/bucket/key"}, {"target": "/bucket//key"}, "path was normalised"),
        ({"path": "/bucket/a%20b"}, {"target": "/bucket/a%2520b"}, "path was normalised"),
        ({"path": "/bucket/a%2520b"}, {"target": "/bucket/a%20b"}, "path was normalised"),
        ({"path": "/bucket/"}, {"target": "/bucket"}, "path was normalised"),
        ({"path": "/store/bucket/key"}, {"target": "/store/bucket/key/"}, "path was normalised"),
        ({"query": "prefix=a%20b"}, {"target": "/bucket/key?prefix=a%2Bb"}, None),
        ({"query": "prefix=a%2Bb"}, {"target": "/bucket/key?prefix=a+b"}, "`+` against `%20`"),
        ({"query": "list-type=2"}, {"target": "/bucket/key?list-type=2&utm=1"}, "added on the way"),
        ({"method": "HEAD"}, {"method": "GET"}, "method was changed"),
        (
            {"headers": (("Accept-Encoding", "identity"),)},
            {"header": ("accept-encoding", "gzip, deflate")},
            "header was changed",
        ),
        (
            {"headers": (("Content-Type", "text/plain"),)},
            {"header": ("content-type", "text/plain; charset=utf-8")},
            "header was changed",
        ),
    ],
)
def test_what_was_changed_on_the_way_is_named(signed, changes, named):
    explanation = explained(seen(signed_s3(**signed), **changes))

    assert explanation.matches is False
    if named is None:
        assert explanation.causes == ()
    else:
        assert any(named in cause for cause in explanation.causes), explanation.causes


def test_a_host_that_only_the_proxy_knows_is_named():
    request = signed_s3(host="public.example.com")
    behind = seen(
        seen(request, header=("host", "backend")), header=("x-forwarded-host", "public.example.com")
    )

    assert any("proxy" in cause for cause in explained(behind).causes)


def test_two_changes_at_once_are_found_together():
    request = seen(signed_s3(host="h:9000", method="HEAD"), method="GET", header=("host", "h"))
    (cause,) = explained(request).causes

    assert "port missing" in cause
    assert "method was changed" in cause


@pytest.mark.parametrize(
    ("held", "named"),
    [
        (SECRET_KEY + "\n", "line break"),
        (SECRET_KEY + " ", "space"),
        (ACCESS_KEY, "access key in place"),
        (f'"{SECRET_KEY}"', "quotation marks"),
        (SECRET_KEY[:-1], "last character"),
        (SECRET_KEY + "==", "padded"),
    ],
)
def test_what_is_wrong_with_the_clients_secret_is_named(held, named):
    causes = explained(signed_s3(secret=held)).causes

    assert any(named in cause for cause in causes), causes
    assert SECRET_KEY not in " ".join(causes)


def test_another_persons_secret_has_no_usual_cause():
    explanation = explained(signed_s3(secret="somebody else's"))

    assert explanation.matches is False
    assert explanation.causes == ()


def test_rules_that_are_broken_are_named_beside_a_matching_signature():
    late = explained(signed_s3(at=NOW - 7200))
    assert type(late.refusal).__name__ == "TimeSkewed"
    assert late.matches is True
    elsewhere = explained(signed_s3(), expect=Expectation(region="eu-1"))
    assert type(elsewhere.refusal).__name__ == "ScopeMismatch"


def test_what_cannot_be_read_is_said_and_nothing_else():
    explanation = explained(SignedRequest(method="GET", target="/", headers=(("Host", "h"),)))

    assert type(explanation.refusal).__name__ == "Unsigned"
    assert explanation.claim is None


def test_no_step_holds_the_secret_or_the_signature_it_makes():
    good = signed_s3()
    right = dict(good.headers)["Authorization"].rpartition("=")[2]
    explanation = explained(signed_s3(secret="wrong"))
    said = repr(explanation.steps) + repr(explanation.causes)

    assert right not in said
    assert SECRET_KEY not in said


@pytest.mark.parametrize(
    ("theirs", "difference"),
    [
        ("a\nb", None),
        ("a\nc", "line 2: the client has 'c', the server has 'b'"),
        ("a\nb\n", "the client has 3 lines, the server has 2"),
    ],
)
def test_the_first_difference_between_client_and_server_is_named(theirs, difference):
    assert first_difference("a\nb", theirs) == difference
