"""The queue: seed tables created or adopted, Rowpost's own beside them."""

from __future__ import annotations

from alembic import op

from shared.database import tables
from shared.database.migrations.ensure import (
    ensure_columns,
    ensure_identity,
    ensure_indexes,
    ensure_table,
)

revision = "0001"
down_revision = None


def upgrade() -> None:
    ensure_table(tables.emails)
    ensure_columns(tables.emails, after=tables.SEED_EMAIL_COLUMNS)
    ensure_table(tables.accounts)
    ensure_identity(tables.accounts, tables.accounts.c.Rowpost_Id)
    ensure_columns(tables.accounts, after=tables.SEED_ACCOUNT_COLUMNS + 1)
    own = (tables.service, tables.recipients, tables.attempts, tables.statistics, tables.usage)
    for table in own:
        ensure_table(table)
    for table in (tables.emails, *own):
        ensure_indexes(table)
    _first_state()


def _first_state() -> None:
    """A fresh database runs. One with emails in it waits for somebody to say start."""
    op.execute(
        "INSERT INTO Rowpost_Service (Id, State) "
        "SELECT 1, CASE WHEN EXISTS (SELECT 1 FROM Digital_Emaildetails) "
        "THEN 'stopped' ELSE 'running' END "
        "WHERE NOT EXISTS (SELECT 1 FROM Rowpost_Service WHERE Id = 1)"
    )
