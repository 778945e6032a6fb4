"""Whether there are webhooks at all: where there are none, an event costs nobody anything."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import literal_column, select

from shared.database.database import Database
from shared.database.tables import webhooks

_KNOWN_SECONDS = 5.0
ANY = select(webhooks.c.Id).where(webhooks.c.Enabled == literal_column("1")).limit(1)


class Presence:
    """Asks the database once in five seconds at most, however often it is asked."""

    def __init__(self, database: Callable[[], Database]) -> None:
        self._database = database
        self._absent_until = 0.0

    @property
    def is_ruled_out(self) -> bool:
        """There were none a moment ago. Asks nobody."""
        return time.monotonic() < self._absent_until

    def is_there(self) -> bool:
        """Whether one is turned on. Raises DatabaseUnreachable."""
        if self.is_ruled_out:
            return False
        with self._database().read() as connection:
            found = connection.execute(ANY).first() is not None
        if not found:
            self._absent_until = time.monotonic() + _KNOWN_SECONDS
        return found
