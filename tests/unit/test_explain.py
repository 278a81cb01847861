"""The usual causes of a mismatch are found and named."""

import base64
import dataclasses
import hmac
from urllib.parse import quote

import pytest

from authsvc.model import AccessKey, Secret
from authsvc.service.explain import explain, first_difference
from authsvc.service.policy import Expectation, Policy
from authsvc.signing import SignedRequest
from authsvc.signing.s3v2 import S3V2
from authsvc.signing.sigv2 import SigV2
from authsvc.signing.sigv4 import SigV4
from authsvc.signing.sigv4a import SigV4A, public_key
from authsvc.signing.sigv4post import SigV4Post
from tests import signers, standins
from tests.people import ACCESS_KEY, NOW, SECRET_KEY, signed_s3

SCHEMES = (SigV4(), SigV4A(), S3V2())
POLICY = Policy(schemes=frozenset({"sigv4", "sigv4a", "s3v2"}))


def explained(request, *, secret=SECRET_KEY, **options):
    options = {"now": NOW, "verifier": None if secret is None else Secret(secret)} | options
    return explain(request, schemes=SCHEMES, lenient=SCHEMES, policy=POLICY, **options)


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


FORMS_AT = 1369353600.0


def explained_form(request, *, secret=signers.SECRET_KEY, now=FORMS_AT):
    held = None if secret is None else Secret(secret)
    policy = Policy(schemes=frozenset(scheme.name for scheme in standins.SCHEMES))
    schemes = standins.SCHEMES
    return explain(request, schemes=schemes, lenient=schemes, policy=policy, now=now, verifier=held)


def test_the_steps_of_a_query_api():
    explanation = explained_form(signers.query_api())
    steps = dict(explanation.steps)

    assert explanation.matches is True
    assert explanation.refusal is None
    assert steps["string to sign"].startswith("GET\nec2.example.com:8773\n/\nAWSAccessKeyId=")
    assert "\nec2.example.com\n" in steps["string to sign, another form that is accepted"]


def resigned(text, *, digest="sha256", **parameters):
    """Send a Query API's request with the signature of another text than it should be."""
    request = signers.query_api(**parameters)
    (right, *_) = SigV2().read(request).strings_to_sign
    made = base64.b64encode(hmac.new(signers.SECRET_KEY.encode(), text(right).encode(), digest).digest())
    head, _, _ = request.target.rpartition("&Signature=")
    return dataclasses.replace(request, target=f"{head}&Signature={quote(made, safe='')}")


def sorted_in_lower_case(text):
    *head, query = text.split("\n")
    return "\n".join([*head, "&".join(sorted(query.split("&"), key=str.lower))])


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (resigned(lambda text: text.replace("%20", "+"), Note="a b"), "space as +"),
        (resigned(lambda text: text.replace("%2A", "*"), Note="a*"), "does not encode '*'"),
        (resigned(lambda text: text.replace("~", "%7E"), Note="a~"), "encodes '~'"),
        (resigned(lambda text: text.replace("/services/Cloud", "/"), path="/services/Cloud"), "signs the path /"),
        (resigned(str, digest="sha1"), "declares HmacSHA256 and signs with HmacSHA1"),
        (
            resigned(sorted_in_lower_case, Zone="1", alpha="2"),
            "without regard to case",
        ),
        (signers.query_api(signed_host="other:80", host="other"), "port missing"),
        (signers.query_api(extra="&utm=1"), "added on the way"),
    ],
)  # fmt: skip
def test_usual_causes_in_a_query_api(request_, named):
    explanation = explained_form(request_)

    assert explanation.matches is False
    assert any(named in cause for cause in explanation.causes), explanation.causes


def test_the_steps_of_an_upload_form():
    for request in (signers.v4_form(), signers.v2_form()):
        explanation = explained_form(request)
        steps = dict(explanation.steps)

        assert explanation.matches is True
        assert explanation.refusal is None
        assert (steps["bucket"], steps["key"]) == ("bucket", "user/a.txt")
        assert steps["policy"].startswith('{"expiration": "2013-05-25T00:00:00.000Z"')
        assert steps["string to sign"] == base64.b64encode(steps["policy"].encode()).decode()


