"""What is remembered of an access key, and how it is written down."""

from __future__ import annotations

import dataclasses
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import msgspec

from authsvc.model import (
    AccessKey,
    Account,
    AccountType,
    Credential,
    Domain,
    Freshness,
    KeyPair,
    Principal,
    PublicKey,
    Role,
    Secret,
    State,
    User,
)

if TYPE_CHECKING:
    from authsvc.model import Source, Verifier

Kind = Literal["held", "gone", "forgotten"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_FIELDS = {
    kind: tuple(field.name for field in dataclasses.fields(kind))
    for kind in (User, Account, Role, Domain, KeyPair)
}
LAYOUT = zlib.crc32(repr(["2", *_FIELDS.values()]).encode())
"""Values are written without their names, so a record of other names, or in another order, is not read: versions
can share a Redis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What was known at ``as_of`` (Unix seconds).

    ``held``: somebody holds the key. ``gone``: somebody did, and no more (a tombstone). ``forgotten``: nothing
    known from before counts.
    """

    kind: Kind
    as_of: float
    credential: Credential | None = None


def reading(credential: Credential | None, *, as_of: float) -> Record:
    """Make the record of what was read of a key that somebody holds or held; ``as_of`` is of there being nobody."""
    if credential is None:
        return Record(kind="gone", as_of=as_of)
    return Record(kind="held", as_of=credential.freshness.as_of, credential=credential)


def write(record: Record) -> bytes:
    """Write a record down, secret included: the result has to be sealed before it goes anywhere.

    ::

        [layout, kind, as_of, held or null]
        held       [access key, secret key, public key in hex, ambiguous, user, account, role or null, domain, key pair]
    """
    credential = record.credential
    held = None if credential is None else taken_apart(credential)
    return msgspec.json.encode([LAYOUT, record.kind, record.as_of, held])


def read(written: bytes, *, source: Source) -> Record:
    """Read a record.

    Raises:
        ValueError: It is not one of this layout.
    """
    try:
        layout, kind, as_of, held = msgspec.json.decode(written)
        if layout != LAYOUT:
            raise ValueError("another layout")
        if kind not in KINDS:
            raise ValueError("an unknown kind")
        as_of = float(as_of)
        credential = put_together(held, Freshness(as_of=as_of, source=source)) if kind == "held" else None
    except (TypeError, AttributeError) as error:
        raise ValueError("not a record") from error
    return Record(kind=kind, as_of=as_of, credential=credential)


def taken_apart(credential: Credential) -> list[Any]:
    """Return its values, as ``write`` lists them; the secret in clear."""
    who, verifier = credential.principal, credential.verifier
    public = isinstance(verifier, PublicKey)
    return [
        credential.access_key,
        None if public else credential.secret.reveal(),
        verifier.point.hex() if isinstance(verifier, PublicKey) else None,
        credential.ambiguous,
        _values(who.user),
        _values(dataclasses.replace(who.account, role=None)),
        None if who.account.role is None else _values(who.account.role),
        _values(who.domain),
        _values(who.key),
    ]


def put_together(held: list[Any], freshness: Freshness) -> Credential:
    """Make the credential of the values that ``taken_apart`` returns; role and domain may be made already.

    Raises:
        ValueError: They are no such values; or TypeError, AttributeError.
    """
    access_key, secret, public_key, ambiguous, user, account, role, domain, key = held
    verifier: Verifier = Secret(secret) if public_key is None else PublicKey(bytes.fromhex(public_key))
    principal = Principal(
        user=_made(User, user, state=State),
        account=_made(
            Account, account, type=AccountType, state=State, role=lambda _: role and _made(Role, role)
        ),
        domain=_made(Domain, domain),
        key=_made(KeyPair, key),
    )
    return Credential(
        access_key=AccessKey(access_key),
        verifier=verifier,
        principal=principal,
        freshness=freshness,
        ambiguous=ambiguous,
    )


def _values(noun: Any) -> list[Any]:
    return [getattr(noun, name) for name in _FIELDS[type(noun)]]


def _made(kind: Any, values: list[Any], **parsers: Any) -> Any:
    """Make a noun of its values, some of which are parsed on the way; one that is made stays what it is."""
    if isinstance(values, kind):
        return values
    given = dict(zip(_FIELDS[kind], values, strict=True))
    for name, parse in parsers.items():
        given[name] = parse(given[name])
    return kind(**given)
