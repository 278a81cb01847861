"""Everything authsvc can say no with.

::

    AuthError
    ├── Malformed                      the request cannot be read as what it claims to be
    │   ├── Unsigned                   it carries no signature of any known scheme
    │   │   └── UnsignedOverrides      and wants to choose headers of S3's answer
    │   ├── MultipleMechanisms         it carries more than one
    │   ├── UnknownMechanism           its Authorization is of a kind nobody here speaks
    │   ├── MalformedTarget            the request-target holds a broken escape
    │   ├── MalformedAuthorization     the Authorization header
    │   ├── MalformedAuthorizationQuery  the signature's query parameters
    │   ├── MalformedParameters        the parameters a Query-style scheme signs
    │   │   ├── MissingParameter       one of them is not there
    │   │   └── ObsoleteVersion        a version of the signature that can be forged
    │   ├── MalformedForm              an upload form that is none, or can be read in two ways
    │   ├── InvalidPolicyDocument      the policy of an upload form
    │   ├── MissingDate                no date, or none that can be read
    │   ├── MissingPayloadHash         S3 V4 without x-amz-content-sha256
    │   ├── UnknownPayloadHash         a payload token nobody defined
    │   ├── UnsignedHeaders            headers that must be signed and are not
    │   ├── UnknownString              a presented string that no scheme signs
    │   ├── DuplicateParameter         a signature-relevant parameter or header given twice
    │   ├── MalformedEnvelope          a SOAP message of another shape than the one that is accepted (detail: rule)
    │   ├── NotSigned                  a SOAP message without a signature over both Body and Timestamp
    │   ├── UnsupportedToken           its key is shown in a form, or is of a kind, not accepted here
    │   └── UnsupportedAlgorithm       it is signed or hashed by an algorithm not accepted here
    ├── Denied                         understood, and the answer is no
    │   ├── CallerUnauthorized         the caller (not the user) is unknown
    │   ├── CallerForbidden            the caller lacks the grant
    │   ├── UnknownAccessKey
    │   ├── SignatureMismatch
    │   ├── BodyMismatch               signed, but the body is another one
    │   ├── NotAnUpload                a payload in chunks where nothing is uploaded
    │   ├── MissingDecodedLength       chunks whose payload's own length is not said
    │   ├── UnknownTrailer             a trailer that is no checksum
    │   ├── PolicyUnmet                an upload form says more, or other, than its policy allows
    │   ├── FileTooLarge               the file of a form has more bytes than its policy allows
    │   ├── FileTooSmall               it has fewer
    │   ├── IncompleteBody             signed, but the chunks are cut, or framed wrongly
    │   │   ├── InvalidChunkSize       a chunk too small to be followed by another
    │   │   └── MalformedTrailer       the trailers are not those that were announced
    │   ├── TimeSkewed                 signed too long ago, or in the future
    │   ├── Expired                    its own end has passed
    │   ├── NotYetValid                presigned for later
    │   ├── Timeless                   carries no time and may be replayed for ever
    │   ├── LifetimeTooLong            presigned for longer than we allow
    │   ├── SchemeRefused              a scheme, or algorithm, that is switched off
    │   ├── ScopeMismatch              signed for another region or service
    │   │   ├── QueryScopeMismatch     the same, where the scope stands in the query
    │   │   └── FormScopeMismatch      the same, where it stands in an upload form
    │   ├── InvalidToken               a session token that is not ours
    │   ├── Replayed                   the very message was accepted before
    │   ├── UnknownCertificate         nobody registered it, or it was revoked
    │   ├── CertificateProblem         out of its dates, or its key is too short (detail: reason)
    │   ├── CertificateTaken           it is registered to another user, or was revoked
    │   ├── UnknownUser                no live user has this id
    │   └── AccountProblem             the user, account, domain or key is switched off (detail: reason)
    └── Unavailable                    could not find out: neither yes nor no
        ├── DirectoryUnavailable       the database did not answer in time
        ├── DirectoryUnready           its schema or its encryption is not understood
        ├── SecretUnreadable           the stored secret does not decrypt
        ├── SecretNotHeld              only the public key is held here, and a secret is needed
        ├── CertificatesUnavailable    the database of the certificates did not answer, or there is none
        ├── ReplaysUnavailable         it could not be found out whether a message came before
        ├── AuditUnavailable           the answer could not be put on record, and may not go out without
        ├── SharedCacheUnavailable     Redis; never leaves the cache
        ├── ChangesUnavailable         nobody tells what changes; never leaves the stream
        └── Overloaded                 shed before it was tried

``scheme`` and ``access_key`` say what the request claimed to be, as far as it could be read. ``message`` is fit for the
client who signed; ``detail`` holds further fields fit for it. Neither ever holds a secret, a computed signature or a
token. ``verdict`` is what records, logs and metrics call it.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal


class AuthError(Exception):
    """Root of the tree; never raised itself."""

    default: ClassVar[str] = "the request was refused"
    verdict: ClassVar[Literal["deny", "unavailable"]] = "deny"
    scheme: str | None = None
    access_key: str | None = None

    def __init__(self, message: str | None = None, /, **detail: Any) -> None:
        """Take a message for the client (the class's own when None) and detail fields by name."""
        self.message = message or self.default
        self.detail = detail
        super().__init__(self.message)


class Malformed(AuthError):
    """The request cannot be read as what it claims to be."""

    default = "the request cannot be read"


class Unsigned(Malformed):
    """The request carries no signature of any scheme known here."""

    default = "the request carries no signature"


class UnsignedOverrides(Unsigned):
    """Nobody signed it, and its ``response-*`` parameters would choose headers of S3's answer."""

    default = "Request specific response headers cannot be used for anonymous GET requests."


class MultipleMechanisms(Malformed):
    """The request carries more than one signature; which one is meant must not be a guess."""

    default = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified"


class UnknownMechanism(Malformed):
    """The Authorization header is of a kind nobody here speaks."""

    default = "Unsupported Authorization Type"


class MalformedTarget(Malformed):
    """The request-target holds a ``%`` that begins no escape, which two readers may take for two things."""

    default = "Couldn't parse the specified URI."


class MalformedAuthorization(Malformed):
    """The Authorization header has a part missing, doubled or misspelt."""

    default = "the authorization header is malformed"


class MalformedAuthorizationQuery(Malformed):
    """A query parameter of a presigned request is missing, doubled or misspelt."""

    default = "the query string authentication parameters are malformed"


class MalformedParameters(Malformed):
    """The parameters of a Query-style scheme cannot be read in one way only."""

    default = "the signed parameters are malformed"


class MissingParameter(MalformedParameters):
    """A parameter the scheme needs is not there."""

    default = "a parameter that the signature needs is missing"


class ObsoleteVersion(MalformedParameters):
    """A version of the signature that is broken by design, so it is refused before anything is compared."""

    default = "this version of the signature is not accepted"


class MalformedForm(Malformed):
    """An upload form that is none, breaks off before its file, or can be read in two ways."""

    default = "The body of your POST request is not well-formed multipart/form-data."


class InvalidPolicyDocument(Malformed):
    """The policy of an upload form cannot be read."""

    default = "Invalid Policy: Invalid JSON."


class MissingDate(Malformed):
    """There is no date, or none that can be read."""

    default = "AWS authentication requires a valid Date or x-amz-date header"


class MissingPayloadHash(Malformed):
    """S3 V4 header authentication without ``x-amz-content-sha256``."""

    default = "Missing required header for this request: x-amz-content-sha256"


class UnknownPayloadHash(Malformed):
    """``x-amz-content-sha256`` is neither a hash nor a token anybody defined."""

    default = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING- token or a valid sha256 value"


class UnsignedHeaders(Malformed):
    """Headers that must be signed are not: ``host``, and every ``x-amz-*`` present."""

    default = "There were headers present in the request which were not signed"


class UnknownString(Malformed):
    """A string presented as a string to sign is none that the schemes make of a request."""

    default = "the string presented is not one that a request is signed by"


class DuplicateParameter(Malformed):
    """A parameter or header that decides the signature is given twice."""

    default = "a parameter that decides the signature is given more than once"


class MalformedEnvelope(Malformed):
    """A SOAP message of another shape than the one that is accepted; ``detail["rule"]`` names the rule."""

    default = "the SOAP message is not of the one shape that is accepted"


class NotSigned(Malformed):
    """A SOAP message whose signature does not cover both the Body and the Timestamp."""

    default = "the SOAP message must be signed over its Body and its Timestamp"


class UnsupportedToken(Malformed):
    """The signing key is shown in a form, or is of a kind, that is not accepted."""

    default = "the key must be shown as one BinarySecurityToken that holds an X.509 certificate"


class UnsupportedAlgorithm(Malformed):
    """The message is signed, hashed or canonicalised by an algorithm that is not accepted."""

    default = "the algorithm is not accepted here"


class Denied(AuthError):
    """The request was understood and the answer is no."""

    default = "access denied"


class CallerUnauthorized(Denied):
    """The caller, that is the store or gateway asking us, is unknown."""

    default = "the caller is not known here; send a caller token or a client certificate"


class CallerForbidden(Denied):
    """The caller is known and lacks the grant this call needs."""

    default = "the caller lacks the grant this call needs"


class UnknownAccessKey(Denied):
    """No live user holds the access key."""

    default = "The AWS Access Key Id you provided does not exist in our records."


class SignatureMismatch(Denied):
    """The signature is not what the user's secret key makes of this request."""

    default = "The request signature we calculated does not match the signature you provided. Check your key and signing method."


class BodyMismatch(Denied):
    """The body's hash is not the hash that was signed."""

    default = "The provided 'x-amz-content-sha256' header does not match what was computed."


class NotAnUpload(Denied):
    """The payload is said to come in chunks, and such a request uploads nothing."""

    default = "a payload in chunks is accepted for PutObject and UploadPart alone"


class MissingDecodedLength(Denied):
    """A payload in chunks without ``x-amz-decoded-content-length``, or with one that is no length."""

    default = "You must provide the Content-Length HTTP header."


class UnknownTrailer(Denied):
    """``x-amz-trailer`` names what is no checksum, twice the same, or comes with a payload without trailers."""

    default = "The value specified in the x-amz-trailer header is not supported"


class PolicyUnmet(Denied):
    """An upload form that its own policy does not allow: a condition that fails, or a field without one."""

    default = "Invalid according to Policy"


class FileTooLarge(Denied):
    """The file of an upload form has more bytes than its policy allows."""

    default = "Your proposed upload exceeds the maximum allowed size"


class FileTooSmall(Denied):
    """The file of an upload form has fewer bytes than its policy asks for."""

    default = "Your proposed upload is smaller than the minimum allowed size"


class IncompleteBody(Denied):
    """The chunks break off, are framed wrongly, or hold more or less than was said."""

    default = "The request body terminated unexpectedly"


class InvalidChunkSize(IncompleteBody):
    """A chunk that another one follows is smaller than 8192 bytes."""

    default = "Only the last chunk is allowed to have a size less than 8192 bytes"


class MalformedTrailer(IncompleteBody):
    """The trailers are not those that ``x-amz-trailer`` named, or are not signed."""

    default = "The request contained trailing data that was not well-formed or did not conform to our published schema."


class TimeSkewed(Denied):
    """Signed too long ago, or too far in the future."""

    default = "The difference between the request time and the current time is too large."


class Expired(Denied):
    """The end that the request itself carries has passed."""

    default = "Request has expired"


class NotYetValid(Denied):
    """Presigned with a date that has not come yet."""

    default = "Request is not yet valid"


class Timeless(Denied):
    """Carries no time at all, so it could be replayed for ever, and no setting admits that."""

    default = "the signature carries no time and such signatures are not accepted here"


class LifetimeTooLong(Denied):
    """Presigned for longer than the service allows."""

    default = "the request is valid for longer than is accepted here"


class SchemeRefused(Denied):
    """The scheme or the algorithm is switched off."""

    default = "the authorization mechanism you have provided is not supported here"


class ScopeMismatch(Denied):
    """The credential scope names another region or service than the endpoint asking."""

    default = "the credential scope is for another region or service"


class QueryScopeMismatch(ScopeMismatch):
    """A presigned request's credential scope names another region or service."""


class FormScopeMismatch(ScopeMismatch):
    """An upload form's credential scope names another region or service."""


class InvalidToken(Denied):
    """A session token this service did not issue."""

    default = "The provided token is malformed or otherwise invalid."


class Replayed(Denied):
    """The very message was accepted before."""

    default = "the message was used before"


class UnknownCertificate(Denied):
    """Nobody registered the certificate, or it was revoked."""

    default = "the certificate is not registered"


class CertificateProblem(Denied):
    """The certificate is out of its dates or its key too short; ``detail["reason"]`` says which."""

    default = "the certificate cannot be used"


class CertificateTaken(Denied):
    """The certificate is registered to another user, or was revoked and stays so."""

    default = "the certificate is registered to another user, or was revoked; make another"


class UnknownUser(Denied):
    """No live user has this id."""

    default = "no user has this id"


class AccountProblem(Denied):
    """The user, account, domain or key is switched off; ``detail["reason"]`` says which."""

    default = "There is a problem with your account that prevents the operation from completing successfully."


class Unavailable(AuthError):
    """Could not find out. Neither yes nor no, so never the one nor the other."""

    default = "the service could not find out; try again"
    verdict = "unavailable"


class DirectoryUnavailable(Unavailable):
    """The database did not answer within our deadline."""

    default = "the directory did not answer in time"


class DirectoryUnready(Unavailable):
    """The database's schema or encryption is not one we understand; ``detail["reasons"]`` lists why."""

    default = "the directory is not ready"


class SecretUnreadable(Unavailable):
    """The stored secret does not decrypt with any configured database key."""

    default = "the stored secret cannot be read with the configured database keys"


class SecretNotHeld(Unavailable):
    """Only the public key is held here, and what was asked takes the secret key."""

    default = "only public keys are held here, and this takes a secret key; sign with AWS4-ECDSA-P256-SHA256"


class CertificatesUnavailable(Unavailable):
    """The database that holds the certificates did not answer in time, or none is configured."""

    default = "the certificates could not be asked"


class ReplaysUnavailable(Unavailable):
    """It could not be found out whether the message was used before."""

    default = "it could not be found out whether the message was used before"


class AuditUnavailable(Unavailable):
    """The answer could not be put on record in time, and none goes out without."""

    default = "the answer could not be put on record"


class SharedCacheUnavailable(Unavailable):
    """Redis did not answer; the cache takes it for a miss, nobody else sees it."""

    default = "the shared cache did not answer in time"


class ChangesUnavailable(Unavailable):
    """Nobody tells of changes in the directory; answers then count for as long as they would without."""

    default = "changes in the directory are not told"


class Overloaded(Unavailable):
    """Shed before it was tried."""

    default = "too many requests in flight"
