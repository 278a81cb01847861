"""Certificates: a branch of its own, because it stands beside CloudStack's database, where the directory is not ours."""

import sqlalchemy as sa
from alembic import op

revision = "certificates_0001"
down_revision = None
branch_labels = ("certificates",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "authsvc_certificates",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("der", sa.Text, nullable=False),
        sa.Column("user_id", sa.String(40), nullable=False, index=True),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("revoked", sa.DateTime),
        sa.Column("legacy_id", sa.String(1024)),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )


def downgrade() -> None:
    op.drop_table("authsvc_certificates")
