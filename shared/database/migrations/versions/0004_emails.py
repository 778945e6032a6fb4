"""Emails that come in by an API: what is known of them, answers to repeat, addresses to spare."""

from __future__ import annotations

from shared.database import tables
from shared.database.migrations.ensure import ensure_columns, ensure_indexes, ensure_table

revision = "0004"
down_revision = "0003"

_SERVICE_KEY = 1


def upgrade() -> None:
    ensure_columns(tables.emails, after=tables.SEED_EMAIL_COLUMNS)
    ensure_columns(tables.service, after=_SERVICE_KEY)
    for table in (tables.idempotency, tables.suppressions):
        ensure_table(table)
    for table in (tables.emails, tables.idempotency, tables.suppressions):
        ensure_indexes(table)
