"""Keys, and emails found by the request that stored them."""

from __future__ import annotations

from shared.database import tables
from shared.database.migrations.ensure import ensure_indexes, ensure_table

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    ensure_indexes(tables.emails)
    ensure_table(tables.keys)
