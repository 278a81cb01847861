"""What a request says about itself, before anybody believes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from authsvc.errors import Denied
    from authsvc.model import AccessKey, PublicKey, Secret, Verifier
    from authsvc.signing.request import SignedRequest
    from authsvc.signing.streaming import Chunks
    from authsvc.signing.upload import Upload

TERMINATOR: Final = "aws4_request"
SchemeName = Literal["cloudstack", "sigv4", "sigv4a", "s3v2", "sigv2", "sigv4-post", "s3v2-post"]
Payload = Literal[
    "signed", "unsigned", "streaming", "streaming-trailer", "streaming-unsigned-trailer", "none"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A credential scope: ``date`` as ``YYYYMMDD``, and what the signature is good for.

    ``region`` is None where a ``region_set`` is signed instead: names of regions, with ``*`` for any characters.
    ``text`` is how it stands in the string to sign.
    """

    date: str
    region: str | None
    service: str
    region_set: tuple[str, ...] = ()
    text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        place = self.service if self.region is None else f"{self.region}/{self.service}"
        object.__setattr__(self, "text", f"{self.date}/{place}/{TERMINATOR}")


class Claim(NamedTuple):
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


class Scheme(Protocol):
    """One way of signing. Pure: text in, claim out.

    ``name`` is the scheme's name in answers and settings. A scheme that has variants on the wire (header and
    presigned, several digests) is still one scheme. ``mechanism`` is the word that its Authorization headers begin
    with (RFC 9110 §11.4), None where it has none.
    """

    @property
    def name(self) -> SchemeName:
        """Return the scheme's name."""
        ...

    @property
    def mechanism(self) -> str | None:
        """Return the mechanism."""
        ...

    def recognises(self, request: SignedRequest) -> bool:
        """Say whether the request carries this scheme's mark; cheap, never raises."""
        ...

    def read(self, request: SignedRequest) -> Claim:
        """Take the request apart.

        Raises:
            Malformed: It carries the mark and cannot be read as the scheme; nothing else is raised.
        """
        ...

    def prove(self, claim: Claim, secret: Secret) -> None:
        """Return only if the secret's holder made this signature.

        Raises:
            SignatureMismatch: Anybody else did.
        """
        ...


@runtime_checkable
class ByPublicKey(Protocol):
    """What a scheme has besides, where a public key is enough to prove its signatures."""

    def prove_by_public_key(self, claim: Claim, key: PublicKey) -> None:
        """Return only if the holder of the key's private half made this signature.

        Raises:
            SignatureMismatch: Anybody else did.
        """
        ...


@runtime_checkable
class ByChunks(Protocol):
    """What a scheme has besides, where a payload can be signed chunk by chunk."""

    def prove_chunks(self, claim: Claim, verifier: Verifier) -> None:
        """Return only if every chunk of the payload that came along was signed like the request.

        Raises:
            SignatureMismatch: One was not.
            IncompleteBody: They are cut, or framed wrongly.
            SecretNotHeld: The scheme needs the secret key, and here is a public one.
        """
        ...
