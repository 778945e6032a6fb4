"""Alembic's entry: runs on the connection that `upgrade` opened."""

from __future__ import annotations

from alembic import context

from shared.database.migrations import VERSION_TABLE, schema_of

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    version_table=VERSION_TABLE,
    version_table_schema=schema_of(connection),
)
with context.begin_transaction():
    context.run_migrations()
