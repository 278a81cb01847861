"""WS-Security 1.0 X.509 signatures as EC2's SOAP clients make them: bytes in, claim out.

::

    Envelope
    ├── Header
    │   ├── Security
    │   │   ├── BinarySecurityToken   the certificate; says whose key, proves nothing
    │   │   ├── Signature
    │   │   │   ├── SignedInfo        Reference → Body, Reference → Timestamp, perhaps more
    │   │   │   ├── SignatureValue    RSA over the canonical SignedInfo
    │   │   │   └── KeyInfo           → BinarySecurityToken
    │   │   └── Timestamp             Created, Expires
    │   └── …                         signed or not; which, is reported
    └── Body                          the operation
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

from lxml import etree

from authsvc.errors import MalformedEnvelope, NotSigned, UnsupportedAlgorithm, UnsupportedToken
from authsvc.signing import c14n
from authsvc.signing.certificate import require_signed
from authsvc.signing.encoding import require_same
from authsvc.signing.envelope import (
    BASE64,
    DS,
    ID,
    WSSE,
    WSU,
    X509V3,
    attributes,
    children,
    local,
    take_apart,
    text,
)
from authsvc.signing.soapclaim import Name, SignedPart, SoapClaim

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from authsvc.signing.envelope import Envelope

MAX_REFERENCES: Final = 8
MAX_PREFIXES: Final = 16

SIGNATURES: Final = {
    "http://www.w3.org/2000/09/xmldsig#rsa-sha1": "rsa-sha1",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": "rsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": "rsa-sha512",
}
DIGESTS: Final = {
    "http://www.w3.org/2000/09/xmldsig#sha1": "sha1",
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
_PREFIX_LIST = f"{{{c14n.ALGORITHM}}}InclusiveNamespaces"
_LONGEST_SIGNATURE = 512
_WHITE = re.compile(r"[ \t\r\n]+")
_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?Z", re.ASCII
)  # UTC only, as WS-Security asks


def read(raw: bytes) -> SoapClaim:
    """Take a message apart.

    Raises:
        MalformedEnvelope: It is of another shape than the one that is accepted.
        NotSigned: Its signature does not refer to both the Body and the Timestamp.
        UnsupportedToken: Its key is shown in another way.
        UnsupportedAlgorithm: It uses an algorithm that is not on the list.
    """
    envelope = take_apart(raw)
    method, prefixes, references = _signed_info(envelope.signed_info)
    token = _token(envelope)
    created, expires = _lifetime(envelope.timestamp)
    signed = {reference.get("URI") for reference in references}
    if len(signed) != len(references):
        raise MalformedEnvelope("a part is referred to twice", rule="ReferenceTarget")
    hashed = [_part(reference, envelope) for reference in references]
    canonical = {part.part: octets for part, octets in hashed}
    if not {"Body", "Timestamp"} <= canonical.keys():
        raise NotSigned(rule="SignedParts")
    return SoapClaim(
        soap=envelope.soap,
        operation=_name(envelope.operation),
        certificate=token,
        signature=_base64(envelope.signature_value, longest=_LONGEST_SIGNATURE),
        algorithm=method,
        signed_info=c14n.exclusive(envelope.signed_info, prefixes),
        parts=tuple(part for part, _ in hashed),
        created=created,
        expires=expires,
        body=canonical["Body"],
        unsigned=tuple(_name(block) for block in envelope.blocks if f"#{block.get(ID)}" not in signed),
    )


def prove(claim: SoapClaim, certificate: bytes) -> None:
    """Return only if the holder of this certificate's key signed the message, all that it refers to included.

    ``certificate`` is the registered one, DER, never the one the message shows.

    Raises:
        SignatureMismatch: Anybody else did, or a part is not what was signed.
    """
    prove_signed_info(claim, certificate)
    for part in claim.parts:
        require_same(part.stated, part.computed)


def prove_signed_info(claim: SoapClaim, certificate: bytes) -> None:
    """Return only if this certificate's key made the signature; what is signed by reference is another matter.

    Raises:
        SignatureMismatch: It did not.
    """
    require_signed(certificate, claim.signature, claim.signed_info, claim.algorithm)


def _signed_info(signed_info: Element) -> tuple[str, list[str], list[Element]]:
    """Return the signature's algorithm, the prefixes for canonicalising, and the references."""
    attributes(signed_info, rule="SignatureShape")
    if not 3 <= len(signed_info) <= 2 + MAX_REFERENCES:  # noqa: PLR2004 -- two methods and a reference
        raise NotSigned("SignedInfo must refer to 2 to 8 parts", rule="References")
    tags = (f"{DS}CanonicalizationMethod", f"{DS}SignatureMethod")
    references = [f"{DS}Reference"] * (len(signed_info) - len(tags))
    canonical, method, *found = children(signed_info, *tags, *references, rule="SignatureShape")
    attributes(method, "Algorithm", rule="SignatureShape")
    children(method, rule="SignatureShape")
    algorithm = method.get("Algorithm", "")
    if algorithm not in SIGNATURES:
        raise UnsupportedAlgorithm("the SignatureMethod is not accepted here")
    return SIGNATURES[algorithm], _exclusive(canonical), found


