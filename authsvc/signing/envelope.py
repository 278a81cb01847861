"""A SOAP message taken apart by position: the structural gate in front of every XML signature.

Signature wrapping works because one reader finds an element by its id and another takes the first or the last
of its name. Here a message has the one shape that clients make, or it is refused before anything is computed;
and whatever is used later is found by where it stands, never by what it is called.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from lxml import etree

from authsvc.errors import MalformedEnvelope, NotSigned, UnsupportedToken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxml.etree import _Element as Element

MAX_BYTES: Final = 64 * 1024
MAX_ELEMENTS: Final = 5000
MAX_ATTRIBUTES: Final = 32
"""To an element; canonicalising sorts them."""

MAX_NAMESPACES: Final = 500
"""Declarations in a message; canonicalising looks each prefix up along all of them."""

Soap = Literal["1.1", "1.2"]
VERSIONS: Final[dict[str, Soap]] = {
    "http://schemas.xmlsoap.org/soap/envelope/": "1.1",
    "http://www.w3.org/2003/05/soap-envelope": "1.2",
}
_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE: Final = f"{{{_OASIS}wssecurity-secext-1.0.xsd}}"
WSU: Final = f"{{{_OASIS}wssecurity-utility-1.0.xsd}}"
DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
X509V3: Final = f"{_OASIS}x509-token-profile-1.0#X509v3"
BASE64: Final = f"{_OASIS}soap-message-security-1.0#Base64Binary"
ID: Final = f"{WSU}Id"

_S3 = re.compile(r"http://(?:s3\.amazonaws\.com/doc|doc\.s3\.amazonaws\.com)/", re.ASCII)
_S3_REFUSED = (
    "this is S3's own SOAP signature, an HMAC over three words that covers no bucket, key or permission; it is "
    "not accepted. Use the S3 REST API, signed with Signature Version 4"
)
_ONCE: Final = {
    **{f"{{{uri}}}{name}": name for uri in VERSIONS for name in ("Envelope", "Header", "Body")},
    f"{WSSE}Security": "Security",
    f"{WSSE}BinarySecurityToken": "BinarySecurityToken",
    f"{WSU}Timestamp": "Timestamp",
    f"{DS}Signature": "Signature",
    f"{DS}SignedInfo": "SignedInfo",
}
# Nothing but a declaration in front of the root: no DOCTYPE, comment or processing instruction.
_PROLOGUE = re.compile(
    r"""\ufeff?(?:<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*["']1\.0["']"""
    r"""(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*["'](?P<encoding>[A-Za-z0-9._-]{1,32})["'])?"""
    r"""(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*["'](?:yes|no)["'])?[ \t\r\n]*\?>)?[ \t\r\n]*<[^!?]"""
)
_PARSER = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    huge_tree=False,
    collect_ids=False,
    remove_comments=False,
    remove_pis=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The parts of a message, each found by its place. ``blocks`` are the Header's children but Security."""

    soap: Soap
    body: Element
    operation: Element
    blocks: tuple[Element, ...]
    token: Element
    timestamp: Element
    signed_info: Element
    signature_value: Element
    key_info: Element


def take_apart(raw: bytes) -> Envelope:
    """Return the parts of a message of the one shape.

    Raises:
        MalformedEnvelope: It has another; ``detail["rule"]`` names the rule.
        NotSigned: It carries no signature at all, or no Timestamp.
        UnsupportedToken: It carries S3's own signature.
    """
    root = _parse(raw)
    _refuse_s3(root)
    _walk(root)
    uri = etree.QName(root).namespace or ""
    header, body = children(root, f"{{{uri}}}Header", f"{{{uri}}}Body", rule="EnvelopeShape")
    _refuse_text(header)
    _refuse_text(body)
    security = [block for block in header if block.tag == f"{WSSE}Security"]
    if len(security) != 1 or len(body) != 1:
        raise MalformedEnvelope("Security stands elsewhere, or the Body has not one child", rule="Placement")
    token, signature, timestamp = _security(security[0])
    signed_info, signature_value, key_info = children(
        signature, f"{DS}SignedInfo", f"{DS}SignatureValue", f"{DS}KeyInfo", rule="SignatureShape"
    )
    return Envelope(
        soap=VERSIONS[uri],
        body=body,
        operation=body[0],
        blocks=tuple(block for block in header if block is not security[0]),
        token=token,
        timestamp=timestamp,
        signed_info=signed_info,
        signature_value=signature_value,
        key_info=key_info,
    )


def children(parent: Element, *tags: str, rule: str) -> list[Element]:
    """Return the children, if they are exactly these, in this order, with nothing but white space between.

    Raises:
        MalformedEnvelope: They are not.
    """
    found = list(parent)
    if [child.tag for child in found] != list(tags):
        raise MalformedEnvelope(f"{local(parent)} has other children than it should", rule=rule)
    _refuse_text(parent)
    return found


def text(element: Element) -> str:
    """Return the text of an element that has nothing else in it.

    Raises:
        MalformedEnvelope: It has children.
    """
    if len(element):
        raise MalformedEnvelope(f"{local(element)} should hold text alone", rule="TextOnly")
    return element.text or ""


def attributes(element: Element, *names: str, rule: str) -> None:
    """Return if the element has no attributes but these, ids aside.

    Raises:
        MalformedEnvelope: It has.
    """
    for name in element.keys():  # noqa: SIM118 -- an element iterates over its children
        if name not in names and name not in ("Id", ID):
            raise MalformedEnvelope(f"{local(element)} has an attribute that it should not have", rule=rule)


def local(element: Element) -> str:
    """Return the element's name without its namespace."""
    return etree.QName(element).localname


def _parse(raw: bytes) -> Element:
    if len(raw) > MAX_BYTES:
        raise MalformedEnvelope("the message is too large", rule="TooLarge")
    try:
        decoded = raw.decode()
    except UnicodeDecodeError:
        raise MalformedEnvelope("the message is not UTF-8", rule="Encoding") from None
    if "\0" in decoded:
        raise MalformedEnvelope("the message holds NUL", rule="Encoding")
    start = _PROLOGUE.match(decoded)
    if start is None:
        raise MalformedEnvelope("the message must begin with its Envelope", rule="Prologue")
    if (start["encoding"] or "utf-8").lower() != "utf-8":
        raise MalformedEnvelope("the message says it is not UTF-8", rule="Encoding")
    if raw.count(b"xmlns") > MAX_NAMESPACES:
        raise MalformedEnvelope("the message declares too many namespaces", rule="TooLarge")
    try:
        root = etree.fromstring(raw, _PARSER)
    except (etree.LxmlError, ValueError):
        raise MalformedEnvelope("the message is not XML", rule="Syntax") from None
    if root.getnext() is not None:
        raise MalformedEnvelope("something follows the Envelope", rule="CommentOrPi")
    return root


def _refuse_s3(root: Element) -> None:
    """Recognise S3's SOAP (HMAC-SHA1 over ``AmazonS3``, the operation and the time) by the operation's name."""
    for child in root:
        if child.tag in _ONCE and _ONCE[child.tag] == "Body" and len(child):
            tag: Any = child[0].tag
            if isinstance(tag, str) and _S3.match(tag[1:]):
                raise UnsupportedToken(_S3_REFUSED)


def _walk(root: Element) -> None:
    """Look at every node once: its kind, how many there are, how often each name comes, and every id."""
    seen: Counter[str] = Counter()
    ids: set[str] = set()
    for number, element in enumerate(root.iter(), 1):
        tag: Any = element.tag
        if type(tag) is not str:
            raise MalformedEnvelope("comments and processing instructions are refused", rule="CommentOrPi")
        if number > MAX_ELEMENTS:
            raise MalformedEnvelope("the message has too many elements", rule="TooLarge")
        if tag in _ONCE:
            seen[_ONCE[tag]] += 1
        given = element.items()
        if given:
            _note_ids(given, ids)
    _check_counts(seen)


def _check_counts(seen: Counter[str]) -> None:
    for name in _ONCE.values():
        if seen[name] > 1:
            raise MalformedEnvelope(
                f"{name} must be there once, not {seen[name]} times", rule=f"Count:{name}"
            )
        if not seen[name] and name in ("Envelope", "Header", "Body"):
            raise MalformedEnvelope(f"{name} is missing", rule=f"Count:{name}")
        if not seen[name]:
            raise NotSigned(f"the SOAP message is not signed: {name} is missing", rule=f"Count:{name}")


def _note_ids(given: Sequence[tuple[Any, Any]], ids: set[str]) -> None:
    if len(given) > MAX_ATTRIBUTES:
        raise MalformedEnvelope("an element has too many attributes", rule="TooLarge")
    for name, value in given:
        if name[-2:].lower() != "id" or name.rpartition("}")[2].lower() != "id":
            continue
        if value in ids:
            raise MalformedEnvelope("an id is given twice", rule="DuplicateId")
        ids.add(value)


def _security(security: Element) -> tuple[Element, Element, Element]:
    """Return token, signature and timestamp, in whatever order the client put them."""
    attributes(security, *(f"{{{uri}}}mustUnderstand" for uri in VERSIONS), rule="SecurityActor")
    _refuse_text(security)
    order = (f"{WSSE}BinarySecurityToken", f"{DS}Signature", f"{WSU}Timestamp")
    found = {child.tag: child for child in security}
    if len(security) != len(order) or found.keys() != set(order):
        raise MalformedEnvelope(
            "Security must hold a token, a Signature and a Timestamp", rule="SecurityShape"
        )
    token, signature, timestamp = (found[tag] for tag in order)
    return token, signature, timestamp


def _refuse_text(parent: Element) -> None:
    for stray in (parent.text, *(child.tail for child in parent)):
        if stray is not None and stray.strip(" \t\r\n"):
            raise MalformedEnvelope(f"{local(parent)} holds stray text", rule="StrayText")
