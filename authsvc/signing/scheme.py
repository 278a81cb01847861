"""What a way of signing is to those who read and prove by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from authsvc.model import PublicKey, Secret, Verifier
    from authsvc.signing.claim import Claim, SchemeName
    from authsvc.signing.request import SignedRequest


class Scheme(Protocol):
    """One way of signing. Pure: text in, claim out.

    ``name`` is the scheme's name in answers and settings. A scheme that has variants on the wire (header and
    presigned, several digests) is still one scheme. ``mechanism`` is the word that its Authorization headers begin
    with (RFC 9110 §11.4), None where it has none. Both are fields, as a dataclass that is compiled knows no ``ClassVar``.
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
