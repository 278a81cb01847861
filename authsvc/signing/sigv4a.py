"""AWS Signature Version 4A: V4's canonical forms, signed with ECDSA on P-256, good for a set of regions.

The key pair is derived from access key and secret key alone; it never changes by day or region. So whoever holds
the public key can prove signatures, and can make none.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authsvc.errors import SignatureMismatch
from authsvc.model import AccessKey, PublicKey
from authsvc.signing.claim import SchemeName
from authsvc.signing.encoding import recode
from authsvc.signing.presigned import parameters
from authsvc.signing.scope import ASYMMETRIC as ALGORITHM
from authsvc.signing.streaming import decode
from authsvc.signing.v4 import S3_SERVICES, in_header, mismatch, read_claim

if TYPE_CHECKING:
    from authsvc.model import Secret, Verifier
    from authsvc.signing.claim import Claim
    from authsvc.signing.request import SignedRequest

__all__ = [
    "ALGORITHM",
    "ORDER",
    "SigV4A",
    "private_key",
    "public_key",
    "public_key_of",
    "read_point",
    "require_signed_by",
]

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of P-256's base point (SEC 2 §2.4.2)."""

_CURVE = ec.SECP256R1()
_ECDSA = ec.ECDSA(SHA256())
_HEX = re.compile(r"(?:[0-9a-f]{2}){8,72}", re.ASCII)
_NOT_DER = "The request signature is not an ECDSA signature: DER, in lower-case hexadecimal digits."


def private_key(access_key: AccessKey, secret: Secret) -> ec.EllipticCurvePrivateKey:
    """Derive the private key of an access key and its secret key.

    ::

        K(c) = HMAC-SHA256("AWS4A" ‖ secret key, 00000001 ‖ algorithm ‖ 00 ‖ access key ‖ byte(c) ‖ 00000100)

    The first of K(1) … K(254) that is at most n - 2, plus one (a KDF in counter mode, NIST SP 800-108 §4.1; testing
    candidates, FIPS 186-5 §A.2.2). That not even the second is wanted has a chance of one in 2³².
    """
    key = ("AWS4A" + secret.reveal()).encode("utf-8", "surrogatepass")
    head = b"\x00\x00\x00\x01" + ALGORITHM.encode() + b"\x00" + access_key.encode("utf-8", "surrogatepass")
    for counter in range(1, 255):
        fixed_input = head + bytes((counter,)) + b"\x00\x00\x01\x00"
        candidate = int.from_bytes(hmac.digest(key, fixed_input, "sha256"), "big")
        if candidate <= ORDER - 2:
            return ec.derive_private_key(candidate + 1, _CURVE)
    raise ArithmeticError("no private key in 254 candidates")


def public_key(access_key: AccessKey, secret: Secret) -> PublicKey:
    """Derive the public key of an access key and its secret key."""
    derived = private_key(access_key, secret).public_key()
    return PublicKey(derived.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def public_key_of(access_key: AccessKey, verifier: Verifier) -> PublicKey:
    """Return the public key, be it all that is held or derived from the secret key."""
    return verifier if isinstance(verifier, PublicKey) else public_key(access_key, verifier)


def read_point(point: bytes) -> PublicKey:
    """Take 65 bytes for a public key.

    Raises:
        ValueError: They are no uncompressed point of the curve.
    """
    key = PublicKey(point)
    if len(point) != PublicKey.LENGTH:
        raise ValueError("a public key is 65 bytes")
    _loaded(key)
    return key


def require_signed_by(key: PublicKey, presented: str, string_to_sign: str) -> None:
    """Return only if the private half of the key made this signature (hexadecimal DER) of this text.

    One text has many signatures of one key, and from each anybody can make a second (r, n - s): a signature
    must never serve to recognise a replay.

    Raises:
        SignatureMismatch: It did not; or r or s is not in 1 … n - 1; or it is not DER to the letter.
    """
    _require_signed_by(_loaded(key), presented, string_to_sign)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigV4A:
    """The scheme ``sigv4a``; ``s3_services`` as in ``SigV4``."""

    name: SchemeName = field(default="sigv4a", init=False)
    mechanism: str | None = field(default=ALGORITHM, init=False)
    s3_services: frozenset[str] = S3_SERVICES

    def recognises(self, request: SignedRequest) -> bool:
        """Say whether the header or the query names the algorithm."""
        if in_header(request, ALGORITHM):
            return True
        return "X-Amz-Algorithm" in request.names and any(
            name == "X-Amz-Algorithm" and recode(value) == ALGORITHM for name, value in parameters(request)
        )

    def read(self, request: SignedRequest) -> Claim:
        """Take the request apart.

        Raises:
            Malformed: A leaf that says which part cannot be read, or is not signed.
        """
        return read_claim(request, scheme=self.name, algorithm=ALGORITHM, s3_services=self.s3_services)

    def prove(self, claim: Claim, secret: Secret) -> None:
        """Return only if the secret's holder made this signature.

        Raises:
            SignatureMismatch: Anybody else did; the detail holds what was to be signed.
        """
        _prove(claim, secret.derived((ALGORITHM, claim.access_key), _derive))

    def prove_by_public_key(self, claim: Claim, key: PublicKey) -> None:
        """Return only if the holder of the key's private half made this signature.

        Raises:
            SignatureMismatch: Anybody else did; the detail holds what was to be signed.
        """
        _prove(claim, _loaded(key))

    def prove_chunks(self, claim: Claim, verifier: Verifier) -> None:
        """Return only if the chunks that came along were signed like the request.

        Their signatures are padded with ``*``, so that the length of the framing is known beforehand.

        Raises:
            SignatureMismatch: One was not.
            IncompleteBody: They are cut, or framed wrongly.
        """
        if claim.chunks is None or claim.chunks.body is None:
            return
        key = _loaded(public_key_of(claim.access_key, verifier))
        decode(
            claim.chunks,
            claim.chunks.body,
            lambda text, presented: _require_signed_by(key, presented, text),
        )


def _derive(secret: Secret, purpose: tuple[str, ...]) -> ec.EllipticCurvePublicKey:
    _, access_key = purpose
    return private_key(AccessKey(access_key), secret).public_key()


def _prove(claim: Claim, key: ec.EllipticCurvePublicKey) -> None:
    (text,) = claim.strings_to_sign
    try:
        _require_signed_by(key, claim.signature, text)
    except SignatureMismatch as error:
        raise mismatch(claim, error.message) from None


def _require_signed_by(key: ec.EllipticCurvePublicKey, presented: str, text: str) -> None:
    try:
        key.verify(_der(presented), text.encode(), _ECDSA)
    except InvalidSignature:
        raise SignatureMismatch from None


def _der(presented: str) -> bytes:
    """Decode the one spelling a signature has."""
    if not _HEX.fullmatch(presented):
        raise SignatureMismatch(_NOT_DER)
    written = bytes.fromhex(presented)
    try:
        r, s = decode_dss_signature(written)
        canonical = encode_dss_signature(r, s)
    except ValueError:
        raise SignatureMismatch(_NOT_DER) from None
    if not (0 < r < ORDER and 0 < s < ORDER) or canonical != written:
        raise SignatureMismatch(_NOT_DER)
    return written


@lru_cache(maxsize=4096)
def _loaded(key: PublicKey) -> ec.EllipticCurvePublicKey:
    """Return the key as the library wants it; checking the point costs a tenth of a verification."""
    return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, key.point)
