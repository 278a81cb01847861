"""Rows to credentials."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from authsvc.errors import DirectoryUnavailable, SecretUnreadable
from authsvc.model import (
    Account,
    AccountType,
    Credential,
    Domain,
    Freshness,
    Identity,
    KeyPair,
    Principal,
    Role,
    State,
    User,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authsvc.directory.cipher import SecretCipher
    from authsvc.model import AccessKey

    Row = Mapping[str, Any]


def credential(
    rows: Sequence[Row], *, access_key: AccessKey, cipher: SecretCipher, as_of: float
) -> Credential | None:
    """Make the one credential that the rows of both readers give, None if there is none.

    The key is compared byte for byte: the database's collation takes letters of either case, and trailing
    spaces, for the same. A key without a secret is no credential. A removed key pair is a revocation, even
    where a fork still keeps the key as a column of the user. More than one live holder is ambiguous, unless a
    fork keeps one user's one secret in both places.

    Raises:
        DirectoryUnavailable: A date that bounds the key cannot be read.
        SecretUnreadable: The secret does not decrypt.
    """
    exact = [row for row in rows if row["api_key"] == access_key]
    live = [row for row in exact if row.get("pair_removed") is None]
    pairs = [row for row in live if row["pair_uuid"] is not None]
    if not live or (not pairs and len(live) < len(exact)):
        return None
    row = (pairs or live)[0]
    if not row["secret_key"]:
        return None
    secret = cipher.decrypt(row["secret_key"])
    twins = [other for other in live if other is not row]
    return Credential(
        access_key=access_key,
        verifier=secret,
        principal=_principal(row),
        freshness=Freshness(as_of=as_of, source="database"),
        ambiguous=_moved(row) or not all(_same(row, other, cipher) for other in twins),
    )


def identity(rows: Sequence[Row], *, user_id: str, as_of: float) -> Identity | None:
    """Make the user with this uuid, compared byte for byte; None if there is none.

    Raises:
        DirectoryUnavailable: Two users share the uuid, so it names nobody.
    """
    exact = [row for row in rows if row["user_uuid"] == user_id]
    if len(exact) > 1:
        raise DirectoryUnavailable("two users have one uuid")
    if not exact:
        return None
    return Identity(principal=_principal(exact[0]), freshness=Freshness(as_of=as_of, source="database"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """An access key that somebody holds; ``credential`` is None where the stored secret cannot be read."""

    access_key: AccessKey
    credential: Credential | None


def holding(
    rows: Sequence[Row], *, access_key: AccessKey, cipher: SecretCipher, as_of: float
) -> Holding | None:
    """Make of the rows what ``credential`` does; a secret that does not decrypt is told, not raised.

    Raises:
        DirectoryUnavailable: A date that bounds the key cannot be read.
    """
    try:
        found = credential(rows, access_key=access_key, cipher=cipher, as_of=as_of)
    except SecretUnreadable:
        return Holding(access_key=access_key, credential=None)
    return None if found is None else Holding(access_key=access_key, credential=found)


def _same(row: Row, other: Row, cipher: SecretCipher) -> bool:
    """Say whether a user's column repeats the user's key pair; two key pairs are never the same."""
    if other["pair_uuid"] is not None or row["user_id"] != other["user_id"]:
        return False
    if not other["secret_key"]:
        return True  # opens nothing by itself
    return row["secret_key"] == other["secret_key"] or cipher.same(row["secret_key"], other["secret_key"])


def _moved(row: Row) -> bool:
    """Say whether the pair names another account than its user's, as it may after the user moved."""
    return row.get("pair_account") is not None and row["pair_account"] != row["user_account_id"]


def _principal(row: Row) -> Principal:
    return Principal(
        user=User(
            id=row["user_uuid"] or str(row["user_id"]),
            name=row["user_username"] or "",
            state=_state(row["user_state"]),
            firstname=row.get("user_firstname"),
            lastname=row.get("user_lastname"),
            email=row.get("user_email"),
            timezone=row.get("user_timezone"),
            created=_created(row.get("user_created")),
            source=row.get("user_source"),
            is_default=bool(row.get("user_default")),
        ),
        account=Account(
            id=row["account_uuid"] or str(row["account_id"]),
            name=row["account_account_name"] or "",
            type=_type(row["account_type"]),
            state=_state(row["account_state"]),
            role=_role(row),
        ),
        domain=Domain(
            id=row["domain_uuid"] or str(row["domain_id"]),
            name=row["domain_name"] or "",
            path=row["domain_path"] or "",
            active=str(row["domain_state"]).strip().lower() == "active",
        ),
        key=KeyPair(
            id=row["pair_uuid"],
            starts_at=_seconds(row.get("pair_start")),
            expires_at=_seconds(row.get("pair_end")),
            restricted=bool(row.get("pair_restricted")),
            allowed=_allowed(row),
        ),
    )


def _allowed(row: Row) -> bool:
    """Resolve ``api_key_access`` (``ApiServer.verifyApiKeyAccessAllowed``): user, account, domain, all."""
    for own in (row.get("user_api_key_access"), row.get("account_api_key_access")):
        if own is not None:
            return bool(own)
    setting = row.get("domain_access")
    if setting is None and _is_true(row.get("for_children")):
        setting = row.get("nearest_access")
    if setting is None:
        setting = row.get("global_access")
    return setting is None or _is_true(setting)


def _is_true(setting: Any) -> bool:
    return str(setting).strip().lower() == "true"


def _role(row: Row) -> Role | None:
    if row.get("role_name") is None:
        return None
    return Role(id=row["role_uuid"] or "", name=row["role_name"], type=row["role_role_type"] or "")


def _state(stored: Any) -> State:
    try:
        return State(str(stored).strip().lower())
    except ValueError:
        return State.DISABLED


def _type(stored: Any) -> AccountType:
    try:
        return AccountType(stored)
    except ValueError:
        return AccountType.UNKNOWN


def _seconds(stored: Any) -> float | None:
    """Read a DATETIME column, which CloudStack writes in UTC; the driver hands ``0000-00-00`` on as text."""
    if stored is None:
        return None
    if not isinstance(stored, datetime):
        raise DirectoryUnavailable("a date in the directory cannot be read")
    return stored.replace(tzinfo=UTC).timestamp()


def _created(stored: Any) -> float | None:
    return _seconds(stored) if isinstance(stored, datetime) else None
