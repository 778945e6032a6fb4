"""Found without a scan: a caller's emails of Database Mail, and the lists an address is off."""

from __future__ import annotations

from shared.database.migrations.apply import apply

revision = "2026_10"
down_revision = "2026_9"


def upgrade() -> None:
    apply(revision)
