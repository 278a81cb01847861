"""What a request says about itself, before anybody believes it."""

from __future__ import annotations

from typing import Any, Literal, Self

from msgspec import Struct
from msgspec.structs import replace

from authsvc.errors import Denied
from authsvc.model import AccessKey
from authsvc.signing.scope import Scope
from authsvc.signing.streaming import Chunks
from authsvc.signing.upload import Upload

SchemeName = Literal["cloudstack", "sigv4", "sigv4a", "s3v2", "sigv2", "sigv4-post", "s3v2-post"]
Payload = Literal[
    "signed", "unsigned", "streaming", "streaming-trailer", "streaming-unsigned-trailer", "none"
]


class Claim(Struct, frozen=True, kw_only=True):
    """Everything ``prove`` and policy need; times are reported here and judged in policy.

    Attributes:
        scheme: Which scheme read it.
        access_key: Whose signature it claims to be.
        signature: As presented.
        strings_to_sign: The scheme's exact string to sign first, then any other form it tolerates.
        canonical_request: Where the scheme has one.
        algorithm: The digest, where the scheme leaves a choice.
        signed_at: Unix seconds; None where the request does not say.
        expires_at: Unix seconds; the end the request itself carries.
        presigned: The signature travels in the query.
        scope: The credential scope, where the scheme has one.
        signed_headers: Lower-case names the signature covers.
        unsigned_query: Names of query parameters the signature does not cover, as sent.
        payload: What the signature says of the body.
        body_sha256: The body hash that was signed, where it was one.
        seen_body_sha256: The hash of the body the caller saw, where it told us.
        token: The session token presented, if any.
        presented: Only its string to sign was seen; whether it was presigned, and until when, a V4 string does
            not say.
        chunks: What is said of the payload's chunks, where it comes in chunks.
        upload: What an upload form asks for, where it is one.
        objection: What is wrong with the request although it can be read; told once the signature is proven, so
            that nobody learns anything by a signature that is none.
    """

    scheme: SchemeName
    access_key: AccessKey
    signature: str
    strings_to_sign: tuple[str, ...]
    canonical_request: str | None = None
    algorithm: str | None = None
    signed_at: float | None = None
    expires_at: float | None = None
    presigned: bool = False
    scope: Scope | None = None
    signed_headers: tuple[str, ...] = ()
    unsigned_query: tuple[str, ...] = ()
    payload: Payload = "none"
    body_sha256: str | None = None
    seen_body_sha256: str | None = None
    token: str | None = None
    presented: bool = False
    chunks: Chunks | None = None
    upload: Upload | None = None
    objection: Denied | None = None

    def changed(self, **fields: Any) -> Self:
        """Return a claim that differs in these."""
        return replace(self, **fields)
