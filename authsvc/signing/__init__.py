"""Reading and proving signatures. Pure: no clock, no socket, no log; text in, claim out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authsvc.errors import (
    Malformed,
    MalformedTarget,
    MultipleMechanisms,
    SecretNotHeld,
    SignatureMismatch,
    UnknownMechanism,
    Unsigned,
    UnsignedOverrides,
)
from authsvc.model import Secret
from authsvc.signing.claim import Claim, Payload, SchemeName
from authsvc.signing.request import SignedRequest
from authsvc.signing.scheme import ByChunks, ByPublicKey, Scheme
from authsvc.signing.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsvc.model import Verifier

__all__ = [
    "ByChunks",
    "ByPublicKey",
    "Claim",
    "Payload",
    "Scheme",
    "SchemeName",
    "Scope",
    "SignedRequest",
    "at_sight",
    "prove",
    "prove_chunks",
    "read",
]

_OVERRIDES = re.compile(r"response-(?:content-(?:disposition|encoding|language|type)|cache-control|expires)")
_NEVER_IN_A_HEADER = frozenset({"sigv2", "sigv4-post", "s3v2-post"})
_MARKS = frozenset({"apikey", "awsaccesskeyid", "x-amz-algorithm", "x-amz-credential", "x-amz-signature"})
"""Names of parameters, in lower case, without one of which no scheme recognises a request by its query."""
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def read(schemes: Sequence[Scheme], request: SignedRequest) -> Claim:
    """Take the request apart by the one scheme whose mark it carries.

    Raises:
        Unsigned: No scheme knows it; ``anonymous`` in its detail says that it carries no mark at all.
        MultipleMechanisms: More than one does, or an Authorization of another kind stands beside it.
        Malformed: The scheme that knows it cannot read it; ``error.scheme`` names the scheme.
    """
    scheme = at_sight(schemes, request) or _recognised(schemes, request)
    try:
        if "%" in request.target and _BROKEN_ESCAPE.search(request.target):
            raise MalformedTarget
        claim = scheme.read(request)
        _refuse_foreign_authorization(request, claim)
    except Malformed as error:
        error.scheme = scheme.name
        raise
    return claim


def prove(schemes: Sequence[Scheme], claim: Claim, verifier: Verifier) -> None:
    """Return only if the holder of the secret key, or of the public key's other half, signed what the claim was read from.

    Raises:
        SignatureMismatch: Anybody else did; or the secret is empty, which everybody could have signed with.
        SecretNotHeld: It could not be found out: the scheme needs the secret key, and here is a public one.
    """
    scheme = _scheme_of(schemes, claim)
    if isinstance(verifier, Secret):
        scheme.prove(claim, verifier)
        if not verifier:
            raise SignatureMismatch(signature_provided=claim.signature)
    elif isinstance(scheme, ByPublicKey):
        scheme.prove_by_public_key(claim, verifier)
    else:
        raise SecretNotHeld


def at_sight(schemes: Sequence[Scheme], request: SignedRequest) -> Scheme | None:
    """Return the scheme of a request that is signed in its one Authorization header and, clearly, nowhere else.

    It is the one that alone recognises the request; None if each has to be asked.
    """
    values = request.fields.get("authorization", ())
    if len(values) != 1 or request.body or not _are_unmarked(request.names):
        return None
    mechanism = values[0].partition(" ")[0]
    for scheme in schemes:
        if scheme.mechanism == mechanism:
            return scheme
    return None


def _are_unmarked(names: tuple[str, ...]) -> bool:
    """Say whether parameters of these names mark no signature, were case no matter; one that is escaped may."""
    return _MARKS.isdisjoint(map(str.lower, names)) and "%" not in "".join(names)


def _recognised(schemes: Sequence[Scheme], request: SignedRequest) -> Scheme:
    known = [scheme for scheme in schemes if scheme.recognises(request)]
    if not known:
        if request.fields.get("authorization"):
            raise UnknownMechanism(argument_name="Authorization")
        raise _unsigned(request)
    if len(known) > 1:
        raise MultipleMechanisms
    return known[0]


def _unsigned(request: SignedRequest) -> Unsigned:
    """Make the refusal of a request that nobody signed; S3 lets only whoever signs choose headers of the answer."""
    overrides = any(map(_OVERRIDES.fullmatch, request.names))
    return (UnsignedOverrides if overrides else Unsigned)(anonymous=True)


def prove_chunks(schemes: Sequence[Scheme], claim: Claim, verifier: Verifier) -> None:
    """Return unless a payload in chunks came along and one of them is not what was signed.

    Raises:
        SignatureMismatch: A chunk was changed.
        IncompleteBody: They are cut, or framed wrongly.
        SecretNotHeld: It could not be found out.
    """
    if claim.chunks is None or claim.chunks.body is None:
        return
    scheme = _scheme_of(schemes, claim)
    if not isinstance(scheme, ByChunks):
        raise TypeError(claim.scheme)
    scheme.prove_chunks(claim, verifier)


def _scheme_of(schemes: Sequence[Scheme], claim: Claim) -> Scheme:
    for scheme in schemes:
        if scheme.name == claim.scheme:
            return scheme
    raise LookupError(claim.scheme)


def _refuse_foreign_authorization(request: SignedRequest, claim: Claim) -> None:
    """Identity comes from the credential that verified; a second one beside it is refused, not ignored."""
    if "authorization" in request.fields and (claim.presigned or claim.scheme in _NEVER_IN_A_HEADER):
        raise MultipleMechanisms
