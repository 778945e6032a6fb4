"""DKIM: the keys that sign an account's emails."""

from __future__ import annotations

from shared.database.migrations.apply import apply

revision = "2026_6"
down_revision = "2026_5"


def upgrade() -> None:
    apply(revision)
