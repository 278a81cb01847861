"""What each dialect calls a refusal: one table per dialect, in which the nearest class of the error speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from authsvc import errors
from authsvc.errors import AuthError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Said(NamedTuple):
    """A refusal on the wire: its HTTP status and its code."""

    status: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A table from errors to what is said of them; one without an entry of its own speaks as its parent class."""

    name: str
    table: Mapping[type[AuthError], Said]

    def say(self, error: AuthError) -> Said:
        """Return what the nearest class of the error says."""
        return next(self.table[kind] for kind in type(error).__mro__ if kind in self.table)


NATIVE: Final = Dialect(
    name="native",
    table={
        AuthError: Said(500, "InternalError"),
        errors.Malformed: Said(400, "MalformedRequest"),
        errors.Denied: Said(403, "AccessDenied"),
        errors.CallerUnauthorized: Said(401, "CallerUnauthorized"),
        errors.CallerForbidden: Said(403, "CallerForbidden"),
        errors.UnknownAccessKey: Said(404, "UnknownAccessKey"),
        errors.AccountProblem: Said(403, "AccountProblem"),
        errors.Unavailable: Said(503, "ServiceUnavailable"),
        errors.SecretNotHeld: Said(503, "SecretNotHeld"),
    },
)
"""What authsvc says to its caller about the caller's own request."""

S3: Final = Dialect(
    name="s3",
    table={
        AuthError: Said(500, "InternalError"),
        errors.Malformed: Said(400, "InvalidRequest"),
        errors.Unsigned: Said(403, "AccessDenied"),
        errors.UnsignedOverrides: Said(400, "InvalidRequest"),
        errors.MultipleMechanisms: Said(400, "InvalidArgument"),
        errors.UnknownMechanism: Said(400, "InvalidArgument"),
        errors.MalformedTarget: Said(400, "InvalidURI"),
        errors.MalformedAuthorization: Said(400, "AuthorizationHeaderMalformed"),
        errors.MalformedAuthorizationQuery: Said(400, "AuthorizationQueryParametersError"),
        errors.MalformedParameters: Said(400, "InvalidArgument"),
        errors.MalformedForm: Said(400, "MalformedPOSTRequest"),
        errors.InvalidPolicyDocument: Said(400, "InvalidPolicyDocument"),
        errors.MissingDate: Said(403, "AccessDenied"),
        errors.MissingPayloadHash: Said(400, "InvalidRequest"),
        errors.UnknownPayloadHash: Said(400, "InvalidArgument"),
        errors.UnsignedHeaders: Said(403, "AccessDenied"),
        errors.DuplicateParameter: Said(400, "InvalidArgument"),
        errors.Denied: Said(403, "AccessDenied"),
        errors.UnknownAccessKey: Said(403, "InvalidAccessKeyId"),
        errors.SignatureMismatch: Said(403, "SignatureDoesNotMatch"),
        errors.BodyMismatch: Said(400, "XAmzContentSHA256Mismatch"),
        errors.NotAnUpload: Said(400, "InvalidRequest"),
        errors.MissingDecodedLength: Said(411, "MissingContentLength"),
        errors.UnknownTrailer: Said(400, "InvalidRequest"),
        errors.FileTooLarge: Said(400, "EntityTooLarge"),
        errors.FileTooSmall: Said(400, "EntityTooSmall"),
        errors.IncompleteBody: Said(400, "IncompleteBody"),
        errors.InvalidChunkSize: Said(400, "InvalidChunkSizeError"),
        errors.MalformedTrailer: Said(400, "MalformedTrailerError"),
        errors.TimeSkewed: Said(403, "RequestTimeTooSkewed"),
        errors.SchemeRefused: Said(400, "InvalidRequest"),
        errors.ScopeMismatch: Said(400, "AuthorizationHeaderMalformed"),
        errors.QueryScopeMismatch: Said(400, "AuthorizationQueryParametersError"),
        errors.FormScopeMismatch: Said(400, "InvalidArgument"),
        errors.InvalidToken: Said(400, "InvalidToken"),
        errors.AccountProblem: Said(403, "AccountProblem"),
        errors.Unavailable: Said(503, "ServiceUnavailable"),
    },
)
"""What S3 says to whoever signed, as its clients expect."""

EC2: Final = Dialect(
    name="ec2",
    table={
        AuthError: Said(500, "InternalError"),
        errors.Malformed: Said(400, "IncompleteSignature"),
        errors.Unsigned: Said(403, "MissingAuthenticationToken"),
        errors.MultipleMechanisms: Said(400, "InvalidParameterCombination"),
        errors.MalformedParameters: Said(400, "InvalidParameterValue"),
        errors.MissingParameter: Said(400, "MissingParameter"),
        errors.DuplicateParameter: Said(400, "InvalidParameterCombination"),
        errors.Denied: Said(401, "AuthFailure"),
        errors.UnknownAccessKey: Said(403, "InvalidClientTokenId"),
        errors.SignatureMismatch: Said(403, "SignatureDoesNotMatch"),
        errors.BodyMismatch: Said(403, "SignatureDoesNotMatch"),
        errors.TimeSkewed: Said(400, "RequestExpired"),
        errors.Expired: Said(400, "RequestExpired"),
        errors.ScopeMismatch: Said(403, "SignatureDoesNotMatch"),
        errors.InvalidToken: Said(403, "InvalidClientTokenId"),
        errors.AccountProblem: Said(403, "AccountProblem"),
        errors.Unavailable: Said(503, "ServiceUnavailable"),
    },
)
"""What EC2, STS and the other Query services say to whoever signed."""

