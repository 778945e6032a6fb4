"""Events: what happened to emails and accounts, in an order that readers can go by."""

from __future__ import annotations

from shared.database.migrations.apply import apply

revision = "2026_7"
down_revision = "2026_6"


def upgrade() -> None:
    apply(revision)
