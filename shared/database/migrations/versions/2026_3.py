"""Database Mail: profiles, who may use them, its settings, what an email was given, and its log."""

from __future__ import annotations

from shared.database.migrations.apply import apply

revision = "2026_3"
down_revision = "2026_2"


def upgrade() -> None:
    apply(revision)
