"""The file of edge keys: whose key it is and the public half of it, for a region that holds no secret.

::

    {"format":"authsvc edge keys","version":1,"region":1,"exported_at":…,"expires_at":…}
    {"access_key":"…","public_key":"…","principal":{…},"ambiguous":false}
    …
    {"records":2,"signature":"…"}

One JSON document a line. The last line signs every byte before it: Ed25519 (RFC 8032) over a domain separator and
their SHA-512. Whoever reads looks at nothing before the signature has been proven. ``public_key`` is base64 of the
uncompressed point, or null where the exporting region could not read the secret: that key is nobody's business to
refuse. Times are Unix seconds.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from authsvc.model import (
    AccessKey,
    Account,
    AccountType,
    Credential,
    Domain,
    Freshness,
    KeyPair,
    Principal,
    Role,
    State,
    User,
)
from authsvc.signing.sigv4a import public_key, read_point

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import IO

    from authsvc.directory.edge_signer import Signer
    from authsvc.directory.rows import Holding

FORMAT = "authsvc edge keys"
VERSION = 1
"""Raised with every change of what is written; another number is not read."""

MOST_BYTES = 1 << 30
"""A file that is longer is refused unread."""

_SEPARATOR = b"authsvc edge keys 1\n"
_LONGEST_LAST_LINE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeKeys:
    """What a file says. Keys in ``unreadable`` are somebody's whose secret the exporting region could not read."""

    region: int
    exported_at: float
    expires_at: float
    credentials: Mapping[AccessKey, Credential]
    unreadable: frozenset[AccessKey]


class EdgeFileWriter:
    """Writes a file record by record; without ``close`` it is none."""

    def __init__(
        self,
        file: IO[bytes],
        signer: Signer,
        *,
        region: int,
        exported_at: float,
        expires_at: float,
    ) -> None:
        """Write the first line."""
        self.records = 0
        self._file = file
        self._signer = signer
        self._digest = hashlib.sha512()
        self._line(
            {
                "format": FORMAT,
                "version": VERSION,
                "region": region,
                "exported_at": exported_at,
                "expires_at": expires_at,
            }
        )

    def add(self, holding: Holding) -> None:
        """Write a key; of its secret key only what the public key is made of."""
        credential = holding.credential
        document: dict[str, Any] = {"access_key": holding.access_key, "public_key": None}
        if credential is not None:
            key = public_key(credential.access_key, credential.secret)
            document["public_key"] = base64.b64encode(key.point).decode()
            document["principal"] = credential.principal
            document["ambiguous"] = credential.ambiguous
        self._line(document)
        self.records += 1

    def close(self) -> None:
        """Sign what was written."""
        made = self._signer.sign(_SEPARATOR + self._digest.digest())
        last = {"records": self.records, "signature": base64.b64encode(made).decode()}
        self._file.write(msgspec.json.encode(last) + b"\n")

    def _line(self, document: Mapping[str, Any]) -> None:
        line = msgspec.json.encode(document) + b"\n"
        self._digest.update(line)
        self._file.write(line)


def read_edge_keys(written: bytes, signers: Iterable[bytes]) -> EdgeKeys:
    """Read a file that one of the signers (Ed25519 public keys, 32 bytes each) signed.

    Raises:
        ValueError: It is not whole, not theirs, or not of this version; nothing of it is to be believed.
    """
    body, last = _parted(written)
    _require_signed(body, last, signers)
    head, *lines = body.split(b"\n")[:-1]
    try:
        header = _header(msgspec.json.decode(head))
        if last["records"] != len(lines):
            raise ValueError("it does not hold as many records as it says")
        return _keys(header, lines)
    except (KeyError, TypeError, AttributeError, msgspec.DecodeError) as error:
        raise ValueError("a line is not what it should be") from error


