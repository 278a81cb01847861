"""Hostile SOAP messages, made out of one that a user signed and an attacker caught on its way.

Each maps the caught message to what the attacker sends. What was signed stays as it was, or the attacker signs
with a key of their own; what they want is that somebody else's word counts for `TerminateInstances`.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from tests import soap
from tests.soap import DS, EC2, EXC, SOAP11, WSSE, WSU, Signer

if TYPE_CHECKING:
    from collections.abc import Callable

UNCANONICAL = '<evil xmlns:r="relative" r:a="1"/>'
EVIL = f'<TerminateInstances xmlns="{EC2}"><instanceId>i-1</instanceId></TerminateInstances>'


@dataclass(frozen=True)
class Caught:
    """What the attacker has: the user's message and certificate, when it was made, and a key of their own."""

    user: Signer
    mallory: Signer
    at: float
    raw: bytes

    @property
    def tree(self) -> etree._Element:
        return etree.fromstring(self.raw)

    def message(self, by: Signer | None = None, **options) -> bytes:
        return soap.message(by or self.user, self.at, **options)


ATTACKS: dict[str, Callable[[Caught], bytes]] = {}


def attack(name: str):
    def keep(make):
        ATTACKS[name] = make
        return make

    return keep


def changed(name: str):
    """Keep what changes the caught message where it stands."""

    def keep(change):
        def make(caught: Caught) -> bytes:
            tree = caught.tree
            change(tree)
            return etree.tostring(tree)

        ATTACKS[name] = make
        return change

    return keep


def find(tree, path):
    (found,) = tree.xpath(path, namespaces=soap.NAMES)
    return found


def order(tree, operation: str) -> etree._Element:
    """Put the operation into the Body, in place of what was signed, and return the Body."""
    body = find(tree, "//s:Body")
    body.replace(body[0], etree.fromstring(operation))
    return body


def sign_anew(tree, sign: Callable[[bytes], bytes]) -> None:
    """Sign SignedInfo as it stands."""
    value = sign(soap.canonical(find(tree, "//ds:SignedInfo")))
    find(tree, "//ds:SignatureValue").text = base64.b64encode(value).decode()


def evil_body(identifier: str | None = None) -> etree._Element:
    mark = f'xmlns:wsu="{WSU}" wsu:Id="{identifier}"' if identifier else ""
    return etree.fromstring(f'<s:Body xmlns:s="{SOAP11}" {mark}>{EVIL}</s:Body>')


def wrapped(into: str, wrapper: str = "{urn:x}Wrapper"):
    """Move the signed Body into a wrapper at the place, and put another where it was."""

    def make(caught: Caught) -> bytes:
        tree = caught.tree
        body = find(tree, "//s:Body")
        tree.replace(body, evil_body("id-9"))
        etree.SubElement(find(tree, into), wrapper).append(body)
        return etree.tostring(tree)

    return make


ATTACKS["X1 signed Body in a header block"] = wrapped("//s:Header")
ATTACKS["X2 signed Body in Security"] = wrapped("//wsse:Security")
ATTACKS["X5 signed Body in the evil one"] = wrapped("/s:Envelope/s:Body")
ATTACKS["X6 signed Body in ds:Object"] = wrapped("//ds:Signature", f"{{{DS}}}Object")
ATTACKS["X6b signed Body in KeyInfo"] = wrapped("//ds:KeyInfo")


@changed("X3 evil Body first")
def _(tree):
    find(tree, "//s:Body").addprevious(evil_body())


@changed("X4 evil Body last")
def _(tree):
    find(tree, "//s:Body").addnext(evil_body())


@changed("X7 the signed id on a header block too")
def _(tree):
    etree.SubElement(find(tree, "//s:Header"), "{urn:x}Block").set(f"{{{WSU}}}Id", "id-1")


@changed("X8 two Bodies of one id, the evil one first")
def _(tree):
    find(tree, "//s:Body").addprevious(evil_body("id-1"))


