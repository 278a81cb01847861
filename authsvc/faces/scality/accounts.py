"""A CloudStack account as Scality describes its own.

All users of an account are the account to the store, as they are in CloudStack: no IAM user is named, so that the store
asks for no policies.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from authsvc.model import Account, Principal


def user_info(who: Principal) -> dict[str, Any]:
    """Describe who signed, as far as the store wants to know."""
    short = short_id(who.account)
    return {
        "arn": f"arn:aws:iam::{short}:/{who.account.name}/",
        "canonicalID": canonical_id(who.account),
        "shortid": short,
        "email": who.user.email or "",
        "accountDisplayName": who.account.name or "-",
    }


def canonical_id(account: Account) -> str:
    """Return the 64 characters that own buckets: the hash of the account's uuid, the same in every region."""
    return hashlib.sha256(f"cloudstack account {account.id}".encode()).hexdigest()


def short_id(account: Account) -> str:
    """Return twelve digits for people to read; nothing is decided by them, since two accounts may share them."""
    return f"{int(canonical_id(account)[:16], 16) % 10**12:012}"
