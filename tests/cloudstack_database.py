"""Databases shaped like CloudStack's, version by version, on SQLite and MariaDB alike.

Only what authsvc reads, and a few columns that it must not trip over.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

LEGACY = ("api_key varchar(255)", "secret_key varchar(255)")
USER = (
    "id bigint NOT NULL PRIMARY KEY",
    "uuid varchar(40) UNIQUE",
    "username varchar(255) NOT NULL",
    "password varchar(255) NOT NULL",
    "account_id bigint NOT NULL",
    "firstname varchar(255)",
    "lastname varchar(255)",
    "email varchar(255)",
    "state varchar(10) NOT NULL DEFAULT 'enabled'",
    "created datetime NOT NULL",
    "removed datetime",
    "timezone varchar(30)",
)
ACCOUNT = (
    "id bigint NOT NULL PRIMARY KEY",
    "account_name varchar(100)",
    "uuid varchar(40) UNIQUE",
    "type int NOT NULL",
    "domain_id bigint",
    "state varchar(10) NOT NULL DEFAULT 'enabled'",
    "removed datetime",
    "cleanup_needed int NOT NULL DEFAULT 0",
)
DOMAIN = (
    "id bigint NOT NULL PRIMARY KEY",
    "parent bigint",
    "name varchar(255)",
    "uuid varchar(40) UNIQUE",
    "owner bigint NOT NULL",
    "path varchar(255) NOT NULL",
    "level int NOT NULL DEFAULT 0",
    "removed datetime",
    "state char(32) NOT NULL DEFAULT 'Active'",
)
REGION = (
    "id int NOT NULL PRIMARY KEY",
    "name varchar(255) NOT NULL UNIQUE",
    "end_point varchar(255) NOT NULL",
)
VERSION = (
    "id bigint NOT NULL PRIMARY KEY",
    "version char(40) NOT NULL",
    "updated datetime NOT NULL",
    "step char(32) NOT NULL",
)
DETAILS = (
    "id bigint NOT NULL PRIMARY KEY",
    "domain_id bigint NOT NULL",
    "name varchar(255)",
    "value varchar(255)",
)
CONFIGURATION = ("name varchar(255) NOT NULL PRIMARY KEY", "value varchar(4095)", "category varchar(255)")
ROLES = (
    "id bigint NOT NULL PRIMARY KEY",
    "uuid varchar(40) UNIQUE",
    "name varchar(255)",
    "role_type varchar(255)",
)
KEYPAIR = (
    "id bigint NOT NULL PRIMARY KEY",
    "uuid varchar(40) NOT NULL UNIQUE",
    "name varchar(255) NOT NULL",
    "domain_id bigint NOT NULL",
    "account_id bigint NOT NULL",
    "user_id bigint NOT NULL",
    "start_date datetime",
    "end_date datetime",
    "description varchar(100)",
    "api_key varchar(255) NOT NULL",
    "secret_key varchar(255) NOT NULL",
    "created datetime NOT NULL",
    "removed datetime",
)
PERMISSIONS = (
    "id bigint NOT NULL PRIMARY KEY",
    "uuid varchar(40) UNIQUE",
    "sort_order bigint NOT NULL DEFAULT 0",
    "rule varchar(255)",
    "api_keypair_id bigint NOT NULL",
    "permission varchar(255)",
)
DEFAULT = ("`default` int NOT NULL DEFAULT 0",)
SOURCE = ("source varchar(40) NOT NULL DEFAULT 'UNKNOWN'",)
ROLE_ID = ("role_id bigint",)
ACCESS = ("api_key_access boolean",)
REGION_42 = (
    "portableip_service_enabled int NOT NULL DEFAULT 0",
    "gslb_service_enabled int NOT NULL DEFAULT 1",
)
TWO_FACTORS = ("is_user_2fa_enabled int NOT NULL DEFAULT 0", "key_for_2fa varchar(255)")


@dataclass(frozen=True)
class Version:
    """What a version's tables look like."""

    version: str
    user: tuple[str, ...] = USER + LEGACY
    account: tuple[str, ...] = ACCOUNT
    region: tuple[str, ...] = REGION
    roles: bool = False
    access: bool = False
    permissions: str | None = None

    @property
    def legacy(self) -> bool:
        return "api_key varchar(255)" in self.user

    @property
    def key_pairs(self) -> bool:
        return self.permissions is not None


