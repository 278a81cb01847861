"""AWS Signature Version 4, in the header and presigned (S3's rules, and those of every other service)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from authsvc.errors import (
    DuplicateParameter,
    Malformed,
    MissingPayloadHash,
    MultipleMechanisms,
    SignatureMismatch,
)
from authsvc.signing import payload
from authsvc.signing.amzheaders import conceal, require_signed, signed_names
from authsvc.signing.authorization import from_header
from authsvc.signing.canonical import (
    canonical_headers,
    canonical_query,
    canonical_request,
    normalised_path,
    string_to_sign,
)
from authsvc.signing.claim import Claim
from authsvc.signing.encoding import recode, recode_path, require_same
from authsvc.signing.presigned import from_query, parameters
from authsvc.signing.scope import TERMINATOR, credential_scope

if TYPE_CHECKING:
    from authsvc.model import Secret
    from authsvc.signing.authorization import Presented
    from authsvc.signing.claim import SchemeName, Scope
    from authsvc.signing.request import SignedRequest

__all__ = [
    "ALGORITHM",
    "S3_SERVICES",
    "SigV4",
    "canonical_request",
    "signature",
    "signing_key",
    "string_to_sign",
]

ALGORITHM = "AWS4-HMAC-SHA256"
S3_SERVICES = frozenset({"s3", "s3-object-lambda", "s3-outposts", "s3express"})
_ASYMMETRIC = "AWS4-ECDSA-P256-SHA256"
_TOKENS = ("x-amz-security-token", "x-amz-s3session-token")


def signing_key(secret: Secret, scope: Scope) -> bytes:
    """Derive the 32-byte key that signs for one day, region and service."""
    key = ("AWS4" + secret.reveal()).encode("utf-8", "surrogatepass")
    for part in (scope.date, scope.region, scope.service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def signature(key: bytes, string_to_sign: str) -> str:
    """Return the signature, 64 lower-case hexadecimal digits."""
    return hmac.digest(key, string_to_sign.encode(), "sha256").hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class SigV4:
    """The scheme ``sigv4``.

    ``s3_services`` are signed S3's way: the path encoded once and never normalised, the payload hash always
    stated. All others: the path normalised and encoded twice, the body hashed where no hash is stated.
    """

    name: ClassVar[SchemeName] = "sigv4"
    s3_services: frozenset[str] = S3_SERVICES

    def recognises(self, request: SignedRequest) -> bool:
        """Say whether the header or the query carries V4's mark, the asymmetric variant's excepted."""
        if _in_header(request):
            return True
        found = parameters(request)
        algorithms = [recode(value) for name, value in found if name == "X-Amz-Algorithm"]
        if algorithms:
            return any(algorithm != _ASYMMETRIC for algorithm in algorithms)
        return any(name in {"X-Amz-Credential", "X-Amz-Signature"} for name, _ in found)

    def read(self, request: SignedRequest) -> Claim:
        """Take the request apart.

        Raises:
            Malformed: A leaf that says which part cannot be read, or is not signed.
        """
        if not _in_header(request):
            presented = from_query(request, ALGORITHM)
        elif parameters(request):
            raise MultipleMechanisms
        else:
            presented = from_header(request, ALGORITHM)
        try:
            return self._claim(request, presented)
        except Malformed as error:
            error.access_key = presented.access_key
            raise

    def prove(self, claim: Claim, secret: Secret) -> None:
        """Return only if the secret's holder made this signature.

        Raises:
            SignatureMismatch: Anybody else did; the detail holds what we signed, never our signature.
        """
        if claim.scope is None:
            raise SignatureMismatch
        (text,) = claim.strings_to_sign
        computed = signature(signing_key(secret, claim.scope), text)
        try:
            require_same(claim.signature, computed)
        except SignatureMismatch:
            raise SignatureMismatch(
                canonical_request=conceal(claim.canonical_request or ""),
                string_to_sign=text,
                signature_provided=claim.signature,
            ) from None

    def _claim(self, request: SignedRequest, presented: Presented) -> Claim:
        s3 = presented.scope.service in self.s3_services
        names = signed_names(presented.signed_headers, request.fields, presented.refuse)
        require_signed(request.fields, names)
        seen = request.body_hash() if request.body is not None else request.body_sha256
        line = _payload_line(request, presented, names, s3=s3)
        mode = payload.mode(line)
        canonical = canonical_request(
            method=request.method,
            path=recode_path(request.path) if s3 else normalised_path(request.path),
            query=canonical_query(presented.query),
            headers=canonical_headers(request.fields, names),
            signed_headers=presented.signed_headers,
            payload=line,
        )
        text = string_to_sign(
            algorithm=ALGORITHM,
            timestamp=presented.timestamp,
            scope=credential_scope(presented.scope),
            canonical_request=canonical,
        )
        lifetime = presented.lifetime
        return Claim(
            scheme=self.name,
            access_key=presented.access_key,
            signature=presented.signature,
            strings_to_sign=(text,),
            canonical_request=canonical,
            signed_at=presented.signed_at,
            expires_at=None if lifetime is None else presented.signed_at + lifetime,
            presigned=presented.presigned,
            scope=presented.scope,
            signed_headers=names,
            payload=mode,
            body_sha256=line.lower() if mode == "signed" else None,
            seen_body_sha256=seen,
            token=_token(request, presented),
        )


def _in_header(request: SignedRequest) -> bool:
    values = request.fields.get("authorization")
    return values is not None and any(value.startswith(ALGORITHM) for value in values)


def _payload_line(request: SignedRequest, presented: Presented, names: tuple[str, ...], *, s3: bool) -> str:
    if presented.presigned:
        default = payload.UNSIGNED if s3 else request.body_hash()
        return payload.presigned_line(request, names, presented.pinned, default)
    stated = request.header(payload.HEADER)
    if stated is not None:
        return stated
    if s3:
        raise MissingPayloadHash
    return request.body_hash()


def _token(request: SignedRequest, presented: Presented) -> str | None:
    headers = [request.header(name) for name in _TOKENS if name in request.fields]
    if len(headers) + (presented.token is not None) > 1:
        raise DuplicateParameter("more than one session token was given")
    return headers[0] if headers else presented.token