CLOUDSTACK: Final = Dialect(
    name="cloudstack",
    table={
        AuthError: Said(500, "InternalError"),
        errors.Malformed: Said(401, "AuthFailure"),
        errors.Denied: Said(401, "AuthFailure"),
        errors.AccountProblem: Said(403, "AccountProblem"),
        errors.Unavailable: Said(503, "ServiceUnavailable"),
    },
)
"""What is said of a CloudStack API signature: one code, and a message that tells the cause."""

CLIENT_API: Final = Dialect(
    name="client-api",
    table={
        AuthError: Said(530, "INTERNAL_ERROR"),
        errors.Malformed: Said(401, "UNAUTHORIZED"),
        errors.Denied: Said(401, "UNAUTHORIZED"),
        errors.CallerForbidden: Said(432, "UNSUPPORTED_ACTION_ERROR"),
        errors.Unavailable: Said(503, "UNAVAILABLE"),
    },
)
"""CloudStack's own face: 401 whatever the cause; the status is also the ``errorcode`` (``ApiErrorCode``)."""

KEYSTONE: Final = Dialect(
    name="keystone",
    table={
        AuthError: Said(500, "internal_error"),
        errors.Malformed: Said(400, "malformed"),
        errors.UnknownString: Said(401, "signature_refused"),
        errors.MissingDate: Said(401, "signature_refused"),
        errors.Denied: Said(401, "signature_refused"),
        errors.CallerUnauthorized: Said(403, "caller_unauthorized"),
        errors.CallerForbidden: Said(403, "caller_forbidden"),
        errors.UnknownAccessKey: Said(404, "unknown_access_key"),
        errors.AccountProblem: Said(401, "account_problem"),
        errors.Unavailable: Said(503, "unavailable"),
    },
)
"""Where a store asks about a user: it takes 401 for "bad signature", so that is never said of the store itself."""

KEYSTONE_SERVICE: Final = Dialect(
    name="keystone-service",
    table={
        AuthError: Said(500, "internal_error"),
        errors.Malformed: Said(400, "malformed"),
        errors.Denied: Said(403, "forbidden"),
        errors.CallerUnauthorized: Said(401, "caller_unauthorized"),
        errors.CallerForbidden: Said(403, "caller_forbidden"),
        errors.UnknownAccessKey: Said(404, "unknown_access_key"),
        errors.AccountProblem: Said(403, "account_problem"),
        errors.Unavailable: Said(503, "unavailable"),
    },
)
"""Where a store asks for itself (tokens, a user's secret): it takes 401 for "log in again"."""

VAULT: Final = Dialect(
    name="vault",
    table={
        AuthError: Said(500, "internal error"),
        errors.Malformed: Said(400, "the request cannot be read"),
        errors.Denied: Said(403, "permission denied"),
        errors.UnknownAccessKey: Said(404, "not found"),
        errors.AccountProblem: Said(404, "not found"),
        errors.Unavailable: Said(503, "the service could not find out; try again"),
    },
)
"""What HashiCorp Vault says; a key that may not be used is not there, since its store would only see the secret."""

SCALITY: Final = Dialect(
    name="scality",
    table={
        AuthError: Said(500, "InternalError"),
        errors.Malformed: Said(400, "InvalidArgument"),
        errors.Denied: Said(403, "AccessDenied"),
        errors.CallerUnauthorized: Said(401, "InternalError"),
        errors.CallerForbidden: Said(403, "InternalError"),
        errors.UnknownAccessKey: Said(403, "InvalidAccessKeyId"),
        errors.SignatureMismatch: Said(403, "SignatureDoesNotMatch"),
        errors.TimeSkewed: Said(403, "RequestTimeTooSkewed"),
        errors.InvalidToken: Said(400, "InvalidToken"),
        errors.AccountProblem: Said(403, "AccountProblem"),
        errors.Unavailable: Said(503, "ServiceUnavailable"),
    },
)
"""What Scality's Vault says, in codes that Arsenal's table has: one it has not, the client takes for a yes."""

