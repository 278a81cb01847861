"""Distinguished names as Java's ``X500Principal.toString`` writes them, because awsapi stored them so.

It is neither RFC 4514 nor quite RFC 1779: most specific first, parted by ``", "``, values in quotation marks
where they need it, keywords Java knows and ``OID.`` for all others (``sun.security.x509.AVA``).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cryptography.x509 import Name, NameAttribute, RelativeDistinguishedName

KEYWORDS: Final = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SURNAME",
    "2.5.4.5": "SERIALNUMBER",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "T",
    "2.5.4.42": "GIVENNAME",
    "2.5.4.43": "INITIALS",
    "2.5.4.44": "GENERATION",
    "2.5.4.46": "DNQ",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "EMAILADDRESS",
    "1.3.6.1.4.1.42.2.11.2.1": "IP",
}
_SPECIAL = frozenset(',+=\n<>#;\\"')
_WHITE = frozenset(" \n")


def written(name: Name) -> str:
    """Write a name; ``CN=a, O="Acme, Inc.", C=US``."""
    return ", ".join(_relative(part) for part in reversed(list(name.rdns)))


def _relative(part: RelativeDistinguishedName) -> str:
    return " + ".join(_attribute(attribute) for attribute in part)


def _attribute(attribute: NameAttribute[Any]) -> str:
    dotted = attribute.oid.dotted_string
    keyword = KEYWORDS.get(dotted, f"OID.{dotted}")
    value = attribute.value
    return f"{keyword}={_value(value) if isinstance(value, str) else '#' + value.hex()}"


def _value(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return f'"{_escaped(text[1:-1])}"'
    return f'"{_escaped(text)}"' if _needs_quotes(text) else text


def _needs_quotes(text: str) -> bool:
    if not _SPECIAL.isdisjoint(text) or text[:1] in _WHITE or text[-1:] in _WHITE:
        return True
    return any(first in _WHITE and second in _WHITE for first, second in pairwise(text))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
