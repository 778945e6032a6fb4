"""Mailboxes that bounces come into, and what was read in them."""

from __future__ import annotations

from shared.database.migrations.apply import apply

revision = "2026_12"
down_revision = "2026_11"


def upgrade() -> None:
    apply(revision)
