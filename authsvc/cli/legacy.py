"""Certificates as CloudStack's awsapi kept them: an id in its database, the certificate in a Java key store.

Rows of ``cloudbridge.usercredentials`` name a certificate by issuer and serial number; the certificates stand
in each node's ``xes.keystore`` under the user's access key, which Java writes in small letters. So an entry is
found by its alias whatever the case, and confirmed by the id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authsvc.errors import UnsupportedToken
from authsvc.signing.certificate import certified, from_pem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COLUMN: Final = 200
"""Characters of ``CertUniqueId``: longer ids were cut to it."""

_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "0": "\0"}
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_ALIAS: Final = re.compile(r"^Alias name: (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of ``usercredentials``."""

    access_key: str
    unique_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A certificate of the key store; ``alias`` is None where the file does not say."""

    alias: str | None
    der: bytes


def read_rows(text: str) -> list[Row]:
    """Read what ``mysql --batch`` printed of AccessKey and CertUniqueId, its heading included.

    Raises:
        ValueError: It is something else.
    """
    heading, *lines = text.splitlines() or [""]
    names = [name.lower() for name in heading.split("\t")]
    if not {"accesskey", "certuniqueid"} <= set(names):
        raise ValueError(
            "the file of user credentials must begin with a heading that names AccessKey and CertUniqueId, "
            "parted by tabs, as mysql --batch prints it"
        )
    places = names.index("accesskey"), names.index("certuniqueid")
    rows = []
    for number, line in enumerate(lines, 2):
        values = [
            _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), each) for each in line.split("\t")
        ]
        if len(values) != len(names):
            raise ValueError(f"line {number} of the file of user credentials has {len(values)} columns")
        access_key, unique_id = (values[place] for place in places)
        if unique_id not in ("", "NULL"):
            rows.append(Row(access_key=access_key, unique_id=unique_id))
    return rows


def read_entries(text: str) -> list[Entry]:
    """Read what ``keytool -list -rfc`` printed, or certificates in PEM one after the other.

    Raises:
        ValueError: There is no certificate in it.
    """
    entries = []
    aliases = list(_ALIAS.finditer(text))
    for place, alias in enumerate(aliases):
        end = aliases[place + 1].start() if place + 1 < len(aliases) else len(text)
        found = _PEM.search(text, alias.end(), end)  # of a chain, the first is the holder's own
        if found is not None:
            entries.append((alias[1].strip(), found[0]))
    if not aliases:
        entries = [(None, found[0]) for found in _PEM.finditer(text)]
    if not entries:
        raise ValueError(
            "there is no certificate in the key store's listing; print it with keytool -list -rfc"
        )
    return [Entry(alias=alias, der=_der(pem)) for alias, pem in entries]


def matched(rows: Sequence[Row], entries: Sequence[Entry]) -> Iterator[tuple[Row, bytes | str]]:
    """Yield each row with its certificate, or with the reason why it has none."""
    for row in rows:
        candidates = [
            entry.der
            for entry in entries
            if entry.alias is None or entry.alias.lower() == row.access_key.lower()
        ]
        found = {der for der in candidates if _is_named(der, row.unique_id)}
        if len(found) == 1:
            yield row, found.pop()
        elif found:
            yield row, "more than one certificate has this issuer and serial number"
        elif candidates and any(entry.alias is not None for entry in entries):
            yield row, "the certificate under this access key is another one"
        else:
            yield row, "there is no such certificate in the key store"


def _is_named(der: bytes, unique_id: str) -> bool:
    try:
        own = certified(der).legacy_id
    except UnsupportedToken:
        return False
    return own == unique_id or (len(unique_id) == COLUMN and own.startswith(unique_id))


def _der(pem: str) -> bytes:
    try:
        return from_pem(pem.encode())
    except UnsupportedToken as error:
        raise ValueError(f"the key store's listing: {error.message}") from None
