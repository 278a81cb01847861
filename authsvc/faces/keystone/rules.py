"""How this face words what it knows: the operator's choices."""

from __future__ import annotations

from dataclasses import dataclass

from authsvc.model import AccountType

_DOMAIN_ADMINS = frozenset({AccountType.DOMAIN_ADMIN, AccountType.RESOURCE_DOMAIN_ADMIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The operator's choices.

    Attributes:
        url: Where this face is reached, without ``/v3``; None: as the request's Host says.
        lifetime: Seconds a document about a user is good for. Ceph RGW forgets a user's secret at its end.
        patience: Seconds for which a string is held while the directory does not answer. Swift takes a 503 for
            a bad signature, and waits ten seconds for an answer.
        token_lifetime: Seconds a token issued to a service is good for.
        token_keys: 32 bytes each; the first seals issued tokens, all open them. Empty: none are issued.
        dashes: Keep the dashes of an account's uuid in the project's id. RGW takes none in a tenant's name.
        user_roles: Role names of users; also those of account types that are none of the two below.
        domain_admin_roles: Role names of a domain's administrators.
        admin_roles: Role names of root administrators.
    """

    url: str | None = None
    lifetime: float = 60.0
    patience: float = 2.0
    token_lifetime: float = 3600.0
    token_keys: tuple[bytes, ...] = ()
    dashes: bool = False
    user_roles: frozenset[str] = frozenset({"Member", "swiftoperator"})
    domain_admin_roles: frozenset[str] = frozenset({"Member", "swiftoperator"})
    admin_roles: frozenset[str] = frozenset({"admin"})

    def roles(self, kind: AccountType) -> frozenset[str]:
        """Return the role names of users whose account is of this type."""
        if kind is AccountType.ADMIN:
            return self.admin_roles
        return self.domain_admin_roles if kind in _DOMAIN_ADMINS else self.user_roles
