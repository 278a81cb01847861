"""Runs migrations of the tables authsvc owns, over the connection it is handed. See authsvc.directory.owned."""

from alembic import context
from sqlalchemy import inspect

VERSION_TABLE = "authsvc_schema_version"
CLOUDSTACKS = {"user", "account", "domain", "version"}

connection = context.config.attributes["connection"]
tables = set(inspect(connection).get_table_names())
if tables & CLOUDSTACKS and "authsvc_directory" not in tables:
    raise ValueError(
        "this database holds CloudStack's tables, which its management server owns; authsvc never changes them. "
        "Give a database of its own"
    )
context.configure(connection=connection, version_table=VERSION_TABLE, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
