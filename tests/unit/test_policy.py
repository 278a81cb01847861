"""The operator's rules, over claims and credentials."""

import dataclasses

import pytest

from authsvc import errors
from authsvc.model import (
    AccessKey,
    Account,
    AccountType,
    Credential,
    Domain,
    Freshness,
    KeyPair,
    Principal,
    Secret,
    State,
    User,
)
from authsvc.service.policy import Expectation, Policy, check_body, problem, timestamp
from authsvc.signing import Claim, Scope

NOW = 1_800_000_000.0
ALL = Policy(schemes=frozenset({"cloudstack", "sigv4", "s3v2", "sigv2"}))


def claim(**changes):
    return Claim(
        **{
            "scheme": "sigv4",
            "access_key": AccessKey("AK"),
            "signature": "s",
            "strings_to_sign": ("x",),
            "signed_at": NOW,
            "scope": Scope(date="20270115", region="us-east-1", service="s3"),
            **changes,
        }
    )


def credential(*, user=None, account=None, domain=None, key=None, ambiguous=False):
    return Credential(
        access_key=AccessKey("AK"),
        verifier=Secret("SK"),
        principal=Principal(
            user=User(**{"id": "u", "name": "alice", "state": State.ENABLED, **(user or {})}),
            account=Account(
                **{
                    "id": "a",
                    "name": "acme",
                    "type": AccountType.NORMAL,
                    "state": State.ENABLED,
                    **(account or {}),
                }
            ),
            domain=Domain(**{"id": "d", "name": "ROOT", "path": "/", **(domain or {})}),
            key=KeyPair(**(key or {})),
        ),
        freshness=Freshness(as_of=NOW, source="database"),
        ambiguous=ambiguous,
    )


@pytest.mark.parametrize("offset", [-900, -1, 0, 1, 900])
def test_a_signing_time_within_the_skew_is_admitted(offset):
    ALL.admit(claim(signed_at=NOW + offset), now=NOW)


@pytest.mark.parametrize("offset", [-901, 901, -1e9, 1e12])
def test_a_signing_time_beyond_the_skew_is_refused_and_says_by_how_much_it_may_differ(offset):
    with pytest.raises(errors.TimeSkewed) as caught:
        ALL.admit(claim(signed_at=NOW + offset), now=NOW)

    assert caught.value.detail["max_allowed_skew_milliseconds"] == 900_000
    assert caught.value.detail["server_time"] == timestamp(NOW)


@pytest.mark.parametrize(
    ("signed", "expires", "refusal"),
    [
        (0, 60, None),
        (900, 960, None),
        (901, 960, errors.NotYetValid),
        (-60, 0, None),
        (-60, -1, errors.Expired),
        (0, 604800, None),
        (0, 604801, errors.LifetimeTooLong),
    ],
)
def test_a_presigned_request_lives_from_its_date_less_the_skew_to_its_end(signed, expires, refusal):
    presigned = claim(presigned=True, signed_at=NOW + signed, expires_at=NOW + expires)
    if refusal is None:
        ALL.admit(presigned, now=NOW)
    else:
        with pytest.raises(refusal):
            ALL.admit(presigned, now=NOW)


def test_a_presigned_request_that_names_only_its_end_may_not_end_too_late():
    ALL.admit(
        claim(scheme="s3v2", scope=None, presigned=True, signed_at=None, expires_at=NOW + 604800), now=NOW
    )
    with pytest.raises(errors.LifetimeTooLong):
        ALL.admit(
            claim(scheme="s3v2", scope=None, presigned=True, signed_at=None, expires_at=NOW + 604801), now=NOW
        )


def test_a_cloudstack_expiry_is_bounded_only_where_the_operator_says():
    far = claim(scheme="cloudstack", scope=None, signed_at=None, expires_at=NOW + 10_000_000)
    ALL.admit(far, now=NOW)
    with pytest.raises(errors.LifetimeTooLong):
        dataclasses.replace(ALL, expires_within=900).admit(far, now=NOW)


def test_a_claim_without_time_is_refused_unless_its_scheme_is_named():
    timeless = claim(scheme="cloudstack", scope=None, signed_at=None)
    with pytest.raises(errors.Timeless):
        ALL.admit(timeless, now=NOW)
    dataclasses.replace(ALL, timeless=frozenset({"cloudstack"})).admit(timeless, now=NOW)
    with pytest.raises(errors.Timeless):
        dataclasses.replace(ALL, timeless=frozenset({"s3v2"})).admit(timeless, now=NOW)


def test_schemes_and_digests_that_are_off_are_refused():
    with pytest.raises(errors.SchemeRefused):
        Policy(schemes=frozenset({"sigv4"})).admit(claim(scheme="s3v2", scope=None), now=NOW)
    with pytest.raises(errors.SchemeRefused):
        dataclasses.replace(ALL, algorithms={"cloudstack": frozenset({"HmacSHA512"})}).admit(
            claim(scheme="cloudstack", algorithm="HmacSHA1"), now=NOW
        )


def test_the_older_digest_of_a_query_api_is_off_unless_somebody_turns_it_on():
    signed = claim(scheme="sigv2", algorithm="HmacSHA1", scope=None)
    with pytest.raises(errors.SchemeRefused, match="HmacSHA1"):
        ALL.admit(signed, now=NOW)
    either = frozenset({"HmacSHA1", "HmacSHA256"})
    dataclasses.replace(ALL, algorithms={"sigv2": either}).admit(signed, now=NOW)


