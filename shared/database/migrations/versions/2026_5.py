"""One-click unsubscribe: the list that an email belongs to, and who is off which."""

from __future__ import annotations

from shared.database.migrations.apply import apply

revision = "2026_5"
down_revision = "2026_4"


def upgrade() -> None:
    apply(revision)