@attack("X9 signed message inside a header of another")
def _(caught):
    tree = caught.tree
    outer = etree.fromstring(
        f'<s:Envelope xmlns:s="{SOAP11}"><s:Header/><s:Body>{EVIL}</s:Body></s:Envelope>'
    )
    outer[0].append(tree)
    return etree.tostring(outer)


def decoy(attribute: str):
    """Put the evil operation into the Body, and give the signed one's id to a decoy that holds it."""

    def make(caught: Caught) -> bytes:
        tree = caught.tree
        block = etree.SubElement(find(tree, "//s:Header"), "{urn:x}Block")
        block.set(attribute, "id-1")
        block.append(copy.deepcopy(find(tree, "//s:Body")[0]))
        order(tree, EVIL)
        return etree.tostring(tree)

    return make


ATTACKS["X10 xml:id decoy"] = decoy("{http://www.w3.org/XML/1998/namespace}id")
ATTACKS["X11 foreign Id decoy"] = decoy("{urn:x}Id")
ATTACKS["X12 plain id decoy"] = decoy("id")
ATTACKS["X12b plain ID decoy"] = decoy("ID")


@changed("X13 two Security headers")
def _(tree):
    security = find(tree, "//wsse:Security")
    security.addprevious(etree.fromstring(f'<wsse:Security xmlns:wsse="{WSSE}"/>'))


@changed("X14 Security inside another header block")
def _(tree):
    security = find(tree, "//wsse:Security")
    etree.SubElement(find(tree, "//s:Header"), "{urn:x}Block").append(security)


@changed("X15 Body of the other SOAP version")
def _(tree):
    tree.append(etree.fromstring(f'<b:Body xmlns:b="{soap.SOAP12}">{EVIL}</b:Body>'))


@attack("X16 two operations in one Body")
def _(caught):
    return caught.message(body=soap.DESCRIBE_REGIONS + EVIL)


@changed("X17 the header behind the Body")
def _(tree):
    tree.append(find(tree, "//s:Header"))


@attack("T1 signed Timestamp parked, a fresh one shown")
def _(caught):
    tree = etree.fromstring(soap.message(caught.user, caught.at - 3600))
    signed = find(tree, "//wsu:Timestamp")
    fresh = copy.deepcopy(find(caught.tree, "//wsu:Timestamp"))
    fresh.set(f"{{{WSU}}}Id", "id-7")
    signed.addprevious(fresh)
    etree.SubElement(find(tree, "//s:Header"), "{urn:x}Parked").append(signed)
    return etree.tostring(tree)


@attack("T2 a client that signed the Body alone, with a fresh Timestamp")
def _(caught):
    return caught.message(parts=("id-1",))


@attack("T3 the Timestamp alone is signed")
def _(caught):
    tree = etree.fromstring(caught.message(parts=("id-2",)))
    order(tree, EVIL)
    return etree.tostring(tree)


@attack("T4 a later Expires")
def _(caught):
    tree = etree.fromstring(soap.message(caught.user, caught.at - 3600))
    find(tree, "//wsu:Expires").text = soap.stamp(caught.at + 300)
    return etree.tostring(tree)


@attack("T5 long expired")
def _(caught):
    return soap.message(caught.user, caught.at - 3600, expires=caught.at + 86400)


@attack("T6 made for the future")
def _(caught):
    return soap.message(caught.user, caught.at + 3600)


@attack("T7 no Created, and an end in a year")
def _(caught):
    end = soap.stamp(caught.at + 365 * 86400)
    return caught.message(timestamp=f"<wsu:Expires>{end}</wsu:Expires>")


@attack("T8 a time with ValueType")
def _(caught):
    now, end = soap.stamp(caught.at), soap.stamp(caught.at + 300)
    return caught.message(
        timestamp=f'<wsu:Created ValueType="xsd:date">{now}</wsu:Created><wsu:Expires>{end}</wsu:Expires>'
    )


@attack("T9 a time that is none")
def _(caught):
    end = soap.stamp(caught.at + 300)
    return caught.message(
        timestamp=f"<wsu:Created>2026-11-22T18:99:58Z</wsu:Created><wsu:Expires>{end}</wsu:Expires>"
    )


