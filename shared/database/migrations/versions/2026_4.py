"""Test mode: whom an account's emails may reach."""

from __future__ import annotations

from shared.database.migrations.apply import apply

revision = "2026_4"
down_revision = "2026_3"


def upgrade() -> None:
    apply(revision)
