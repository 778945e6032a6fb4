"""A line on the terminal now and then: how many emails were sent since the service began."""

from __future__ import annotations

import threading

from sqlalchemy.exc import SQLAlchemyError

from shared.app import Application
from shared.errors import RowpostError
from shared.outbox.queries.statistics import Counted, totals

LOOK_SECONDS = 2.0

Numbers = dict[Counted, int]


def line_of(before: Numbers, now: Numbers) -> str | None:
    """What to say of these numbers; None where nothing was sent."""
    sent, failed = (now[each] - before[each] for each in (Counted.SENT, Counted.FAILED))
    if sent <= 0 and failed <= 0:
        return None
    more = f", {failed} given up (rowpost list --status failed)" if failed > 0 else ""
    return f"Rowpost is sending: {sent} sent{more}"


class SentSoFar:
    """Prints the line whenever it has changed, every two seconds at most."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._thread = threading.Thread(target=self._repeat, name="sent so far", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _repeat(self) -> None:
        before = self._look()
        said = None
        while not self._application.stop.wait(LOOK_SECONDS):
            now = self._look()
            before = before or now
            if before is None or now is None:
                continue
            line = line_of(before, now)
            if line is not None and line != said:
                print(line, flush=True)
                said = line

    def _look(self) -> Numbers | None:
        """All that ever were sent and given up; None while the database does not say."""
        try:
            with self._application.database().read() as connection:
                return totals(connection)
        except (RowpostError, SQLAlchemyError):
            return None
