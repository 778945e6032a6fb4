"""Scheduled runs that stay open until they are done, accounts with several failovers and a name for
EHLO."""

from __future__ import annotations

from shared.database.migrations.apply import apply

revision = "2026_2"
down_revision = "2026_1"


def upgrade() -> None:
    apply(revision)
