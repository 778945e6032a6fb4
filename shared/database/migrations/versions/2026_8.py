"""Transports beside SMTP, and the operations by which a mail service knows what was asked of it."""

from __future__ import annotations

from shared.database.migrations.apply import apply

revision = "2026_8"
down_revision = "2026_7"


def upgrade() -> None:
    apply(revision)
