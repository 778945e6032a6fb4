"""Accounts with limits, connections at most, a fallback and XOAUTH2."""

from __future__ import annotations

from shared.database import tables
from shared.database.migrations.ensure import ensure_columns, ensure_indexes, ensure_table

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    ensure_columns(tables.emails, after=tables.SEED_EMAIL_COLUMNS)
    ensure_columns(tables.accounts, after=tables.SEED_ACCOUNT_COLUMNS)
    ensure_columns(tables.statistics)
    for table in (tables.quotas, tables.reservations, tables.slots):
        ensure_table(table)
        ensure_indexes(table)
