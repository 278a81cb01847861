"""Reading and proving signatures. Pure: no clock, no socket, no log; text in, claim out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authsvc.errors import Malformed, MalformedTarget, MultipleMechanisms, UnknownMechanism, Unsigned
from authsvc.signing.claim import Claim, Payload, Scheme, SchemeName, Scope
from authsvc.signing.request import SignedRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Claim", "Payload", "Scheme", "SchemeName", "Scope", "SignedRequest", "prove", "read"]

if TYPE_CHECKING:
    from authsvc.model import Secret

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def read(schemes: Sequence[Scheme], request: SignedRequest) -> Claim:
    """Take the request apart by the one scheme whose mark it carries.

    Raises:
        Unsigned: No scheme knows it.
        MultipleMechanisms: More than one does, or an Authorization of another kind stands beside it.
        Malformed: The scheme that knows it cannot read it; ``error.scheme`` names the scheme.
    """
    known = [scheme for scheme in schemes if scheme.recognises(request)]
    if not known:
        if request.fields.get("authorization"):
            raise UnknownMechanism(argument_name="Authorization")
        raise Unsigned
    if len(known) > 1:
        raise MultipleMechanisms
    (scheme,) = known
    try:
        if _BROKEN_ESCAPE.search(request.target):
            raise MalformedTarget
        claim = scheme.read(request)
        _refuse_foreign_authorization(request, claim)
    except Malformed as error:
        error.scheme = scheme.name
        raise
    return claim


def prove(schemes: Sequence[Scheme], claim: Claim, secret: Secret) -> None:
    """Return only if the secret's holder signed what the claim was read from.

    Raises:
        SignatureMismatch: Anybody else did.
    """
    for scheme in schemes:
        if scheme.name == claim.scheme:
            scheme.prove(claim, secret)
            return
    raise LookupError(claim.scheme)


def _refuse_foreign_authorization(request: SignedRequest, claim: Claim) -> None:
    """Identity comes from the credential that verified; a second one beside it is refused, not ignored."""
    if claim.presigned and "authorization" in request.fields:
        raise MultipleMechanisms
