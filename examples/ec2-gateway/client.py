"""What a client does: sign SOAP messages by a certificate's key, and HTTP requests by an API key."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree

OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE, WSU = f"{OASIS}wssecurity-secext-1.0.xsd", f"{OASIS}wssecurity-utility-1.0.xsd"
X509V3 = f"{OASIS}x509-token-profile-1.0#X509v3"
BASE64 = f"{OASIS}soap-message-security-1.0#Base64Binary"
DS = "http://www.w3.org/2000/09/xmldsig#"
EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"


def new_certificate(name: str) -> tuple[rsa.RSAPrivateKey, bytes]:
    """Make a key and a self-signed certificate (DER), as `openssl req -x509` does."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .serial_number(x509.random_serial_number())
        .public_key(key.public_key())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return key, certificate.public_bytes(Encoding.DER)


def signed_envelope(key: rsa.RSAPrivateKey, der: bytes, operation: str) -> bytes:
    """Wrap an operation into a SOAP 1.1 envelope, and sign its Body and its Timestamp."""
    now = dt.datetime.now(dt.UTC)
    created, expires = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (now, now + dt.timedelta(minutes=5)))
    envelope = etree.fromstring(
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>'
        f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}">'
        f'<wsse:BinarySecurityToken EncodingType="{BASE64}" ValueType="{X509V3}" wsu:Id="token">'
        f'{base64.b64encode(der).decode()}</wsse:BinarySecurityToken><ds:Signature xmlns:ds="{DS}"/>'
        f'<wsu:Timestamp wsu:Id="time"><wsu:Created>{created}</wsu:Created><wsu:Expires>{expires}</wsu:Expires>'
        f'</wsu:Timestamp></wsse:Security></s:Header><s:Body xmlns:wsu="{WSU}" wsu:Id="body">{operation}</s:Body>'
        "</s:Envelope>"
    )
    references = "".join(
        f'<ds:Reference URI="#{element.get(f"{{{WSU}}}Id")}"><ds:Transforms><ds:Transform Algorithm="{EXC}"/>'
        f'</ds:Transforms><ds:DigestMethod Algorithm="{SHA256}"/><ds:DigestValue>{digest(element)}</ds:DigestValue>'
        "</ds:Reference>"
        for element in (envelope[0][0][2], envelope[1])
    )
    parts = etree.fromstring(
        f'<ds:Signature xmlns:ds="{DS}" xmlns:wsse="{WSSE}"><ds:SignedInfo>'
        f'<ds:CanonicalizationMethod Algorithm="{EXC}"/><ds:SignatureMethod Algorithm="{RSA_SHA256}"/>{references}'
        "</ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><wsse:SecurityTokenReference>"
        f'<wsse:Reference URI="#token" ValueType="{X509V3}"/></wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature>'
    )
    signature = envelope[0][0][1]
    signature.extend(list(parts))
    value = key.sign(canonical(signature[0]), padding.PKCS1v15(), hashes.SHA256())
    signature[1].text = base64.b64encode(value).decode()
    return etree.tostring(envelope)


def canonical(element: etree._Element) -> bytes:
    """Canonicalise a part."""
    return etree.tostring(element, method="c14n", exclusive=True)


def digest(element: etree._Element) -> str:
    """Hash a part."""
    return base64.b64encode(hashlib.sha256(canonical(element)).digest()).decode()


def signed_headers(
    method: str,
    url: str,
    body: bytes,
    *,
    access_key: str,
    secret_key: str,
    service: str,
    region: str = "region-1",
) -> dict[str, str]:
    """Sign a request without a query by Signature Version 4."""
    parts, payload = urlsplit(url), hashlib.sha256(body).hexdigest()
    stamp = f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}"
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    request = (
        f"{method}\n{parts.path}\n\nhost:{parts.netloc}\nx-amz-date:{stamp}\n\nhost;x-amz-date\n{payload}"
    )
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"Credential={access_key}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}"
    return {"Host": parts.netloc, "X-Amz-Date": stamp, "Authorization": f"AWS4-HMAC-SHA256 {credential}"}
