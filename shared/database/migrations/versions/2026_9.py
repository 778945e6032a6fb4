"""Webhooks: where events are posted to, and what came of it."""

from __future__ import annotations

from shared.database.migrations.apply import apply

revision = "2026_9"
down_revision = "2026_8"


def upgrade() -> None:
    apply(revision)