@changed("S1 no Signature")
def _(tree):
    signature = find(tree, "//ds:Signature")
    signature.getparent().remove(signature)


@changed("S2 the token alone")
def _(tree):
    security = find(tree, "//wsse:Security")
    for child in list(security)[1:]:
        security.remove(child)


@attack("S3 no References")
def _(caught):
    return caught.message(parts=())


@changed("S4 no Security")
def _(tree):
    header = find(tree, "//s:Header")
    header.remove(header[0])


@changed("S5 an empty SignatureValue")
def _(tree):
    find(tree, "//ds:SignatureValue").text = ""


@attack("F1 forged certificate of the same issuer and serial number")
def _(caught):
    forged = soap.signer("alice", number=2)
    return soap.message(forged, caught.at, body=EVIL)


@attack("F2 mallory's key, the user's token")
def _(caught):
    return caught.message(caught.mallory, token=caught.user.der, body=EVIL)


@attack("F3 two tokens")
def _(caught):
    tree = etree.fromstring(caught.message(caught.mallory, body=EVIL))
    security = find(tree, "//wsse:Security")
    token = copy.deepcopy(find(caught.tree, "//wsse:BinarySecurityToken"))
    token.set(f"{{{WSU}}}Id", "CertId-2")
    security.insert(0, token)
    return etree.tostring(tree)


@attack("F4 the token is two certificates, the user's last")
def _(caught):
    return caught.message(caught.mallory, token=caught.mallory.der + caught.user.der, body=EVIL)


@attack("F5 KeyInfo shows a key of its own")
def _(caught):
    tree = etree.fromstring(caught.message(caught.mallory, token=caught.user.der, body=EVIL))
    etree.SubElement(find(tree, "//ds:KeyInfo"), f"{{{DS}}}KeyValue")
    return etree.tostring(tree)


@changed("F6 KeyInfo points elsewhere")
def _(tree):
    find(tree, "//wsse:Reference").set("URI", "http://mallory.example/certificate")


@changed("F7 key named by issuer and serial number")
def _(tree):
    reference = find(tree, "//wsse:SecurityTokenReference")
    reference.remove(reference[0])
    etree.SubElement(reference, f"{{{DS}}}X509Data")


@changed("F8 a token of another type")
def _(tree):
    find(tree, "//wsse:BinarySecurityToken").set("ValueType", soap.X509V3.replace("X509v3", "X509PKIPathv1"))


@attack("H1 an HMAC with the public key")
def _(caught):
    tree = etree.fromstring(caught.message(body=EVIL))
    find(tree, "//ds:SignatureMethod").set("Algorithm", f"{DS}hmac-sha1")
    public = caught.user.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    sign_anew(tree, lambda signed: hmac.digest(public, signed, hashlib.sha1))
    return etree.tostring(tree)


@attack("H2 SHA-1 where it is not admitted")
def _(caught):
    return caught.message(algorithm="rsa-sha1", digest="sha1")


@attack("H3 a SHA-1 digest under an RSA-SHA256 signature")
def _(caught):
    return caught.message(digest="sha1")


@changed("H4 another algorithm is named than was used")
def _(tree):
    find(tree, "//ds:SignatureMethod").set("Algorithm", soap.SIGNATURES["rsa-sha512"][0])


@changed("M1 another operation")
def _(tree):
    order(tree, EVIL)


@attack("M2 one letter")
def _(caught):
    return caught.raw.replace(b"<regionSet/>", b"<regionSex/>").replace(b"regionSet", b"regionSex")


@attack("M3 a comment inside a value")
def _(caught):
    raw = caught.message(body=f'<R xmlns="{EC2}"><id>i-12345</id></R>')
    return raw.replace(b"i-12345", b"i-1<!-- -->2345")


@attack("M5 a processing instruction")
def _(caught):
    return caught.raw.replace(b"</s:Envelope>", b"<?php x?></s:Envelope>")