def _parted(written: bytes) -> tuple[bytes, Mapping[str, Any]]:
    """Part what is signed from the last line."""
    end = written.rfind(b"\n", 0, len(written) - 1) + 1
    if not end or not written.endswith(b"\n") or len(written) - end > _LONGEST_LAST_LINE:
        raise ValueError("it is cut short, or no file of edge keys")
    try:
        last = msgspec.json.decode(written[end:])
        signature, records = last["signature"], last["records"]
    except (ValueError, KeyError, TypeError):
        raise ValueError("it is cut short, or no file of edge keys") from None
    if type(signature) is not str or type(records) is not int:
        raise ValueError("it is cut short, or no file of edge keys")
    return written[:end], last


def _require_signed(body: bytes, last: Mapping[str, Any], signers: Iterable[bytes]) -> None:
    signed = _SEPARATOR + hashlib.sha512(body).digest()
    try:
        presented = base64.b64decode(last["signature"], validate=True)
    except ValueError:
        presented = b""
    for signer in signers:
        try:
            Ed25519PublicKey.from_public_bytes(signer).verify(presented, signed)
        except InvalidSignature:
            continue
        return
    raise ValueError("none of AUTHSVC_EDGE_SIGNERS signed it, or it was changed since")


def _header(head: Mapping[str, Any]) -> Mapping[str, Any]:
    if head["format"] != FORMAT or head["version"] != VERSION:
        raise ValueError(f"it is of version {head['version']!r}, and {VERSION} is read here")
    moments = (head["exported_at"], head["expires_at"])
    if type(head["region"]) is not int or not all(type(moment) in (int, float) for moment in moments):
        raise ValueError("its first line is not what it should be")
    return head


def _keys(header: Mapping[str, Any], lines: Sequence[bytes]) -> EdgeKeys:
    freshness = Freshness(as_of=header["exported_at"], source="database")
    credentials: dict[AccessKey, Credential] = {}
    unreadable: set[AccessKey] = set()
    same = _Alike()
    for line in lines:
        document = msgspec.json.decode(line)
        access_key = AccessKey(_text(document["access_key"]))
        if access_key in credentials or access_key in unreadable:
            raise ValueError("it holds a key twice")
        if document["public_key"] is None:
            unreadable.add(access_key)
            continue
        credentials[access_key] = Credential(
            access_key=access_key,
            verifier=read_point(base64.b64decode(document["public_key"], validate=True)),
            principal=same.principal(_checked(_principal(document["principal"]))),
            freshness=freshness,
            ambiguous=_flag(document["ambiguous"]),
        )
    return EdgeKeys(
        region=header["region"],
        exported_at=float(header["exported_at"]),
        expires_at=float(header["expires_at"]),
        credentials=credentials,
        unreadable=frozenset(unreadable),
    )


class _Alike:
    """Keeps one of each account and domain, which many users share."""

    def __init__(self) -> None:
        self._accounts: dict[Account, Account] = {}
        self._domains: dict[Domain, Domain] = {}

    def principal(self, who: Principal) -> Principal:
        return dataclasses.replace(
            who,
            account=self._accounts.setdefault(who.account, who.account),
            domain=self._domains.setdefault(who.domain, who.domain),
        )


def _principal(document: Mapping[str, Any]) -> Principal:
    user, account = document["user"], document["account"]
    role = account["role"]
    return Principal(
        user=User(**user | {"state": State(user["state"])}),
        account=Account(
            **account
            | {
                "type": AccountType(account["type"]),
                "state": State(account["state"]),
                "role": None if role is None else Role(**role),
            }
        ),
        domain=Domain(**document["domain"]),
        key=KeyPair(**document["key"]),
    )


def _checked(who: Principal) -> Principal:
    """Refuse what decides and is of another type than it should be: a text "false" would read as true."""
    for name in (
        who.user.id,
        who.user.name,
        who.account.id,
        who.account.name,
        who.domain.id,
        who.domain.path,
    ):
        _text(name)
    for flag in (who.domain.active, who.key.restricted, who.key.allowed):
        _flag(flag)
    for moment in (who.key.starts_at, who.key.expires_at, who.user.created):
        if moment is not None and type(moment) not in (int, float):
            raise TypeError("no moment")
    return who


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("no text")
    return value


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError("no flag")
    return value
