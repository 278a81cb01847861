"""Every dialect has a word for every error, and the right one."""

from __future__ import annotations

import pytest

from authsvc import errors
from authsvc.errors import AuthError
from authsvc.faces.dialects import CLIENT_API, CLOUDSTACK, DIALECTS, EC2, GATED, NATIVE, S3, dialect_of


def tree(kind):
    for child in kind.__subclasses__():
        yield child
        yield from tree(child)


KINDS = sorted(
    {kind for kind in tree(AuthError) if kind.__module__ == errors.__name__}, key=lambda kind: kind.__name__
)


def test_the_tree_has_grown_no_second_root():
    assert {kind.__name__ for kind in AuthError.__subclasses__() if kind.__module__ == errors.__name__} == {
        "Malformed",
        "Denied",
        "Unavailable",
    }
    assert len(KINDS) > 30


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_dialect_has_a_word_for_every_error(dialect, kind):
    status, code = dialect.say(kind())
    assert code
    assert (status == 503) == issubclass(kind, errors.Unavailable)
    if not issubclass(kind, errors.Unavailable):
        assert 400 <= status < 500


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_an_error_without_a_word_of_its_own_speaks_as_its_parent(dialect):
    class MoreThanMalformed(errors.MalformedAuthorization):
        pass

    assert dialect.say(MoreThanMalformed()) == dialect.say(errors.MalformedAuthorization())
    assert dialect.say(AuthError()).status >= 500


@pytest.mark.parametrize("style", GATED)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_gateway_hears_what_gateways_understand(style, kind):
    status, code = GATED[style].say(kind())
    if issubclass(kind, errors.Unavailable):
        assert status == 503
    elif kind is errors.CallerUnauthorized:
        assert (status, code) == (401, "CallerUnauthorized")
    elif kind is errors.CallerForbidden:
        assert (status, code) == (403, "CallerForbidden")
    else:
        assert status == (401 if style == "cloudstack" else 403)


S3_CODES = {
    errors.Unsigned: (403, "AccessDenied"),
    errors.UnsignedOverrides: (400, "InvalidRequest"),
    errors.MultipleMechanisms: (400, "InvalidArgument"),
    errors.UnknownMechanism: (400, "InvalidArgument"),
    errors.MalformedTarget: (400, "InvalidURI"),
    errors.MalformedAuthorization: (400, "AuthorizationHeaderMalformed"),
    errors.MalformedAuthorizationQuery: (400, "AuthorizationQueryParametersError"),
    errors.MissingDate: (403, "AccessDenied"),
    errors.MissingPayloadHash: (400, "InvalidRequest"),
    errors.UnknownPayloadHash: (400, "InvalidArgument"),
    errors.UnsignedHeaders: (403, "AccessDenied"),
    errors.UnknownAccessKey: (403, "InvalidAccessKeyId"),
    errors.SignatureMismatch: (403, "SignatureDoesNotMatch"),
    errors.BodyMismatch: (400, "XAmzContentSHA256Mismatch"),
    errors.TimeSkewed: (403, "RequestTimeTooSkewed"),
    errors.Expired: (403, "AccessDenied"),
    errors.NotYetValid: (403, "AccessDenied"),
    errors.Timeless: (403, "AccessDenied"),
    errors.LifetimeTooLong: (403, "AccessDenied"),
    errors.SchemeRefused: (400, "InvalidRequest"),
    errors.ScopeMismatch: (400, "AuthorizationHeaderMalformed"),
    errors.QueryScopeMismatch: (400, "AuthorizationQueryParametersError"),
    errors.InvalidToken: (400, "InvalidToken"),
    errors.AccountProblem: (403, "AccountProblem"),
    errors.DirectoryUnavailable: (503, "ServiceUnavailable"),
}
EC2_CODES = {
    errors.Unsigned: (403, "MissingAuthenticationToken"),
    errors.MalformedAuthorization: (400, "IncompleteSignature"),
    errors.MissingDate: (400, "IncompleteSignature"),
    errors.UnknownAccessKey: (403, "InvalidClientTokenId"),
    errors.SignatureMismatch: (403, "SignatureDoesNotMatch"),
    errors.ScopeMismatch: (403, "SignatureDoesNotMatch"),
    errors.TimeSkewed: (400, "RequestExpired"),
    errors.Expired: (400, "RequestExpired"),
    errors.SchemeRefused: (401, "AuthFailure"),
    errors.AccountProblem: (403, "AccountProblem"),
}
NATIVE_CODES = {
    errors.Malformed: (400, "MalformedRequest"),
    errors.CallerUnauthorized: (401, "CallerUnauthorized"),
    errors.CallerForbidden: (403, "CallerForbidden"),
    errors.UnknownAccessKey: (404, "UnknownAccessKey"),
    errors.SecretUnreadable: (503, "ServiceUnavailable"),
}


@pytest.mark.parametrize(
    ("dialect", "kind", "said"),
    [
        (dialect, kind, said)
        for dialect, codes in ((S3, S3_CODES), (EC2, EC2_CODES), (NATIVE, NATIVE_CODES))
        for kind, said in codes.items()
    ],
)
def test_a_client_reads_the_code_it_knows(dialect, kind, said):
    assert dialect.say(kind()) == said


def test_cloudstack_has_one_code_and_a_message():
    for kind in KINDS:
        if not issubclass(kind, errors.Unavailable | errors.AccountProblem):
            assert CLOUDSTACK.say(kind()) == (401, "AuthFailure")
            assert CLIENT_API.say(kind()).status == (432 if kind is errors.CallerForbidden else 401)


@pytest.mark.parametrize(
    ("scheme", "service", "dialect"),
    [
        ("sigv4", "s3", S3),
        ("sigv4", "s3express", S3),
        ("sigv4", "ec2", EC2),
        ("sigv4a", "sts", EC2),
        ("sigv4", None, S3),
        (None, None, S3),
        (None, "ec2", EC2),
        ("s3v2", None, S3),
        ("s3v2", "ec2", S3),
        ("sigv2", None, EC2),
        ("cloudstack", "s3", CLOUDSTACK),
    ],
)
def test_the_scheme_and_the_service_choose_the_dialect(scheme, service, dialect):
    assert dialect_of(scheme, service) is dialect
