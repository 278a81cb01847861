"""A certificate authority for TLS and mTLS tests: made in memory, written where a process wants files."""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HOUR = dt.timedelta(hours=1)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, lifetime: dt.timedelta):
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - max(HOUR, HOUR - lifetime))
        .not_valid_after(now + lifetime)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate, its key and who issued it, as PEM."""

    certificate: bytes
    key: bytes
    authority: bytes

    def write(self, folder: Path, name: str) -> Files:
        """Write the three PEM files, for their owner alone."""
        folder.mkdir(parents=True, exist_ok=True)
        files = Files(
            certificate=folder / f"{name}.pem",
            key=folder / f"{name}.key",
            authority=folder / f"{name}.ca.pem",
        )
        for path, content in (
            (files.certificate, self.certificate),
            (files.key, self.key),
            (files.authority, self.authority),
        ):
            path.touch(mode=0o600)
            path.write_bytes(content)
        return files


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where a certificate, its key and its authority were written."""

    certificate: Path
    key: Path
    authority: Path

    def server_context(self, *, client_authority: Path | None = None) -> ssl.SSLContext:
        """Return a server's context; with `client_authority`, one that insists on a client certificate of it."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        if client_authority is not None:
            context.load_verify_locations(client_authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_context(self, *, server_authority: Path | None = None) -> ssl.SSLContext:
        """Return a client's context that shows this certificate and trusts `server_authority`, or the same one."""
        context = ssl.create_default_context(cafile=server_authority or self.authority)
        context.load_cert_chain(self.certificate, self.key)
        return context


class Authority:
    """A certificate authority that lives as long as the test."""

    def __init__(self, name: str = "authsvc test authority") -> None:
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = (
            _builder(name, name, self._key, 24 * HOUR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def certificate(self) -> bytes:
        """The authority's own certificate, as PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def server(self, *names: str, lifetime: dt.timedelta = 24 * HOUR) -> Certificate:
        """Issue to a server under these DNS names or addresses; a negative lifetime has ended already."""
        return self._issue(names, ExtendedKeyUsageOID.SERVER_AUTH, lifetime)

    def client(self, *names: str, lifetime: dt.timedelta = 24 * HOUR) -> Certificate:
        """Issue to a client under these DNS names or addresses; a negative lifetime has ended already."""
        return self._issue(names, ExtendedKeyUsageOID.CLIENT_AUTH, lifetime)

    def _issue(
        self, names: Sequence[str], purpose: x509.ObjectIdentifier, lifetime: dt.timedelta
    ) -> Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            _builder(names[0], self._name, key, lifetime)
            .add_extension(
                x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Certificate(
            certificate=certificate.public_bytes(serialization.Encoding.PEM),
            key=key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
            authority=self.certificate,
        )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
