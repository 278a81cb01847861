"""Exclusive XML canonicalisation (W3C xml-exc-c14n), by libxml2, with what its binding gets wrong put right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from authsvc.errors import MalformedEnvelope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxml.etree import _Element as Element

ALGORITHM = "http://www.w3.org/2001/10/xml-exc-c14n#"

_DEFAULT = "#default"
_KNOWN = (
    b'<a:e xmlns:a="urn:a" xmlns="urn:default" xmlns:b="urn:b"><a:f a:x="1" y="&#9;"/></a:e>',
    b'<a:f xmlns="urn:default" xmlns:a="urn:a" xmlns:b="urn:b" y="&#x9;" a:x="1"></a:f>',
)


def exclusive(element: Element, prefixes: Sequence[str] = ()) -> bytes:
    """Return the exclusive canonical form, without comments.

    ``prefixes`` is the PrefixList of InclusiveNamespaces, ``#default`` included. lxml drops, without a word,
    every prefix that is not in the dictionary of names its thread has parsed so far, and ``#default`` never
    is. libxml2 takes the empty prefix for the same, and parsing ``xmlns=""`` brings that in.

    Raises:
        MalformedEnvelope: It has no canonical form, as with a relative namespace URI.
    """
    if _DEFAULT in prefixes:
        etree.fromstring(b'<a xmlns=""/>')
        prefixes = ["" if prefix == _DEFAULT else prefix for prefix in prefixes]
    try:
        canonical: bytes = etree.tostring(
            element,
            method="c14n",
            exclusive=True,
            with_comments=False,
            with_tail=False,
            inclusive_ns_prefixes=list(prefixes),
        )
    except (etree.LxmlError, ValueError):
        raise MalformedEnvelope("a part of the message has no canonical form", rule="Canonical") from None
    if not canonical:
        raise MalformedEnvelope("a part of the message has no canonical form", rule="Canonical")
    return canonical


def check() -> None:
    """Canonicalise something whose form is known; to be asked before the first signature is believed.

    Raises:
        ValueError: The library at hand does it otherwise.
    """
    given, known = _KNOWN
    if exclusive(etree.fromstring(given)[0], ["#default", "b"]) != known:
        raise ValueError("the XML library at hand canonicalises otherwise than XML signatures need")
