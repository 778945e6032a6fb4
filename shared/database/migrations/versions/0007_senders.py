"""Emails may name a sender other than that of their account."""

from __future__ import annotations

from shared.database import tables
from shared.database.migrations.ensure import ensure_columns

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    ensure_columns(tables.emails, after=tables.SEED_EMAIL_COLUMNS)
