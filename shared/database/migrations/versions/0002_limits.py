"""What callers are counted by: requests in a window of time, and failed logins."""

from __future__ import annotations

from shared.database import tables
from shared.database.migrations.ensure import ensure_indexes, ensure_table

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for table in (tables.request_counts, tables.login_failures):
        ensure_table(table)
        ensure_indexes(table)
