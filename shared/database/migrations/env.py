"""Alembic's entry: runs in the transaction that `upgrade` opened, or prints SQL."""

from __future__ import annotations

from alembic import context

from shared.database.migrations import VERSION_TABLE
from shared.database.tables import metadata

connection = context.config.attributes["connection"]
if connection is None:
    context.configure(
        url=context.config.get_main_option("sqlalchemy.url"),
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
    )
else:
    context.configure(connection=connection, target_metadata=metadata, version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
