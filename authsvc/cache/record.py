"""What is remembered of an access key, and how it is written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

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
    Secret,
    State,
    User,
)

if TYPE_CHECKING:
    from authsvc.model import Source

LAYOUT = 1
"""Raised with every change of what is written; another number is not read, so versions can share a Redis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What was known at ``as_of`` (Unix seconds).

    ``held``: somebody holds the key. ``gone``: somebody did, and no more (a tombstone). ``forgotten``: nothing
    known from before counts.
    """

    kind: Literal["held", "gone", "forgotten"]
    as_of: float
    credential: Credential | None = None


def write(record: Record) -> bytes:
    """Write a record down, secret included: the result has to be sealed before it goes anywhere."""
    document: dict[str, Any] = {"layout": LAYOUT, "kind": record.kind, "as_of": record.as_of}
    credential = record.credential
    if credential is not None:
        document |= {
            "access_key": credential.access_key,
            "secret": credential.secret.reveal(),
            "principal": credential.principal,
            "ambiguous": credential.ambiguous,
        }
    return orjson.dumps(document)


def read(written: bytes, *, source: Source) -> Record:
    """Read a record.

    Raises:
        ValueError: It is not one of this layout.
    """
    try:
        document = orjson.loads(written)
        if document["layout"] != LAYOUT:
            raise ValueError("another layout")
        kind, as_of = document["kind"], float(document["as_of"])
        if kind not in ("held", "gone", "forgotten"):
            raise ValueError("an unknown kind")
        credential = _credential(document, as_of, source) if kind == "held" else None
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a record") from error
    return Record(kind=kind, as_of=as_of, credential=credential)


def _credential(document: dict[str, Any], as_of: float, source: Source) -> Credential:
    principal = document["principal"]
    user, account = principal["user"], principal["account"]
    role = account.pop("role")
    return Credential(
        access_key=AccessKey(document["access_key"]),
        verifier=Secret(document["secret"]),
        principal=Principal(
            user=User(**user | {"state": State(user["state"])}),
            account=Account(
                **account
                | {
                    "type": AccountType(account["type"]),
                    "state": State(account["state"]),
                    "role": None if role is None else Role(**role),
                }
            ),
            domain=Domain(**principal["domain"]),
            key=KeyPair(**principal["key"]),
        ),
        freshness=Freshness(as_of=as_of, source=source),
        ambiguous=document["ambiguous"],
    )