U42 = USER + LEGACY + DEFAULT
U45 = U42 + SOURCE
U418 = U45 + TWO_FACTORS
A42 = ACCOUNT + DEFAULT
A49 = A42 + ROLE_ID
NEW_USER = tuple(column for column in U418 + ACCESS if column not in LEGACY)
VERSIONS = {
    "4.1": Version("4.1.0"),
    "4.2": Version("4.2.0", U42, A42, REGION + REGION_42),
    "4.5": Version("4.5.2", U45, A42, REGION + REGION_42),
    "4.9": Version("4.9.0", U45, A49, REGION + REGION_42, roles=True),
    "4.16": Version("4.16.0.0", U45, A49, REGION + REGION_42, roles=True),
    "4.18": Version("4.18.0.0", U418, A49, REGION + REGION_42, roles=True),
    "4.20.1": Version("4.20.1.0", U418 + ACCESS, A49 + ACCESS, REGION + REGION_42, roles=True, access=True),
    "4.22": Version("4.22.0.0", U418 + ACCESS, A49 + ACCESS, REGION + REGION_42, roles=True, access=True),
    "4.23": Version(
        "4.23.0.0", NEW_USER, A49 + ACCESS, REGION + REGION_42, True, True, "api_keypair_permissions"
    ),
    "4.24": Version(
        "4.24.0.0", NEW_USER, A49 + ACCESS, REGION + REGION_42, True, True, "api_keypair_permissions"
    ),
    "fork-pairs": Version(
        "4.20.0.1-fork",
        tuple(column for column in U418 if column not in LEGACY),
        A49,
        REGION + REGION_42,
        roles=True,
        permissions="keypair_permissions",
    ),
    "fork-both": Version(
        "4.18.1.0-fork", U418, A49, REGION + REGION_42, roles=True, permissions="keypair_permissions"
    ),
}


@dataclass
class CloudStackDatabase:
    """Makes the tables of a version and fills them; ``execute`` runs SQL with ``%s`` placeholders."""

    version: Version
    execute: Any
    suffix: str = ""
    _next: int = field(default=100)

    def create(self) -> None:
        version = self.version
        tables = {
            "version": VERSION,
            "user": version.user,
            "account": version.account,
            "domain": DOMAIN,
            "region": version.region,
            "domain_details": DETAILS,
            "configuration": CONFIGURATION,
        }
        if version.roles:
            tables["roles"] = ROLES
        if version.permissions:
            tables["api_keypair"] = KEYPAIR
            tables[version.permissions] = PERMISSIONS
        for name, columns in tables.items():
            self.execute(f"CREATE TABLE `{name}` ({', '.join(columns)}){self.suffix}")
        if version.legacy:
            self.execute("CREATE UNIQUE INDEX i_user__api_key ON `user` (api_key)")
        self.insert("version", id=1, version="4.0.0", updated="2013-01-01 00:00:00", step="Complete")
        self.insert("version", id=2, version=version.version, updated="2026-01-01 00:00:00", step="Complete")
        self.insert("version", id=3, version="9.9.9", updated="2026-01-02 00:00:00", step="Upgrade")
        self.insert("domain", id=1, name="ROOT", uuid=str(uuid.uuid4()), owner=2, path="/", level=0)
        self.insert("region", id=1, name="Local", end_point="http://localhost:8080/client/")
        if version.roles:
            self.insert("roles", id=4, uuid="role-uuid-4", name="User", role_type="User")

    def insert(self, table: str, **row: Any) -> int:
        """Insert a row with the columns that the version has; return its number."""
        if "id" not in row and table != "configuration":
            self._next += 1
            row["id"] = self._next
        names = ", ".join(f"`{name}`" for name in row)
        marks = ", ".join(["%s"] * len(row))
        self.execute(f"INSERT INTO `{table}` ({names}) VALUES ({marks})", tuple(row.values()))
        return row.get("id", 0)

    def update(self, table: str, number: int, **row: Any) -> None:
        names = ", ".join(f"`{name}` = %s" for name in row)
        self.execute(f"UPDATE `{table}` SET {names} WHERE id = %s", (*row.values(), number))

    def add_domain(self, name: str, path: str, **row: Any) -> int:
        return self.insert(
            "domain", **{"name": name, "uuid": str(uuid.uuid4()), "owner": 2, "path": path, **row}
        )

    def add_account(self, name: str, *, domain: int = 1, **row: Any) -> int:
        if self.version.roles:
            row.setdefault("role_id", 4)
        return self.insert(
            "account",
            **{"account_name": name, "uuid": str(uuid.uuid4()), "type": 0, "domain_id": domain, **row},
        )

    def add_user(self, name: str, *, account: int, **row: Any) -> int:
        return self.insert(
            "user",
            **{
                "username": name,
                "uuid": str(uuid.uuid4()),
                "password": "no password of anybody",
                "account_id": account,
                "firstname": name.capitalize(),
                "lastname": "Liddell",
                "email": f"{name}@example.com",
                "created": "2020-02-02 02:02:02",
                "timezone": "UTC",
                **row,
            },
        )

    def add_key(self, user: int, account: int, access_key: str, stored: str | None, **pair: Any) -> int:
        """Give the user a key where this version keeps keys; return the key pair's number, or the user's."""
        if not self.version.key_pairs:
            self.update("user", user, api_key=access_key, secret_key=stored)
            return user
        return self.insert(
            "api_keypair",
            **{
                "uuid": str(uuid.uuid4()),
                "name": "a key pair",
                "domain_id": 1,
                "account_id": account,
                "user_id": user,
                "api_key": access_key,
                "secret_key": stored or "",
                "created": "2020-02-02 02:02:02",
                **pair,
            },
        )
