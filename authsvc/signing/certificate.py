"""X.509 certificates as carriers of a public key: nothing in them is believed but the key itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from authsvc.errors import SignatureMismatch, UnsupportedToken
from authsvc.signing.x500 import written

MAX_DER: Final = 8192
MAX_BITS: Final = 4096
MAX_EXPONENT: Final = 2**33
"""Above these a verification costs more than a request may."""

_HASHES: Final[dict[str, HashAlgorithm]] = {
    "rsa-sha1": SHA1(),  # noqa: S303 -- policy refuses it by default
    "rsa-sha256": SHA256(),
    "rsa-sha512": SHA512(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """What a certificate says.

    Attributes:
        sha256: Hex hash of the DER, its only name here.
        issuer: As Java's ``X500Principal.toString`` writes it.
        serial: In decimal.
        bits: Length of the RSA key.
        not_before: Unix seconds.
        not_after: Unix seconds.
    """

    sha256: str
    issuer: str
    serial: str
    bits: int
    not_before: float
    not_after: float

    @property
    def legacy_id(self) -> str:
        """Return the ``CertUniqueId`` under which CloudStack's awsapi knew it (``AuthenticationUtils``).

        Anybody can make another certificate with the same.
        """
        return f"{self.issuer}, serial={self.serial}"


@lru_cache(maxsize=1024)
def certified(der: bytes) -> Certified:
    """Read a certificate.

    Raises:
        UnsupportedToken: It is none, or its key is no RSA key of a usable size.
    """
    certificate, key = _load(der)
    return Certified(
        sha256=hashlib.sha256(der).hexdigest(),
        issuer=written(certificate.issuer),
        serial=str(certificate.serial_number),
        bits=key.key_size,
        not_before=certificate.not_valid_before_utc.timestamp(),
        not_after=certificate.not_valid_after_utc.timestamp(),
    )


def from_pem(pem: bytes) -> bytes:
    """Return the DER of the one certificate in PEM.

    Raises:
        UnsupportedToken: There is none, or more than one.
    """
    try:
        (certificate,) = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise UnsupportedToken("there must be one certificate in PEM") from None
    return certificate.public_bytes(Encoding.DER)


def require_signed(der: bytes, signature: bytes, message: bytes, algorithm: str) -> None:
    """Return only if the certificate's key made this signature (RSASSA-PKCS1-v1_5).

    Raises:
        SignatureMismatch: It did not.
    """
    try:
        _key(der).verify(signature, message, padding.PKCS1v15(), _HASHES[algorithm])
    except (InvalidSignature, UnsupportedToken):
        raise SignatureMismatch from None


@lru_cache(maxsize=1024)
def _key(der: bytes) -> RSAPublicKey:
    return _load(der)[1]


def _load(der: bytes) -> tuple[x509.Certificate, RSAPublicKey]:
    if len(der) > MAX_DER:
        raise UnsupportedToken("the certificate is too large")
    try:
        certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key()
    except Exception:  # noqa: BLE001 - whatever is wrong with a certificate, it is the certificate's fault
        raise UnsupportedToken("the token holds no X.509 certificate that can be read") from None
    if not isinstance(key, RSAPublicKey):
        raise UnsupportedToken("the certificate's key must be an RSA key")
    if key.key_size > MAX_BITS or key.public_numbers().e > MAX_EXPONENT:
        raise UnsupportedToken(f"the certificate's RSA key must be no longer than {MAX_BITS} bits")
    return certificate, key
