"""Emails with several files: in the attachment store, beside the document in their row."""

from __future__ import annotations

from shared.database import tables
from shared.database.migrations.ensure import ensure_columns, ensure_indexes, ensure_table

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    ensure_columns(tables.emails, after=tables.SEED_EMAIL_COLUMNS)
    for table in (tables.attachments, tables.loose_files):
        ensure_table(table)
        ensure_indexes(table)
