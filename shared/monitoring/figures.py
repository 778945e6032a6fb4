"""The numbers that an operator sees at a glance: what is due, what ended today, hour by hour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.outbox.queries import counts
from shared.outbox.queries.history import Ended, History, OfAccount, by_account
from shared.scheduling import service_state
from shared.scheduling.schedule import Schedule

if TYPE_CHECKING:
    from shared.database.database import Database

_LAST_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Figures:
    """No state is counted beyond COUNT_LIMIT. `today` began at midnight in the schedule's zone."""

    due: int
    later: int
    failed_today: int
    today: datetime
    needs_first_id: bool
    hours: Mapping[datetime, Ended]
    accounts: Sequence[OfAccount]
    """Of the last 24 hours."""


class FigureReader:
    """Reads a queue's figures, one reading at a time; what is long past it reads once.

    Database and schedule are asked for anew at each reading: both can be changed meanwhile.
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
        self._history = History()
        self._of: Database | None = None

    def look(self) -> Figures:
        """Bounded reads only. Raises DatabaseUnreachable."""
        database, now = self._database(), self._clock()
        if self._of is not database:
            self._of, self._history = database, History()
        today = now.astimezone(self._schedule().zone)
        today = today.replace(hour=0, minute=0, second=0, microsecond=0)
        with database.read() as connection:
            return Figures(
                due=counts.due(connection),
                later=counts.later(connection),
                failed_today=counts.failed_since(connection, today),
                today=today,
                needs_first_id=service_state.needs_first_id(connection),
                hours=self._history.hours(connection),
                accounts=by_account(connection, now - _LAST_DAY),
            )
