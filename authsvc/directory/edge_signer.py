"""The key that signs files of edge keys: Ed25519 (RFC 8032)."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

Signer = Ed25519PrivateKey


def new_signer() -> tuple[bytes, bytes]:
    """Make a signing key; returns it in PEM (PKCS #8), and its public half, 32 bytes."""
    signer = Ed25519PrivateKey.generate()
    pem = signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem, signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def read_signer(pem: bytes) -> Signer:
    """Read a signing key.

    Raises:
        ValueError: It is none.
    """
    try:
        signer = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise ValueError("the signing key cannot be read; `authsvc edge-keys new-signer` makes one") from None
    if not isinstance(signer, Ed25519PrivateKey):
        raise ValueError("the signing key is not an Ed25519 one; `authsvc edge-keys new-signer` makes one")  # noqa: TRY004 -- a wrong file, not a wrong type
    return signer
