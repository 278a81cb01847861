"""Why does this signature not match?"""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from authsvc import signing
from authsvc.errors import AuthError, SecretNotHeld, SignatureMismatch
from authsvc.model import Secret
from authsvc.service.causes import CAUSES, other_claims, other_secrets
from authsvc.service.policy import ANYTHING, timestamp
from authsvc.signing.scope import TERMINATOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authsvc.model import Verifier
    from authsvc.service.policy import Expectation, Policy
    from authsvc.signing import Claim, Scheme, SignedRequest
    from authsvc.signing.streaming import Chunks

MOST_VARIANTS = 4000
"""Bound on what is tried: each costs tens of microseconds."""

LENIENT = (
    "the client encodes `~ * [ ]` or sorts parameters unlike CloudStack itself; CloudStack refuses it too "
    "(AUTHSVC_CLOUDSTACK_LENIENT=true accepts it here)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What can be said about a request's signature.

    Attributes:
        claim: What the request says of itself; None where it cannot be read.
        steps: (name, text) of every intermediate, in the order the specification makes them.
        refusal: Why it cannot be read, or which rule of policy it breaks; None if neither.
        matches: Whether the secret's holder signed it; None without a key that tells or without a claim.
        causes: What would explain a mismatch, likeliest first.
    """

    claim: Claim | None = None
    steps: tuple[tuple[str, str], ...] = ()
    refusal: AuthError | None = None
    matches: bool | None = None
    causes: tuple[str, ...] = ()


def explain(
    request: SignedRequest,
    *,
    schemes: Sequence[Scheme],
    lenient: Sequence[Scheme],
    policy: Policy,
    now: float,
    verifier: Verifier | None = None,
    expect: Expectation = ANYTHING,
) -> Explanation:
    """Take the request apart and, given the secret key or the public key, say whether it matches and if not why.

    Args:
        request: As the server saw it.
        schemes: The schemes to read it by.
        lenient: The same with every leniency on, to tell what would help.
        policy: The operator's rules.
        now: Unix seconds.
        verifier: The user's secret key, or where that is enough the public one, if it can be had.
        expect: What the endpoint is.
    """
    try:
        claim = signing.read(schemes, request)
    except AuthError as error:
        return Explanation(refusal=error)
    refusal: AuthError | None = None
    try:
        policy.admit(claim, now=now, expect=expect)
    except AuthError as error:
        refusal = error
    matches: bool | None = None
    causes: tuple[str, ...] = ()
    if verifier is not None:
        with suppress(SecretNotHeld):
            matches = _matches(schemes, claim, verifier)
        if matches is False:
            causes = _likely(request, claim, schemes, lenient, verifier)
    if refusal is None and matches is not False:
        refusal = _objection(schemes, claim, verifier if matches else None)
    return Explanation(claim=claim, steps=_steps(claim), refusal=refusal, matches=matches, causes=causes)


def _likely(
    request: SignedRequest,
    claim: Claim,
    schemes: Sequence[Scheme],
    lenient: Sequence[Scheme],
    verifier: Verifier,
) -> tuple[str, ...]:
    """Return what explains the mismatch, the likeliest first."""
    if _signed(request, claim, lenient, verifier):
        return (LENIENT,)
    return tuple(islice(_causes(request, claim, schemes, verifier), 3))


def first_difference(ours: str, theirs: str) -> str | None:
    """Name the first line in which the client's text and ours differ; None if they are alike."""
    if ours == theirs:
        return None
    our_lines, their_lines = ours.split("\n"), theirs.split("\n")
    for number, (our, their) in enumerate(zip(our_lines, their_lines, strict=False), 1):
        if our != their:
            return f"line {number}: the client has {their!r}, the server has {our!r}"
    return f"the client has {len(their_lines)} lines, the server has {len(our_lines)}"


def _steps(claim: Claim) -> tuple[tuple[str, str], ...]:
    steps: list[tuple[str, str]] = [("access key", claim.access_key)]
    if claim.signed_at is not None:
        steps.append(("signed at", timestamp(claim.signed_at)))
    if claim.expires_at is not None:
        steps.append(("expires at", timestamp(claim.expires_at)))
    if claim.scope is not None:
        steps.append(("scope", claim.scope.text.removesuffix(f"/{TERMINATOR}")))
        if claim.scope.region is None:
            steps.append(("region set", ", ".join(claim.scope.region_set)))
    if claim.signed_headers:
        steps.append(("signed headers", ";".join(claim.signed_headers)))
    if claim.unsigned_query:
        steps.append(("query parameters that are not signed", ", ".join(claim.unsigned_query)))
    if claim.canonical_request is not None:
        digest = hashlib.sha256(claim.canonical_request.encode()).hexdigest()
        steps += [("canonical request", claim.canonical_request), ("its SHA-256", digest)]
    if claim.chunks is not None:
        steps += _chunk_steps(claim.chunks)
    if claim.upload is not None:
        policy = base64.b64decode(claim.strings_to_sign[0]).decode()
        steps += [("bucket", claim.upload.bucket), ("key", claim.upload.key), ("policy", policy)]
    names = ["string to sign"] + ["string to sign, another form that is accepted"] * len(
        claim.strings_to_sign
    )
    steps += zip(names, claim.strings_to_sign, strict=False)
    return tuple(steps)


def _chunk_steps(chunks: Chunks) -> list[tuple[str, str]]:
    steps = [
        ("length of the payload", str(chunks.decoded_length)),
        ("trailers", ", ".join(chunks.trailer_names) or "none"),
    ]
    prefix = chunks.first_string_to_sign_prefix
    return (
        [*steps, ("string to sign of the first chunk", f"{prefix}(hash of the chunk)")] if prefix else steps
    )


def _objection(schemes: Sequence[Scheme], claim: Claim, verifier: Verifier | None) -> AuthError | None:
    """Return what is told once the signature is proven, if it is good or nobody can say."""
    try:
        if claim.objection is None and verifier is not None:
            signing.prove_chunks(schemes, claim, verifier)
    except AuthError as error:
        return error
    return claim.objection


def _matches(schemes: Sequence[Scheme], claim: Claim, verifier: Verifier) -> bool:
    return _mismatch(schemes, claim, verifier) is None


def _mismatch(schemes: Sequence[Scheme], claim: Claim, verifier: Verifier) -> SignatureMismatch | None:
    try:
        signing.prove(schemes, claim, verifier)
    except SignatureMismatch as mismatch:
        return mismatch
    return None


def _causes(
    request: SignedRequest, claim: Claim, schemes: Sequence[Scheme], verifier: Verifier
) -> Iterator[str]:
    """Yield single causes; if there is none, pairs of them. What is no signature at all needs no other."""
    mismatch = _mismatch(schemes, claim, verifier)
    if mismatch is not None and mismatch.message != SignatureMismatch.default:
        yield mismatch.message
        return
    found = False
    for told, candidate in _other_secrets(claim, verifier):
        if _matches(schemes, claim, Secret(candidate)):
            found = True
            yield told
    for told, variant in other_claims(claim):
        if _matches(schemes, variant, verifier):
            found = True
            yield told
    for cause in CAUSES:
        if any(_signed(variant, claim, schemes, verifier) for variant in cause.variants(request)):
            found = True
            yield cause.found
    if not found:
        yield from _pairs(request, claim, schemes, verifier)


def _other_secrets(claim: Claim, verifier: Verifier) -> Iterator[tuple[str, str]]:
    """Vary the secret key; a public key has no usual variations."""
    return other_secrets(claim.access_key, verifier.reveal()) if isinstance(verifier, Secret) else iter(())


def _pairs(
    request: SignedRequest, claim: Claim, schemes: Sequence[Scheme], verifier: Verifier
) -> Iterator[str]:
    tried = 0
    for index, first in enumerate(CAUSES):
        for once in first.variants(request):
            for second in CAUSES[index + 1 :]:
                for twice in second.variants(once):
                    tried += 1
                    if tried > MOST_VARIANTS:
                        return
                    if _signed(twice, claim, schemes, verifier):
                        yield f"{first.found}; and {second.found}"
                        return


def _signed(variant: SignedRequest, claim: Claim, schemes: Sequence[Scheme], verifier: Verifier) -> bool:
    try:
        read = signing.read(schemes, variant)
    except AuthError:
        return False
    return read.scheme == claim.scheme and _matches(schemes, read, verifier)
