"""The directory authsvc owns: CloudStack 4.23's tables as far as they are read, and a marker that says whose they are."""

import uuid
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

VERSION = "4.23.0.0"
UTF8 = {"mysql_charset": "utf8mb4", "mysql_engine": "InnoDB"}


def _id() -> sa.types.TypeEngine:
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _key(name: str = "id") -> sa.Column:
    return sa.Column(name, _id(), primary_key=True, autoincrement=True)


def _uuid() -> sa.Column:
    return sa.Column("uuid", sa.String(40), unique=True, nullable=False)


def _removed() -> sa.Column:
    return sa.Column("removed", sa.DateTime)


def upgrade() -> None:
    op.create_table("authsvc_directory", sa.Column("created", sa.DateTime, nullable=False), **UTF8)
    _people()
    _keys()
    _settings()
    _first_rows()


def _people() -> None:
    op.create_table(
        "domain",
        _key(),
        sa.Column("parent", _id()),
        sa.Column("name", sa.String(255)),
        _uuid(),
        sa.Column("path", sa.String(255), nullable=False, index=True),
        sa.Column("level", sa.Integer, nullable=False, server_default="0"),
        _removed(),
        sa.Column("state", sa.String(32), nullable=False, server_default="Active"),
        **UTF8,
    )
    op.create_table(
        "roles",
        _key(),
        _uuid(),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("role_type", sa.String(255), nullable=False),
        **UTF8,
    )
    op.create_table(
        "account",
        _key(),
        sa.Column("account_name", sa.String(100)),
        _uuid(),
        sa.Column("type", sa.Integer, nullable=False),
        sa.Column("role_id", _id(), sa.ForeignKey("roles.id")),
        sa.Column("domain_id", _id(), sa.ForeignKey("domain.id")),
        sa.Column("state", sa.String(10), nullable=False, server_default="enabled"),
        _removed(),
        sa.Column("api_key_access", sa.Boolean),
        sa.Index("i_account__account_name", "account_name", "domain_id"),
        **UTF8,
    )
    op.create_table(
        "user",
        _key(),
        _uuid(),
        sa.Column("username", sa.String(255), nullable=False),
        sa.Column("account_id", _id(), sa.ForeignKey("account.id"), nullable=False),
        sa.Column("firstname", sa.String(255)),
        sa.Column("lastname", sa.String(255)),
        sa.Column("email", sa.String(255)),
        sa.Column("state", sa.String(10), nullable=False, server_default="enabled"),
        sa.Column("created", sa.DateTime, nullable=False),
        _removed(),
        sa.Column("timezone", sa.String(30)),
        sa.Column("default", sa.Integer, nullable=False, server_default="0"),
        sa.Column("source", sa.String(40), nullable=False, server_default="NATIVE"),
        sa.Column("api_key_access", sa.Boolean),
        **UTF8,
    )


def _keys() -> None:
    op.create_table(
        "api_keypair",
        _key(),
        _uuid(),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("account_id", _id(), sa.ForeignKey("account.id"), nullable=False),
        sa.Column("user_id", _id(), sa.ForeignKey("user.id"), nullable=False),
        sa.Column("start_date", sa.DateTime),
        sa.Column("end_date", sa.DateTime),
        sa.Column("api_key", sa.String(255), nullable=False, index=True),
        sa.Column("secret_key", sa.String(512), nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        _removed(),
        **UTF8,
    )
    op.create_table(
        "api_keypair_permissions",
        _key(),
        _uuid(),
        sa.Column("api_keypair_id", _id(), sa.ForeignKey("api_keypair.id"), nullable=False),
        sa.Column("rule", sa.String(255), nullable=False),
        sa.Column("permission", sa.String(255), nullable=False),
        **UTF8,
    )


def _settings() -> None:
    op.create_table(
        "domain_details",
        _key(),
        sa.Column("domain_id", _id(), sa.ForeignKey("domain.id"), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("value", sa.String(255), nullable=False),
        **UTF8,
    )
    op.create_table(
        "configuration",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("value", sa.String(4095)),
        **UTF8,
    )
    op.create_table(
        "region",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(255), unique=True, nullable=False),
        sa.Column("end_point", sa.String(255), nullable=False),
        sa.Column("portableip_service_enabled", sa.Boolean, nullable=False, server_default=sa.text("0")),
        sa.Column("gslb_service_enabled", sa.Boolean, nullable=False, server_default=sa.text("1")),
        **UTF8,
    )
    op.create_table(
        "version",
        _key(),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("updated", sa.DateTime, nullable=False),
        sa.Column("step", sa.String(32), nullable=False),
        **UTF8,
    )


def _first_rows() -> None:
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    _insert("authsvc_directory", created=now)
    _insert("version", version=VERSION, updated=now, step="Complete")
    _insert("domain", id=1, name="ROOT", uuid=str(uuid.uuid4()), path="/", level=0, state="Active")
    _insert("region", id=1, name="Local", end_point="http://localhost:8080/client/")
    for number, (name, kind) in enumerate((("Root Admin", "Admin"), ("User", "User")), 1):
        _insert("roles", id=number, uuid=str(uuid.uuid4()), name=name, role_type=kind)


def _insert(into: str, /, **values: object) -> None:
    # Python's own driver of SQLite is to forget how a date is written.
    columns = [
        sa.column(name, sa.DateTime() if isinstance(value, datetime) else None)
        for name, value in values.items()
    ]
    table = sa.table(into, *columns)
    op.execute(sa.insert(table).values(**values))


def downgrade() -> None:
    for name in (
        "version",
        "region",
        "configuration",
        "domain_details",
        "api_keypair_permissions",
        "api_keypair",
        "user",
        "account",
        "roles",
        "domain",
        "authsvc_directory",
    ):
        op.drop_table(name)