MINIO: Final = Dialect(
    name="minio",
    table={
        AuthError: Said(500, "InternalError"),
        errors.Malformed: Said(403, "InvalidToken"),
        errors.Denied: Said(403, "AccessDenied"),
        errors.CallerUnauthorized: Said(401, "CallerUnauthorized"),
        errors.CallerForbidden: Said(401, "CallerForbidden"),
        errors.UnknownAccessKey: Said(403, "InvalidAccessKeyId"),
        errors.SignatureMismatch: Said(403, "SignatureDoesNotMatch"),
        errors.AccountProblem: Said(403, "AccountProblem"),
        errors.Unavailable: Said(503, "ServiceUnavailable"),
    },
)
"""What MinIO's identity plugin may say: 403 is the user's no, and any other status a failure of the plugin."""


def _gated(dialect: Dialect, no: int) -> Dialect:
    """Make the dialect that a gateway hands on: every no has one status, since gateways know 401 and 403 only.

    The codes stay the client's. What is wrong with the gateway itself keeps a code of its own, and what could
    not be found out stays 503, which no gateway takes for yes and none may hand on as no.
    """
    kept = {AuthError, errors.Unavailable}
    table = {kind: said if kind in kept else Said(no, said.code) for kind, said in dialect.table.items()}
    table[errors.CallerUnauthorized] = Said(401, "CallerUnauthorized")
    table[errors.CallerForbidden] = Said(403, "CallerForbidden")
    return Dialect(name=f"gated-{dialect.name}", table=table)


GATED: Final[Mapping[str, Dialect]] = {
    "s3": _gated(S3, 403),
    "ec2": _gated(EC2, 403),
    "cloudstack": _gated(CLOUDSTACK, 401),
}
"""What a gateway is told to say, by the style of the client's dialect."""

EC2TOKENS: Final = Dialect(
    name="ec2tokens",
    table={**KEYSTONE.table, errors.UnknownAccessKey: Said(401, "signature_refused")},
)
"""The same where a gateway describes an EC2 request; there is no code of EC2's that wants an unknown key told apart."""

SOAP: Final = Dialect(
    name="soap",
    table={
        AuthError: Said(500, "InternalError"),
        errors.Malformed: Said(400, "MalformedEnvelope"),
        errors.NotSigned: Said(400, "NotSigned"),
        errors.UnsupportedToken: Said(400, "UnsupportedToken"),
        errors.UnsupportedAlgorithm: Said(400, "UnsupportedAlgorithm"),
        errors.Denied: Said(401, "AuthFailure"),
        errors.CallerUnauthorized: Said(401, "CallerUnauthorized"),
        errors.CallerForbidden: Said(403, "CallerForbidden"),
        errors.Expired: Said(401, "RequestExpired"),
        errors.NotYetValid: Said(401, "RequestInFuture"),
        errors.LifetimeTooLong: Said(401, "RequestInFuture"),
        errors.Replayed: Said(401, "Replay"),
        errors.Unavailable: Said(503, "ServiceUnavailable"),
    },
)
"""What is said of a SOAP message: nobody but the log hears whether it was the key, the proof or the user."""

QUERY: Final = Dialect(
    name="query",
    table={
        **SOAP.table,
        errors.Malformed: Said(400, "MalformedRequest"),
        errors.SchemeRefused: Said(400, "UnsupportedAlgorithm"),
        errors.TimeSkewed: Said(401, "RequestExpired"),
    },
)
"""The same of an EC2 Query request."""

CERTIFICATES: Final = Dialect(
    name="certificates",
    table={
        **EC2.table,
        **{
            kind: said
            for kind, said in SOAP.table.items()
            if issubclass(kind, errors.Malformed) and kind is not errors.Malformed
        },
        errors.MalformedEnvelope: Said(400, "MalformedEnvelope"),
        errors.Denied: Said(403, "AccessDenied"),
        errors.CallerUnauthorized: Said(401, "CallerUnauthorized"),
        errors.CallerForbidden: Said(403, "CallerForbidden"),
        errors.CertificateProblem: Said(403, "CertificateProblem"),
        errors.CertificateTaken: Said(409, "CertificateTaken"),
        errors.UnknownCertificate: Said(404, "UnknownCertificate"),
        errors.UnknownUser: Said(404, "UnknownUser"),
    },
)
"""What is said to a user who registers a certificate: of their own signature what EC2 says, of the proof the cause."""

DIALECTS: Final = (
    NATIVE,
    S3,
    EC2,
    CLOUDSTACK,
    CLIENT_API,
    KEYSTONE,
    KEYSTONE_SERVICE,
    VAULT,
    SCALITY,
    MINIO,
    *GATED.values(),
    EC2TOKENS,
    SOAP,
    QUERY,
    CERTIFICATES,
)

_BY_SCHEME: Final[Mapping[str, Dialect]] = {
    "cloudstack": CLOUDSTACK,
    "sigv2": EC2,
    "s3v2": S3,
    "s3v2-post": S3,
    "sigv4-post": S3,
}


def dialect_of(scheme: str | None, service: str | None) -> Dialect:
    """Choose the dialect that clients of a scheme expect.

    SigV4 serves S3 and everything else alike, so there the service decides; where nothing is known, S3 is
    what most clients speak.
    """
    s3 = service is None or service.startswith("s3")
    return _BY_SCHEME.get(scheme or "", S3 if s3 else EC2)