@pytest.mark.parametrize(
    ("policy", "expect", "refused"),
    [
        (ALL, Expectation(), False),
        (ALL, Expectation(region="us-east-1", service="s3"), False),
        (ALL, Expectation(region="eu-1"), True),
        (ALL, Expectation(service="ec2"), True),
        (dataclasses.replace(ALL, regions=frozenset({"us-east-1", "x"})), Expectation(), False),
        (dataclasses.replace(ALL, regions=frozenset({"x"})), Expectation(), True),
        (dataclasses.replace(ALL, regions=frozenset({"x"})), Expectation(region="us-east-1"), False),
        (dataclasses.replace(ALL, services=frozenset({"sts"})), Expectation(), True),
    ],
)
def test_the_scope_must_name_the_endpoint_that_asks(policy, expect, refused):
    if not refused:
        policy.admit(claim(), now=NOW, expect=expect)
        return
    with pytest.raises(errors.ScopeMismatch):
        policy.admit(claim(), now=NOW, expect=expect)
    with pytest.raises(errors.QueryScopeMismatch):
        policy.admit(claim(presigned=True, expires_at=NOW + 1), now=NOW, expect=expect)


def test_the_region_expected_is_named_so_that_clients_can_sign_again():
    with pytest.raises(errors.ScopeMismatch) as caught:
        ALL.admit(claim(), now=NOW, expect=Expectation(region="eu-1"))

    assert caught.value.detail == {"region": "eu-1"}


def test_a_session_token_we_never_issued_is_refused():
    with pytest.raises(errors.InvalidToken):
        ALL.admit(claim(token="FwoGZXIvYXdzE"), now=NOW)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({}, None),
        ({"user": {"state": State.DISABLED}}, "user-disabled"),
        ({"user": {"state": State.LOCKED}}, "user-locked"),
        ({"account": {"state": State.DISABLED}}, "account-disabled"),
        ({"account": {"state": State.LOCKED}}, "account-locked"),
        ({"domain": {"active": False}}, "domain-inactive"),
        ({"key": {"allowed": False}}, "api-key-access-disabled"),
        ({"key": {"starts_at": NOW}}, "key-not-yet-valid"),
        ({"key": {"starts_at": NOW - 1}}, None),
        ({"key": {"expires_at": NOW}}, "key-expired"),
        ({"key": {"expires_at": NOW + 1}}, None),
        ({"ambiguous": True}, "ambiguous-access-key"),
    ],
)
def test_what_keeps_a_credential_from_being_used_is_named(made, reason):
    assert problem(credential(**made), now=NOW) == reason
    if reason is None:
        ALL.check_state(credential(**made), now=NOW)
    else:
        with pytest.raises(errors.AccountProblem) as caught:
            ALL.check_state(credential(**made), now=NOW)
        assert caught.value.detail == {"reason": reason}


def test_a_key_with_rules_of_its_own_opens_nothing_unless_the_operator_says_so():
    restricted = credential(key={"restricted": True})
    with pytest.raises(errors.AccountProblem) as caught:
        ALL.check_state(restricted, now=NOW)
    assert caught.value.detail == {"reason": "key-restricted"}
    dataclasses.replace(ALL, restricted_keys=True).check_state(restricted, now=NOW)


def test_one_record_under_many_policies_gives_each_policys_own_answer():
    """A cached fact never carries a decision over (CVE-2021-32701)."""
    record = credential(key={"restricted": True})
    for _ in range(2):
        dataclasses.replace(ALL, restricted_keys=True).check_state(record, now=NOW)
        with pytest.raises(errors.AccountProblem):
            ALL.check_state(record, now=NOW)


def test_another_body_than_the_signed_one_is_refused():
    check_body(claim(body_sha256="aa", seen_body_sha256="aa"))
    check_body(claim(body_sha256="aa", seen_body_sha256=None))
    check_body(claim(body_sha256=None, seen_body_sha256="bb"))
    with pytest.raises(errors.BodyMismatch):
        check_body(claim(body_sha256="aa", seen_body_sha256="bb"))


def test_timestamps_beyond_the_calendar_do_not_break_the_refusal():
    assert timestamp(1e30) == "9999-12-31T23:59:59Z"
    assert timestamp(-1e30) == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("age", "strict", "admitted"),
    [
        (900, False, True),
        (604800 + 900, False, True),
        (604800 + 901, False, False),
        (-900, False, True),
        (-901, False, False),
        (900, True, True),
        (901, True, False),
    ],
)
def test_a_string_presented_alone_may_be_as_old_as_a_presigned_request(age, strict, admitted):
    policy = dataclasses.replace(ALL, presented_strict=strict)
    shown = claim(presented=True, signed_at=NOW - age)
    if admitted:
        policy.admit(shown, now=NOW)
    else:
        with pytest.raises(errors.TimeSkewed):
            policy.admit(shown, now=NOW)


@pytest.mark.parametrize(
    ("service", "presented", "services", "admitted"),
    [
        ("s3", True, (), True),
        ("iam", True, (), True),
        ("ec2", True, (), False),
        ("ec2", False, (), True),
        ("ec2", True, ("ec2",), False),
        ("iam", True, ("s3",), False),
    ],
)
def test_a_string_presented_alone_is_for_services_that_stores_serve(service, presented, services, admitted):
    policy = dataclasses.replace(ALL, services=frozenset(services))
    shown = claim(presented=presented, scope=Scope(date="20270115", region="r", service=service))
    if admitted:
        policy.admit(shown, now=NOW)
    else:
        with pytest.raises(errors.ScopeMismatch):
            policy.admit(shown, now=NOW)
