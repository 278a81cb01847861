"""Keystone's token documents: who somebody is, in which project, with which roles, and until when.

The fields are those that Swift's s3token and Ceph RGW read; both refuse an answer in which one is missing.
A CloudStack account is a project, its user a user, its domain the domain of both.
"""

from __future__ import annotations

import base64
import itertools
import re
import secrets
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from authsvc.faces.keystone.rules import Rules
    from authsvc.faces.keystone.service_users import ServiceUser
    from authsvc.model import Account, Principal

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_SERVICE: Final = "service"
_CHANCE: Final = secrets.token_bytes(32)
_DOCUMENTS: Final = itertools.count()


def project_id(account: Account, rules: Rules) -> str:
    """Return the account's id as a project's; only of a uuid's own dashes can two ids not become one."""
    if rules.dashes or not _UUID.fullmatch(account.id):
        return account.id
    return account.id.replace("-", "")


def user_token(
    who: Principal, rules: Rules, *, methods: Iterable[str], issued_at: float, expires_at: float
) -> dict[str, Any]:
    """Describe a user; times are Unix seconds."""
    domain = _named(who.domain.id, who.domain.name)
    user, project = (
        _named(who.user.id, who.user.name),
        _named(project_id(who.account, rules), who.account.name),
    )
    user["domain"], user["password_expires_at"] = domain, None
    project["domain"] = domain
    return {
        "token": {
            "methods": list(methods),
            "user": user,
            "project": project,
            "is_domain": False,
            "roles": _roles(rules.roles(who.account.type)),
            "catalog": [],
            **_times(issued_at, expires_at),
        }
    }


def user_token_v2(who: Principal, rules: Rules, *, issued_at: float, expires_at: float) -> dict[str, Any]:
    """Describe a user in the words of Keystone's version 2; the token's id, which RGW insists on, opens nothing."""
    roles = _roles(rules.roles(who.account.type))
    tenant = _named(project_id(who.account, rules), who.account.name) | {"enabled": True}
    times = _times(issued_at, expires_at)
    return {
        "access": {
            "token": {
                "id": times["audit_ids"][0],
                "issued_at": times["issued_at"],
                "expires": times["expires_at"],
                "tenant": tenant,
                "audit_ids": times["audit_ids"],
            },
            "user": {
                "id": who.user.id,
                "name": who.user.name or who.user.id,
                "username": who.user.name or who.user.id,
                "roles": roles,
                "roles_links": [],
            },
            "serviceCatalog": [],
            "metadata": {"is_admin": 0, "roles": [role["id"] for role in roles]},
        }
    }


def service_token(
    user: ServiceUser, *, url: str, region: str, issued_at: float, expires_at: float
) -> dict[str, Any]:
    """Describe a store or gateway that logged in, and where it finds us."""
    domain = _named(user.domain_id, user.domain)
    return {
        "token": {
            "methods": ["password"],
            "user": _named(user.id, user.name) | {"domain": domain, "password_expires_at": None},
            "project": _named(_SERVICE, _SERVICE) | {"domain": domain},
            "is_domain": False,
            "roles": _roles(frozenset({_SERVICE})),
            "catalog": [
                {
                    "id": "identity",
                    "name": "authsvc",
                    "type": "identity",
                    "endpoints": [
                        {
                            "id": f"identity-{interface}",
                            "interface": interface,
                            "region": region,
                            "region_id": region,
                            "url": f"{url}/v3",
                        }
                        for interface in ("admin", "internal", "public")
                    ],
                }
            ],
            **_times(issued_at, expires_at),
        }
    }


def _named(identifier: str, name: str) -> dict[str, Any]:
    """Give an id and a name, which readers insist on, even where the directory has none."""
    return {"id": identifier, "name": name or identifier}


@lru_cache(maxsize=16)
def _roles(names: frozenset[str]) -> Sequence[Mapping[str, str]]:
    """Describe roles; the rules know of three lots of them."""
    return tuple({"id": name, "name": name} for name in sorted(names))


def _times(issued_at: float, expires_at: float) -> dict[str, Any]:
    return {
        "issued_at": _time(issued_at),
        "expires_at": _time(expires_at),
        "audit_ids": [_audit_id()],
    }


def _audit_id() -> str:
    """Make a name for the document in the form of Keystone's: 16 bytes that nobody guesses.

    The kernel is asked for chance once in a process's life, as a call for each document was the dearest part of it.
    """
    number = next(_DOCUMENTS).to_bytes(8, "big")
    name = blake2b(number, digest_size=16, key=_CHANCE).digest()
    return base64.urlsafe_b64encode(name).rstrip(b"=").decode()


def _time(seconds: float) -> str:
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1e6):06d}Z"


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    """Write a second of UTC; many documents are issued in each, and end in each."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
