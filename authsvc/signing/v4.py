"""What the two algorithms of Signature V4 have in common: from what a signature says of itself to a claim."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from authsvc.errors import (
    DuplicateParameter,
    Malformed,
    MissingPayloadHash,
    MultipleMechanisms,
    SignatureMismatch,
)
from authsvc.signing import payload, streaming
from authsvc.signing.amzheaders import conceal, signed_names
from authsvc.signing.authorization import from_header
from authsvc.signing.canonical import (
    canonical_headers,
    canonical_query,
    canonical_request,
    normalised_path,
    string_to_sign,
)
from authsvc.signing.claim import Claim
from authsvc.signing.encoding import recode_path
from authsvc.signing.presigned import beside_a_header, from_query, require_lifetime
from authsvc.signing.request import EMPTY_SHA256
from authsvc.signing.scope import REGION_SET, read_region_set

if TYPE_CHECKING:
    from authsvc.signing.claim import Payload, SchemeName
    from authsvc.signing.request import SignedRequest
    from authsvc.signing.scope import Scope
    from authsvc.signing.streaming import Chunks
    from authsvc.signing.v4signature import Presented

S3_SERVICES = frozenset({"s3", "s3-object-lambda", "s3-outposts", "s3express"})
_TOKENS = frozenset({"x-amz-security-token", "x-amz-s3session-token"})


def in_header(request: SignedRequest, algorithm: str) -> bool:
    """Say whether the Authorization header carries the algorithm's mark."""
    values = request.fields.get("authorization")
    if values is None:
        return False
    return values[0].startswith(algorithm) or (
        len(values) > 1 and any(value.startswith(algorithm) for value in values)
    )


def read_claim(
    request: SignedRequest, *, scheme: SchemeName, algorithm: str, s3_services: frozenset[str]
) -> Claim:
    """Take the request apart.

    Args:
        request: As received; it carries the algorithm's mark.
        scheme: The name of the scheme that reads it.
        algorithm: As the header or ``X-Amz-Algorithm`` has to name it.
        s3_services: The services signed S3's way.

    Raises:
        Malformed: A leaf that says which part cannot be read, or is not signed.
    """
    if not in_header(request, algorithm):
        presented = from_query(request, algorithm)
    elif beside_a_header(request):
        raise MultipleMechanisms
    else:
        presented = from_header(request, algorithm)
    try:
        return _claim(request, presented, scheme, algorithm, s3_services)
    except Malformed as error:
        error.access_key = presented.access_key
        raise


def mismatch(claim: Claim, message: str | None = None) -> SignatureMismatch:
    """Make the refusal of a signature; the detail holds what was to be signed, never what we computed."""
    return SignatureMismatch(
        message,
        canonical_request=conceal(claim.canonical_request or ""),
        string_to_sign=claim.strings_to_sign[0],
        signature_provided=claim.signature,
    )


def _claim(
    request: SignedRequest,
    presented: Presented,
    scheme: SchemeName,
    algorithm: str,
    s3_services: frozenset[str],
) -> Claim:
    s3 = presented.scope.service in s3_services
    if s3:
        require_lifetime(presented)
    names = signed_names(presented.signed_headers, request.fields, presented.refuse)
    seen = request.body_sha256 if request.body is None else _hash_of_body(request)
    line = _payload_line(request, presented, names, seen or EMPTY_SHA256, s3=s3)
    mode = payload.mode(line, algorithm)
    chunks = _chunks(request, presented, mode, algorithm) if mode.startswith("streaming") else None
    canonical = canonical_request(
        method=request.method,
        path=recode_path(request.path) if s3 else normalised_path(request.path),
        query=canonical_query(presented.query),
        headers=canonical_headers(request.fields, names),
        signed_headers=presented.signed_headers,
        payload=line,
    )
    text = string_to_sign(
        algorithm=algorithm,
        timestamp=presented.timestamp,
        scope=presented.scope.text,
        canonical_request=canonical,
    )
    return Claim(
        scheme=scheme,
        access_key=presented.access_key,
        signature=presented.signature,
        strings_to_sign=(text,),
        canonical_request=canonical,
        signed_at=presented.signed_at,
        expires_at=None if presented.lifetime is None else presented.signed_at + presented.lifetime,
        presigned=presented.presigned,
        scope=presented.scope if presented.scope.region is not None else _with_region_set(request, presented),
        signed_headers=names,
        payload=mode,
        body_sha256=line.lower() if mode == "signed" else None,
        seen_body_sha256=seen,
        token=_token(request, presented),
        chunks=chunks,
        objection=None if chunks is None else streaming.objection(request, chunks),
    )


def _hash_of_body(request: SignedRequest) -> str:
    """Return the hash of the body that came along; one that is stated beside it has to be the same."""
    computed = request.body_hash()
    if request.body_sha256 not in (None, computed):
        raise Malformed("body_sha256 is not the hash of the body beside it", field="body_sha256")
    return computed


def _chunks(request: SignedRequest, presented: Presented, mode: Payload, algorithm: str) -> Chunks:
    return streaming.read_chunks(
        request,
        mode=mode,
        algorithm=algorithm,
        timestamp=presented.timestamp,
        scope=presented.scope.text,
        seed=presented.signature,
    )


def _with_region_set(request: SignedRequest, presented: Presented) -> Scope:
    """Return the credential scope with the region set that takes the place of a region.

    A header of that name is signed like every ``x-amz-*`` one, a parameter like the rest of the query.
    """
    header = request.header(REGION_SET)
    if presented.presigned and header is not None:
        raise DuplicateParameter("a presigned request names its region set in the query alone")
    text = presented.region_set if presented.presigned else header
    return dataclasses.replace(
        presented.scope, region_set=read_region_set(text or "", presented.refuse_scope)
    )


def _payload_line(
    request: SignedRequest, presented: Presented, names: tuple[str, ...], body_sha256: str, *, s3: bool
) -> str:
    if presented.presigned:
        default = payload.UNSIGNED if s3 else body_sha256
        return payload.presigned_line(request, names, presented.pinned, default)
    stated = request.header(payload.HEADER)
    if stated is not None:
        return stated
    if s3:
        raise MissingPayloadHash
    return body_sha256


def _token(request: SignedRequest, presented: Presented) -> str | None:
    if _TOKENS.isdisjoint(request.fields):
        return presented.token
    given = [name for name in _TOKENS if name in request.fields]
    if presented.token is not None or len(given) > 1:
        raise DuplicateParameter("more than one session token was given")
    return request.header(given[0])
