"""The contact form: what visitors wrote, beside the emails that it became."""

from __future__ import annotations

from shared.database import tables
from shared.database.migrations.ensure import ensure_table

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    ensure_table(tables.contacts)
