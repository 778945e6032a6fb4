"""The first release: the seed's two tables created or adopted, Rowpost's own beside them."""

from __future__ import annotations

from shared.database.migrations.apply import apply

revision = "2026_1"
down_revision = None


def upgrade() -> None:
    apply(revision)
