"""SOAP messages as EC2 clients sign them, made by hand so that every part of them can be made wrong."""

from __future__ import annotations

import base64
import datetime as dt
import functools
import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree

EC2 = "http://ec2.amazonaws.com/doc/2012-08-15/"
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE = f"{OASIS}wssecurity-secext-1.0.xsd"
WSU = f"{OASIS}wssecurity-utility-1.0.xsd"
DS = "http://www.w3.org/2000/09/xmldsig#"
EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
X509V3 = f"{OASIS}x509-token-profile-1.0#X509v3"
BASE64 = f"{OASIS}soap-message-security-1.0#Base64Binary"
NAMES = {"s": SOAP11, "wsse": WSSE, "wsu": WSU, "ds": DS, "ec2": EC2}

SIGNATURES = {
    "rsa-sha1": (f"{DS}rsa-sha1", hashes.SHA1()),
    "rsa-sha256": ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", hashes.SHA256()),
    "rsa-sha512": ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", hashes.SHA512()),
}
DIGESTS = {
    "sha1": f"{DS}sha1",
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
}
DESCRIBE_REGIONS = f'<DescribeRegions xmlns="{EC2}"><regionSet/></DescribeRegions>'


@dataclass(frozen=True)
class Signer:
    """A key and the certificate that carries it."""

    key: rsa.RSAPrivateKey
    der: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.der).hexdigest()

    def sign(self, message: bytes, algorithm: str = "rsa-sha256") -> bytes:
        return self.key.sign(message, padding.PKCS1v15(), SIGNATURES[algorithm][1])


@functools.cache
def key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """Make the worker's key of this size; another number, another key."""
    return rsa.generate_private_key(65537, bits)


@functools.cache
def signer(
    name: str = "alice",
    *,
    bits: int = 2048,
    number: int = 0,
    serial: int = 64660679105,
    days: tuple[int, int] = (-3650, 3650),
) -> Signer:
    """Make a self-signed certificate; ``days`` are its dates from 2026-11-22."""
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "GB"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    day = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    private = key(bits, number)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .serial_number(serial)
        .public_key(private.public_key())
        .not_valid_before(day + dt.timedelta(days=days[0]))
        .not_valid_after(day + dt.timedelta(days=days[1]))
        .sign(private, hashes.SHA256())
    )
    return Signer(private, certificate.public_bytes(Encoding.DER))


def stamp(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def unsigned(
    *,
    token: bytes,
    created: float,
    expires: float | None = None,
    body: str = DESCRIBE_REGIONS,
    blocks: str = "",
    soap: str = SOAP11,
    order: str = "token signature timestamp",
    timestamp: str | None = None,
    declarations: str = "",
) -> etree._Element:
    """Return the message before it is signed; ``blocks`` are further header blocks, with wsu:Id where they have one."""
    lifetime = timestamp or (
        f"<wsu:Created>{stamp(created)}</wsu:Created>"
        f"<wsu:Expires>{stamp(created + 300 if expires is None else expires)}</wsu:Expires>"
    )
    blocks = blocks.replace("wsu:Id", f'xmlns:wsu="{WSU}" wsu:Id')
    parts = {
        "token": f'<wsse:BinarySecurityToken EncodingType="{BASE64}" ValueType="{X509V3}" wsu:Id="CertId-1">'
        f"{base64.b64encode(token).decode()}</wsse:BinarySecurityToken>",
        "signature": f'<ds:Signature xmlns:ds="{DS}"/>',
        "timestamp": f'<wsu:Timestamp wsu:Id="id-2">{lifetime}</wsu:Timestamp>',
    }
    return etree.fromstring(
        f'<s:Envelope xmlns:s="{soap}" {declarations}><s:Header>'
        f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}">{"".join(parts[name] for name in order.split())}'
        f"</wsse:Security>{blocks}</s:Header>"
        f'<s:Body xmlns:wsu="{WSU}" wsu:Id="id-1">{body}</s:Body></s:Envelope>'
    )


def sign(
    message: etree._Element,
    by: Signer,
    *,
    algorithm: str = "rsa-sha256",
    digest: str = "sha256",
    parts: tuple[str, ...] = ("id-2", "id-1"),
    prefixes: str | None = None,
    uris: dict[str, str] | None = None,
) -> bytes:
    """Fill the empty ds:Signature in; ``uris`` says otherwise what a part's Reference points at."""
    signature = message.find(f".//{{{DS}}}Signature")
    inclusive = (
        "" if prefixes is None else f'<ec:InclusiveNamespaces xmlns:ec="{EXC}" PrefixList="{prefixes}"/>'
    )
    references = "".join(
        f'<ds:Reference URI="{(uris or {}).get(part, "#" + part)}"><ds:Transforms><ds:Transform Algorithm="{EXC}">'
        f'{inclusive}</ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="{DIGESTS[digest]}"/><ds:DigestValue>'
        f"{_digest(message, part, digest, prefixes)}</ds:DigestValue></ds:Reference>"
        for part in parts
    )
    made = etree.fromstring(
        f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{EXC}"/>'
        f'<ds:SignatureMethod Algorithm="{SIGNATURES[algorithm][0]}"/>{references}</ds:SignedInfo>'
        f'<ds:SignatureValue/><ds:KeyInfo Id="KeyId-1"><wsse:SecurityTokenReference xmlns:wsse="{WSSE}">'
        f'<wsse:Reference URI="#CertId-1" ValueType="{X509V3}"/></wsse:SecurityTokenReference></ds:KeyInfo>'
        "</ds:Signature>"
    )
    for child in made:
        signature.append(child)
    value = by.sign(canonical(signature[0]), algorithm)
    signature[1].text = base64.b64encode(value).decode()
    return etree.tostring(message)


def message(by: Signer, created: float, **options) -> bytes:
    """Return a signed message, wrong in nothing but what the options make wrong."""
    signing = {
        name: options.pop(name)
        for name in ("algorithm", "digest", "parts", "prefixes", "uris")
        if name in options
    }
    options.setdefault("token", by.der)
    return sign(unsigned(created=created, **options), by, **signing)


def canonical(element: etree._Element, prefixes: str | None = None) -> bytes:
    etree.fromstring('<a xmlns=""/>')  # or lxml would not know the empty prefix
    return etree.tostring(
        element,
        method="c14n",
        exclusive=True,
        inclusive_ns_prefixes=(prefixes or "").replace("#default", "").split(" ") if prefixes else None,
    )


def _digest(message: etree._Element, part: str, digest: str, prefixes: str | None) -> str:
    (element,) = message.xpath(f"//*[@wsu:Id='{part}']", namespaces=NAMES)
    octets = hashlib.new(digest, canonical(element, prefixes)).digest()
    return base64.b64encode(octets).decode()
