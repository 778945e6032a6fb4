"""What the queue's database says of the service and of its queue, in one bounded look."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from shared.accounts.directory import answered_codes
from shared.outbox.queries import counts
from shared.outbox.queries.counts import COUNT_LIMIT, Oldest
from shared.outbox.queries.statistics import Counted, Totals
from shared.scheduling import service_state
from shared.scheduling.schedule import Schedule, due_since

if TYPE_CHECKING:
    from shared.database.database import Database


@dataclass(frozen=True, slots=True)
class Overview:
    """The service and its queue at one moment; no state is counted beyond COUNT_LIMIT."""

    state: service_state.ServiceState
    response_ms: int
    """What it took to reach the database and to read one row."""
    waiting: int
    sending: int
    unknown: int
    held: Counter[str]
    """Emails that no active account answers for, by their account code."""
    oldest_due: datetime | None
    """Since when the email that has been due longest is due: a scheduled one since the run that
    should have sent it, and never while the window is closed."""
    ever: dict[Counted, int]

    @property
    def capped(self) -> bool:
        """Whether something was too much to be counted to its end."""
        return COUNT_LIMIT in (self.waiting, self.sending, self.unknown, self.held.total())

    def seconds_waited(self, now: datetime) -> int | None:
        """How long the oldest email has been due, in seconds; None: none is."""
        if self.oldest_due is None:
            return None
        return max(0, round((now - self.oldest_due).total_seconds()))


class OverviewReader:
    """Looks at a queue, one look at a time; what is long past it reads once.

    Database and schedule are asked for anew at each look: both can be changed meanwhile.
    """

    def __init__(
        self,
        database: Callable[[], Database],
        schedule: Callable[[], Schedule],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._schedule = schedule
        self._clock = clock
        self._totals = Totals()
        self._of: Database | None = None

    def look(self) -> Overview:
        """Bounded reads only, whatever the size of the tables. Raises DatabaseUnreachable."""
        began = time.perf_counter()
        database = self._database()
        with database.read() as connection:
            state = service_state.status(connection)
            response_ms = round((time.perf_counter() - began) * 1000)
            return Overview(
                state=state,
                response_ms=response_ms,
                waiting=counts.waiting(connection),
                sending=counts.sending(connection),
                unknown=counts.unknown(connection),
                held=counts.held(connection, answered_codes(connection)),
                oldest_due=self._oldest_due(counts.oldest(connection), state),
                ever=self._totals_of(database).read(connection),
            )

    def _oldest_due(self, oldest: Oldest, state: service_state.ServiceState) -> datetime | None:
        since = [oldest.immediate]
        if oldest.scheduled is not None:
            since.append(
                due_since(self._schedule(), oldest.scheduled, state.last_run, self._clock())
            )
        return min((time for time in since if time is not None), default=None)

    def _totals_of(self, database: Database) -> Totals:
        if self._of is not database:
            self._of, self._totals = database, Totals()
        return self._totals