@pytest.mark.parametrize("secret", [signers.SECRET_KEY, None])
def test_a_form_that_its_policy_does_not_allow(secret):
    refusal = explained_form(signers.v4_form(target="/other"), secret=secret).refusal
    assert type(refusal).__name__ == "PolicyUnmet"
    assert explained_form(signers.v4_form(target="/other"), secret="wrong").refusal is None


def signed_otherwise(change, *, scope="20130524/us-east-1/s3/aws4_request"):
    """Send an upload form with the signature of another text, or under the key of another scope."""
    request = signers.v4_form()
    claim = SigV4Post().read(request)
    key = ("AWS4" + signers.SECRET_KEY).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    made = hmac.new(key, change(claim.strings_to_sign[0]).encode(), "sha256").hexdigest()
    return dataclasses.replace(request, body=request.body.replace(claim.signature.encode(), made.encode()))


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (signed_otherwise(lambda text: base64.b64decode(text).decode()), "signs the policy itself"),
        (signed_otherwise(lambda text: text + "\n"), "line break"),
        (signed_otherwise(str, scope="20130524/us-west-2/s3/aws4_request"), "for another region"),
    ],
)
def test_usual_causes_in_an_upload_form(request_, named):
    (cause,) = explained_form(request_).causes

    assert named in cause


def test_what_is_said_of_chunks():
    request = signers.v4_header(
        "PUT",
        headers=[("X-Amz-Decoded-Content-Length", "3")],
        payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    )
    explanation = explained_form(request)
    steps = dict(explanation.steps)

    assert explanation.refusal is None
    assert (steps["length of the payload"], steps["trailers"]) == ("3", "none")
    assert steps["string to sign of the first chunk"].startswith("AWS4-HMAC-SHA256-PAYLOAD\n")
    broken = explained_form(dataclasses.replace(request, body=b"3\r\nabc\r\n0\r\n\r\n"))
    assert type(broken.refusal).__name__ == "IncompleteBody"
    assert broken.matches is True


SIGNED_AT = 1369353600.0
ASYMMETRIC = {
    "verifier": public_key(AccessKey(signers.ACCESS_KEY), Secret(signers.SECRET_KEY)),
    "now": SIGNED_AT,
}


def test_a_region_set_is_shown_in_the_place_of_a_region():
    explanation = explained(signers.v4a_header(regions="us-*, eu-1"), **ASYMMETRIC)
    steps = dict(explanation.steps)

    assert explanation.matches is True
    assert steps["scope"] == "20130524/s3"
    assert steps["region set"] == "us-*, eu-1"
    elsewhere = explained(signers.v4a_header(regions="us-*"), expect=Expectation(region="eu-1"), **ASYMMETRIC)
    assert type(elsewhere.refusal).__name__ == "ScopeMismatch"


def test_the_public_key_is_enough_to_name_what_was_changed_on_the_way():
    request = signers.v4a_header(target="/bucket/key")
    (cause,) = explained(seen(request, target="/bucket//key"), **ASYMMETRIC).causes
    assert "path was normalised" in cause


def test_what_is_wrong_with_a_secret_is_named_by_the_key_it_makes():
    causes = explained(signers.v4a_header(), secret=signers.SECRET_KEY[:-1] + "Y\n", now=SIGNED_AT).causes
    assert any("white space" in cause for cause in causes), causes


@pytest.mark.parametrize("change", [lambda made: made + "**", str.upper, lambda made: made[2:]])
def test_what_is_no_ecdsa_signature_is_said_to_be_none(change):
    request = signers.v4a_header()
    head, mark, made = dict(request.headers)["Authorization"].rpartition("=")
    explanation = explained(seen(request, header=("authorization", head + mark + change(made))), **ASYMMETRIC)
    (cause,) = explanation.causes
    assert "DER" in cause


def test_a_public_key_does_not_tell_of_what_takes_the_secret():
    explanation = explained(signed_s3(), verifier=ASYMMETRIC["verifier"])
    assert explanation.matches is None
    assert explanation.causes == ()