def _exclusive(method: Element) -> list[str]:
    """Return the PrefixList of a canonicalisation that is the exclusive one, without comments."""
    attributes(method, "Algorithm", rule="SignatureShape")
    if method.get("Algorithm") != c14n.ALGORITHM:
        raise UnsupportedAlgorithm("only exclusive canonicalisation, without comments, is accepted")
    if not len(method):
        children(method, rule="SignatureShape")
        return []
    (inclusive,) = children(method, _PREFIX_LIST, rule="SignatureShape")
    attributes(inclusive, "PrefixList", rule="SignatureShape")
    children(inclusive, rule="SignatureShape")
    prefixes = inclusive.get("PrefixList", "").split()
    if len(prefixes) > MAX_PREFIXES:
        raise MalformedEnvelope("the PrefixList is too long", rule="TooLarge")
    return prefixes


def _token(envelope: Envelope) -> bytes:
    """Return the certificate shown; KeyInfo must point at it, and at nothing else."""
    token = envelope.token
    attributes(token, "EncodingType", "ValueType", rule="TokenShape")
    if token.get("ValueType") != X509V3 or token.get("EncodingType", BASE64) != BASE64:
        raise UnsupportedToken
    if [child.tag for child in envelope.key_info] != [f"{WSSE}SecurityTokenReference"]:
        raise UnsupportedToken("KeyInfo must hold one SecurityTokenReference", rule="KeyInfo")
    reference = envelope.key_info[0]
    if [child.tag for child in reference] != [f"{WSSE}Reference"]:
        raise UnsupportedToken("the key must be referred to by the token's id", rule="KeyInfo")
    pointer = reference[0]
    attributes(envelope.key_info, rule="KeyInfo")
    attributes(reference, rule="KeyInfo")
    attributes(pointer, "URI", "ValueType", rule="KeyInfo")
    children(pointer, rule="KeyInfo")
    own = token.get(ID)
    if not own or pointer.get("URI") != f"#{own}" or pointer.get("ValueType", X509V3) != X509V3:
        raise UnsupportedToken("KeyInfo must point at the message's own token", rule="KeyInfo")
    return _base64(token, longest=None)


def _lifetime(timestamp: Element) -> tuple[float | None, float]:
    """Return Created and Expires; Expires has to be there (AWS's rule), Created may be."""
    tags = [f"{WSU}Created", f"{WSU}Expires"][-max(1, len(timestamp)) :]
    attributes(timestamp, rule="TimestampShape")
    moments = children(timestamp, *tags, rule="TimestampShape")
    for moment in moments:
        attributes(moment, rule="TimestampShape")
    *created, expires = (_moment(text(moment)) for moment in moments)
    if created and created[0] > expires:
        raise MalformedEnvelope("the Timestamp expires before it was created", rule="TimestampShape")
    return (created[0] if created else None), expires


def _moment(written: str) -> float:
    match = _MOMENT.fullmatch(written.strip(" \t\r\n"))
    try:
        if match is not None:
            second = datetime.fromisoformat(f"{match[1]}+00:00").timestamp()
            return second + float(f"0.{match[2] or 0}")
    except ValueError:
        pass
    raise MalformedEnvelope("times must be written as 2026-11-22T12:00:00Z", rule="TimestampShape")


def _part(reference: Element, envelope: Envelope) -> tuple[SignedPart, bytes]:
    """Canonicalise and hash what a reference points at: a part that is known by its place, or nothing."""
    attributes(reference, "URI", rule="ReferenceShape")
    transforms, method, value = children(
        reference, f"{DS}Transforms", f"{DS}DigestMethod", f"{DS}DigestValue", rule="ReferenceShape"
    )
    attributes(method, "Algorithm", rule="ReferenceShape")
    children(method, rule="ReferenceShape")
    digest = DIGESTS.get(method.get("Algorithm", ""))
    if digest is None:
        raise UnsupportedAlgorithm("the DigestMethod is not accepted here")
    place, element = _target(reference.get("URI", ""), envelope)
    canonical = c14n.exclusive(element, _transform(transforms))
    part = SignedPart(
        part=place,
        name=_name(element),
        digest=digest,
        stated=_base64(value, longest=64).hex(),
        computed=hashlib.new(digest, canonical).hexdigest(),
    )
    return part, canonical


def _target(uri: str, envelope: Envelope) -> tuple[str, Element]:
    places = (
        ("Body", envelope.body),
        ("Timestamp", envelope.timestamp),
        ("BinarySecurityToken", envelope.token),
        *(("Header", block) for block in envelope.blocks),
    )
    for place, element in places:
        own = element.get(ID)
        if own and uri == f"#{own}":
            return place, element
    raise MalformedEnvelope(
        "a Reference must point, by wsu:Id, at the Body, the Timestamp, the token or a header block",
        rule="ReferenceTarget",
    )


def _transform(transforms: Element) -> list[str]:
    attributes(transforms, rule="ReferenceShape")
    (transform,) = children(transforms, f"{DS}Transform", rule="ReferenceShape")
    return _exclusive(transform)


def _base64(element: Element, *, longest: int | None) -> bytes:
    written = _WHITE.sub("", text(element))
    try:
        decoded = base64.b64decode(written, validate=True)
    except ValueError:
        decoded = b""
    if not decoded or (longest is not None and len(decoded) > longest):
        raise MalformedEnvelope(f"{local(element)} is not base64, or too long", rule="Base64")
    return decoded


def _name(element: Element) -> Name:
    name = etree.QName(element)
    return Name(name.namespace or "", name.localname)
