"""Bounce addresses: where an account's bounces come back to."""

from __future__ import annotations

from shared.database.migrations.apply import apply

revision = "2026_11"
down_revision = "2026_10"


def upgrade() -> None:
    apply(revision)
