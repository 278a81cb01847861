"""Who signed, in headers for the store behind a gateway.

All of them stand in every answer that lets a request through, and none is ever empty: a gateway copies them over
whatever the client sent under the same names, and must find each of them to copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from authsvc.model import AccountType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authsvc.model import Account
    from authsvc.service.verify import Verified

ROLES: Final[Mapping[AccountType, str]] = {
    AccountType.ADMIN: "Admin",
    AccountType.DOMAIN_ADMIN: "DomainAdmin",
    AccountType.RESOURCE_DOMAIN_ADMIN: "ResourceAdmin",
}
"""CloudStack's ``RoleType`` by account type; everybody else is a ``User``."""

HEADERS: Final = (
    "X-Auth-User",
    "X-Auth-User-Id",
    "X-Auth-Account",
    "X-Auth-Account-Id",
    "X-Auth-Domain",
    "X-Auth-Domain-Id",
    "X-Auth-Roles",
    "X-Auth-Scheme",
    "X-Auth-Key-Restricted",
)
"""What a gateway has to copy, and to take away from clients."""


def identity_headers(verified: Verified) -> dict[str, str]:
    """Describe who signed; a value that is no plain ASCII word is percent-encoded UTF-8.

    A name given in CloudStack may hold anything; encoded it holds no line break, no comma and no blank.
    """
    who = verified.credential.principal
    values = (
        who.user.name,
        who.user.id,
        who.account.name,
        who.account.id,
        who.domain.path,
        who.domain.id,
        None,
        verified.claim.scheme,
        "true" if who.key.restricted else "false",
    )
    told = {name: _word(value or "-") for name, value in zip(HEADERS, values, strict=True)}
    return told | {"X-Auth-Roles": ",".join(map(_word, roles(who.account)))}


def roles(account: Account) -> tuple[str, ...]:
    """Return the role by account type, and CloudStack's own role where that has another name."""
    kind = ROLES.get(account.type, "User")
    return (kind, account.role.name) if account.role and account.role.name != kind else (kind,)


def _word(text: str) -> str:
    return quote(text, safe="/@:", errors="backslashreplace")
