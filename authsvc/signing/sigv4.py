"""AWS Signature Version 4, in the header and presigned (S3's rules, and those of every other service)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from authsvc.errors import SecretNotHeld, SignatureMismatch
from authsvc.model import Secret
from authsvc.signing.canonical import canonical_request, string_to_sign
from authsvc.signing.claim import SchemeName
from authsvc.signing.encoding import recode, require_same
from authsvc.signing.presigned import parameters
from authsvc.signing.scope import ASYMMETRIC
from authsvc.signing.streaming import decode
from authsvc.signing.v4 import S3_SERVICES, in_header, mismatch, read_claim

if TYPE_CHECKING:
    from authsvc.model import Verifier
    from authsvc.signing.claim import Claim
    from authsvc.signing.request import SignedRequest
    from authsvc.signing.scope import Scope

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
_BLOCK = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class _SigningKey:
    """A key whose two pads were hashed once, for all the texts it signs (RFC 2104 §4)."""

    __slots__ = ("_inner", "_outer", "key")

    def __init__(self, key: bytes) -> None:
        padded = key.ljust(_BLOCK, b"\0")
        self.key = key
        self._inner = hashlib.sha256(padded.translate(_INNER))
        self._outer = hashlib.sha256(padded.translate(_OUTER))

    def signature(self, text: str) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode())
        outer.update(inner.digest())
        return outer.hexdigest()


def signing_key(secret: Secret, scope: Scope) -> bytes:
    """Derive the 32-byte key that signs for one day, region and service: an HMAC over each part of the scope."""
    return _signing_key(secret, scope).key


def signature(key: bytes, string_to_sign: str) -> str:
    """Return the signature, 64 lower-case hexadecimal digits."""
    return hmac.digest(key, string_to_sign.encode(), "sha256").hex()


def _signing_key(secret: Secret, scope: Scope) -> _SigningKey:
    return secret.derived((ALGORITHM, scope.text), _derive)


def _derive(secret: Secret, purpose: tuple[str, ...]) -> _SigningKey:
    _, scope = purpose
    key = ("AWS4" + secret.reveal()).encode("utf-8", "surrogatepass")
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return _SigningKey(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigV4:
    """The scheme ``sigv4``.

    ``s3_services`` are signed S3's way: the path encoded once and never normalised, the payload hash always
    stated. All others: the path normalised and encoded twice, the body hashed where no hash is stated.
    """

    name: SchemeName = field(default="sigv4", init=False)
    mechanism: str | None = field(default=ALGORITHM, init=False)
    s3_services: frozenset[str] = S3_SERVICES

    def recognises(self, request: SignedRequest) -> bool:
        """Say whether the header or the query carries V4's mark, the asymmetric variant's excepted."""
        if in_header(request, ALGORITHM):
            return True
        if "X-Amz-Algorithm" in request.names:
            return any(
                name == "X-Amz-Algorithm" and recode(value) != ASYMMETRIC
                for name, value in parameters(request)
            )
        return "X-Amz-Credential" in request.names or "X-Amz-Signature" in request.names

    def read(self, request: SignedRequest) -> Claim:
        """Take the request apart.

        Raises:
            Malformed: A leaf that says which part cannot be read, or is not signed.
        """
        return read_claim(request, scheme=self.name, algorithm=ALGORITHM, s3_services=self.s3_services)

    def prove(self, claim: Claim, secret: Secret) -> None:
        """Return only if the secret's holder made this signature.

        Raises:
            SignatureMismatch: Anybody else did; the detail holds what we signed, never our signature.
        """
        if claim.scope is None:
            raise SignatureMismatch
        (text,) = claim.strings_to_sign
        computed = _signing_key(secret, claim.scope).signature(text)
        try:
            require_same(claim.signature, computed)
        except SignatureMismatch:
            raise mismatch(claim) from None

    def prove_chunks(self, claim: Claim, verifier: Verifier) -> None:
        """Return only if the chunks that came along were signed like the request.

        Raises:
            SignatureMismatch: One was not.
            IncompleteBody: They are cut, or framed wrongly.
            SecretNotHeld: Here is a public key.
        """
        if claim.scope is None or claim.chunks is None or claim.chunks.body is None:
            return
        if not isinstance(verifier, Secret):
            raise SecretNotHeld
        key = _signing_key(verifier, claim.scope)
        decode(
            claim.chunks,
            claim.chunks.body,
            lambda text, presented: require_same(presented, key.signature(text)),
        )