@attack("M6 a comment before the Envelope")
def _(caught):
    return b"<!-- x -->" + caught.raw


@attack("M7 a comment behind the Envelope")
def _(caught):
    return caught.raw + b"<!-- x -->"


@attack("M8 stray text in the Envelope")
def _(caught):
    return caught.raw.replace(b"</s:Header>", b"</s:Header>x")


@changed("M9 the digest is corrected, the signature is not")
def _(tree):
    digest = hashlib.sha256(soap.canonical(order(tree, EVIL))).digest()
    find(tree, "//ds:Reference[@URI='#id-1']/ds:DigestValue").text = base64.b64encode(digest).decode()


def transformed(transform: str):
    """Put another transform into the Body's Reference, and sign that."""

    def make(caught: Caught) -> bytes:
        tree = soap.unsigned(token=caught.user.der, created=caught.at)
        etree.fromstring(soap.sign(tree, caught.user))
        reference = find(tree, "//ds:Reference[@URI='#id-1']/ds:Transforms")
        reference.append(etree.fromstring(transform))
        sign_anew(tree, caught.user.sign)
        return etree.tostring(tree)

    return make


ATTACKS["R1 an XSLT transform"] = transformed(
    f'<ds:Transform xmlns:ds="{DS}" Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><x:stylesheet '
    'xmlns:x="http://www.w3.org/1999/XSL/Transform" version="1.0"/></ds:Transform>'
)
ATTACKS["R2 an XPath transform"] = transformed(
    f'<ds:Transform xmlns:ds="{DS}" Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>'
    "not(ancestor-or-self::node())</ds:XPath></ds:Transform>"
)
ATTACKS["R2b the enveloped-signature transform"] = transformed(
    f'<ds:Transform xmlns:ds="{DS}" Algorithm="{DS}enveloped-signature"/>'
)
ATTACKS["R2c exclusive canonicalisation twice"] = transformed(
    f'<ds:Transform xmlns:ds="{DS}" Algorithm="{EXC}"/>'
)


@changed("R2d canonicalisation with comments")
def _(tree):
    for transform in tree.iter(f"{{{DS}}}Transform"):
        transform.set("Algorithm", f"{EXC}WithComments")


