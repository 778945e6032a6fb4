"""What a revision runs: the statements of its SQL file, in the connection that Alembic works on."""

from __future__ import annotations

from alembic import op

from shared.database.migrations import sqlite, sqlserver
from shared.database.migrations.revisions import steps_for


def apply(revision: str) -> None:
    """Run them one by one; what is there already is left alone."""
    connection = op.get_bind()
    steps = steps_for(revision, connection.dialect.name)
    if connection.dialect.name == "mssql":
        sqlserver.run(connection, steps)
    else:
        sqlite.run(connection, steps)
