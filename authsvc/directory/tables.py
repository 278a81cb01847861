"""CloudStack's tables, as far as they are read here.

One set for every version and fork: a query names only columns that ``shape`` found to be there. Nothing here is
ever created in or migrated into CloudStack's database.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, MetaData, String, Table

CLOUD = MetaData()


def _id(name: str = "id", *, primary: bool = False) -> Column[int]:
    # SQLite gives a row its own number only where the column is spelled INTEGER.
    return Column(name, BigInteger().with_variant(Integer, "sqlite"), primary_key=primary)


VERSION = Table(
    "version",
    CLOUD,
    _id(primary=True),
    Column("version", String(40)),
    Column("updated", DateTime),
    Column("step", String(32)),
)
USER = Table(
    "user",
    CLOUD,
    _id(primary=True),
    Column("uuid", String(40)),
    Column("username", String(255)),
    _id("account_id"),
    Column("firstname", String(255)),
    Column("lastname", String(255)),
    Column("email", String(255)),
    Column("state", String(10)),
    Column("api_key", String(255)),
    Column("secret_key", String(255)),
    Column("created", DateTime),
    Column("removed", DateTime),
    Column("timezone", String(30)),
    Column("default", Integer),
    Column("source", String(40)),
    Column("api_key_access", Boolean),
)
ACCOUNT = Table(
    "account",
    CLOUD,
    _id(primary=True),
    Column("account_name", String(100)),
    Column("uuid", String(40)),
    Column("type", Integer),
    _id("role_id"),
    _id("domain_id"),
    Column("state", String(10)),
    Column("removed", DateTime),
    Column("api_key_access", Boolean),
)
DOMAIN = Table(
    "domain",
    CLOUD,
    _id(primary=True),
    _id("parent"),
    Column("name", String(255)),
    Column("uuid", String(40)),
    Column("path", String(255)),
    Column("level", Integer),
    Column("removed", DateTime),
    Column("state", String(32)),
)
ROLES = Table(
    "roles",
    CLOUD,
    _id(primary=True),
    Column("uuid", String(40)),
    Column("name", String(255)),
    Column("role_type", String(255)),
)
DOMAIN_DETAILS = Table(
    "domain_details",
    CLOUD,
    _id(primary=True),
    _id("domain_id"),
    Column("name", String(255)),
    Column("value", String(255)),
)
CONFIGURATION = Table(
    "configuration",
    CLOUD,
    Column("name", String(255), primary_key=True),
    Column("value", String(4095)),
)
API_KEYPAIR = Table(
    "api_keypair",
    CLOUD,
    _id(primary=True),
    Column("uuid", String(40)),
    _id("account_id"),
    _id("user_id"),
    Column("start_date", DateTime),
    Column("end_date", DateTime),
    Column("api_key", String(255)),
    Column("secret_key", String(255)),
    Column("removed", DateTime),
)
API_KEYPAIR_PERMISSIONS = Table("api_keypair_permissions", CLOUD, _id(primary=True), _id("api_keypair_id"))
KEYPAIR_PERMISSIONS = Table("keypair_permissions", CLOUD, _id(primary=True), _id("api_keypair_id"))