@changed("R2e inclusive canonicalisation of SignedInfo")
def _(tree):
    method = find(tree, "//ds:CanonicalizationMethod")
    method.set("Algorithm", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315")


def pointing(uri: str):
    return lambda caught: caught.message(uris={"id-1": uri})


ATTACKS["R3 a file as a reference"] = pointing("file:///etc/passwd")
ATTACKS["R3b an address as a reference"] = pointing("http://127.0.0.1:9/x")
ATTACKS["R4 an empty reference"] = pointing("")
ATTACKS["R5 an xpointer"] = pointing("#xpointer(id('id-1'))")
ATTACKS["R5b an xpointer to everything"] = pointing("#xpointer(/)")
ATTACKS["R5c a reference to nothing"] = pointing("#nothing")
ATTACKS["R5d the Timestamp twice, the Body never"] = pointing("#id-2")


@attack("R6 too many references")
def _(caught):
    blocks = "".join(f'<x:b xmlns:x="urn:x" wsu:Id="h{number}"/>' for number in range(7))
    return caught.message(blocks=blocks, parts=("id-1", "id-2", *(f"h{number}" for number in range(7))))


@attack("R7 a reference to what is inside the Body")
def _(caught):
    return caught.message(
        body=f'<R xmlns="{EC2}" xmlns:wsu="{WSU}" wsu:Id="in"/>', parts=("id-1", "id-2", "in")
    )


def declared(declaration: str, text: str = ""):
    return lambda caught: (
        declaration.encode() + caught.raw.replace(b"</regionSet>", text.encode() + b"</regionSet>")
    )


ATTACKS["D1 a DOCTYPE"] = declared("<!DOCTYPE s:Envelope>")
ATTACKS["D1b a DOCTYPE behind a declaration"] = declared('<?xml version="1.0"?>\n<!DOCTYPE s:Envelope>')
ATTACKS["D2 an external entity"] = declared('<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;")
ATTACKS["D2b an external DTD"] = declared('<!DOCTYPE e SYSTEM "http://127.0.0.1:9/x.dtd">')
ATTACKS["D3 a billion laughs"] = declared(
    '<!DOCTYPE e [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]>",
    "&a9;",
)
ATTACKS["D7 an id by ATTLIST"] = declared("<!DOCTYPE e [<!ATTLIST TerminateInstances x ID #IMPLIED>]>")


@attack("D3b an entity nobody declared")
def _(caught):
    return caught.raw.replace(b"DescribeRegions", b"DescribeRegions", 1).replace(
        b"<regionSet/>", b"<r>&x;</r>"
    )


@attack("D4 3000 deep")
def _(caught):
    return caught.raw.replace(b"<regionSet/>", b"<a>" * 3000 + b"</a>" * 3000)


@attack("D5 UTF-16")
def _(caught):
    return caught.raw.decode().encode("utf-16")


@attack("D5b a declaration of another encoding")
def _(caught):
    return b'<?xml version="1.0" encoding="ISO-8859-1"?>' + caught.raw


@attack("D5c UTF-7 by declaration")
def _(caught):
    return b'<?xml version="1.0" encoding="UTF-7"?>' + caught.raw


@attack("D5d broken UTF-8")
def _(caught):
    return caught.raw.replace(b"</s:Body>", b"\xc0\xaf</s:Body>")


@attack("D5e NUL")
def _(caught):
    return caught.raw + b"\0"


@attack("D5f XML 1.1")
def _(caught):
    return b'<?xml version="1.1"?>' + caught.raw


@attack("D6b 6000 attributes")
def _(caught):
    many = " ".join(f'a{number}="1"' for number in range(5500))
    return caught.message(body=f"<a {many}/>")


@attack("D6c 5001 elements")
def _(caught):
    return caught.message(body=f"<a>{'<b/>' * 5001}</a>")


@attack("D6d 4000 namespaces over 1000 elements")
def _(caught):
    many = " ".join(f'xmlns:n{number}="urn:u"' for number in range(2000))
    return caught.message(body=f"<a {many}>{'<n1:b/>' * 1000}</a>")


@attack("D6e a PrefixList of 5000")
def _(caught):
    return caught.message(prefixes=" ".join(f"p{number}" for number in range(5000)))


@changed("D8 a relative namespace: no canonical form")
def _(tree):
    order(tree, UNCANONICAL)


@attack("D8b no canonical form, and the digest of nothing")
def _(caught):
    tree = caught.tree
    order(tree, UNCANONICAL)
    nothing = base64.b64encode(hashlib.sha256(b"").digest()).decode()
    find(tree, "//ds:Reference[@URI='#id-1']/ds:DigestValue").text = nothing
    sign_anew(tree, caught.mallory.sign)
    return etree.tostring(tree)


@changed("E1 Security for another actor")
def _(tree):
    find(tree, "//wsse:Security").set(f"{{{SOAP11}}}actor", "http://elsewhere.example")


@attack("E1b Security for another role")
def _(caught):
    tree = etree.fromstring(caught.message(soap=soap.SOAP12))
    tree.find(f".//{{{WSSE}}}Security").set(f"{{{soap.SOAP12}}}role", "http://elsewhere.example")
    return etree.tostring(tree)


@attack("E2 no SOAP")
def _(_caught):
    return EVIL.encode()


@attack("E3 nothing")
def _(_caught):
    return b""


@attack("E4 S3's own signature")
def _(_caught):
    return (
        f'<s:Envelope xmlns:s="{SOAP11}"><s:Body><GetObject xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        "<Bucket>b</Bucket><Key>k</Key><AWSAccessKeyId>ALICEKEY</AWSAccessKeyId><Timestamp>2026-11-22T12:00:00Z"
        "</Timestamp><Signature>c2lnbmF0dXJl</Signature></GetObject></s:Body></s:Envelope>"
    ).encode()
