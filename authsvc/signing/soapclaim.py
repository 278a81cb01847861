"""What a SOAP message says about itself, before anybody believes it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from authsvc.signing.envelope import Soap


class Name(NamedTuple):
    """The name of an element: its namespace, empty where it has none, and the name in it."""

    ns: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPart:
    """A part the signature refers to; ``part`` is where it stands, ``name`` what it is called.

    ``stated`` is the digest the message gives, ``computed`` that of the part as it is.
    """

    part: str
    name: Name
    digest: str
    stated: str
    computed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SoapClaim:
    """What a message says about itself, read and not yet believed.

    Attributes:
        soap: The version.
        operation: The Body's one child.
        certificate: The certificate shown, DER; only its hash means anything.
        signature: The RSA signature.
        algorithm: The signature's algorithm.
        signed_info: The canonical bytes that are signed.
        parts: What the signature refers to; Body and Timestamp are among them.
        created: Unix seconds; None where the Timestamp does not say.
        expires: Unix seconds.
        body: The canonical bytes of the Body: what was signed, and what to execute.
        unsigned: Header blocks that are not signed.
    """

    soap: Soap
    operation: Name
    certificate: bytes
    signature: bytes
    algorithm: str
    signed_info: bytes
    parts: tuple[SignedPart, ...]
    created: float | None
    expires: float
    body: bytes
    unsigned: tuple[Name, ...]

    @property
    def sha256(self) -> str:
        """Return the hex SHA-256 of the certificate shown, by which it is looked up."""
        return hashlib.sha256(self.certificate).hexdigest()

    @property
    def algorithms(self) -> frozenset[str]:
        """Return the names of every algorithm that the proof rests on."""
        return frozenset({self.algorithm, *(part.digest for part in self.parts)})
