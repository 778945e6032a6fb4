"""What a page asks the database, for pages that are good for something while it is away."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from shared.app import Application
from shared.background import PATIENCE_SECONDS, Work
from shared.monitoring.health import AWAY

T = TypeVar("T")


def if_it_answers(application: Application, read: Callable[[Connection], T]) -> T | None:
    """What `read` finds; None where the database is away, or takes longer than 3 seconds."""

    def look() -> T:
        with application.database().read() as connection:
            return read(connection)

    try:
        return Work(look, "page", daemon=True).result(PATIENCE_SECONDS)
    except AWAY:
        return None
