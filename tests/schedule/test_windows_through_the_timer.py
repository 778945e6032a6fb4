"""The window over clock changes and midnight, kept by the timer function itself.

The function runs as the host runs it, on an application whose clock the test sets; the emails go
to a mail server, and what it got says whether the window was kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from functions.timers import queue_timer
from shared.app import Application, use
from shared.configuration.document import Configuration, EmailSchedule
from shared.database.tables import service
from shared.outbox.states import Flag
from shared.scheduling.service_state import status as service_state
from shared.settings import Settings
from tests.support.queue import Queue
from tests.support.smtp import SmtpServer

NEW_YORK = ZoneInfo("America/New_York")
Servers = Callable[..., SmtpServer]


class Operation:
    """A service with a mail server, and a clock that is set by hand."""

    def __init__(self, folder: Path, server: SmtpServer) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.server = server
        self.application = Application(
            Settings(ROWPOST_DATA=folder, ROWPOST_CATCHER_PORT="off"), clock=lambda: self.now
        )
        self.queue = Queue(self.application)
        self.queue.account(server)

    def keep(self, start: str, end: str, minutes: int = 1, **more: Any) -> None:
        schedule = EmailSchedule(
            start_time=start,
            end_time=end,
            interval=minutes,
            interval_unit="minutes",
            time_zone="America/New_York",
            **more,
        )
        self.application.configuration.save(lambda _: Configuration(email=schedule))

    def sends(self, at: datetime, **columns: Any) -> bool:
        """Whether an email that is there at this instant goes out with the tick of that minute."""
        (email_id,) = self.queue.add(**columns)
        self.tick(at)
        return self.queue.became(email_id).state is Flag.SENT

    def tick(self, at: datetime) -> None:
        """The timer function as the host calls it; a run is noted at this clock's time."""
        self.now = at.astimezone(UTC)
        runs = self._runs()
        timer: Any = None
        queue_timer.build().get_user_function()(timer)
        if self._runs() > runs:
            with self.queue.database.write() as connection:
                connection.execute(update(service).values(LastRun=self.now))

    def _runs(self) -> int:
        with self.queue.database.read() as connection:
            return service_state(connection).runs


@pytest.fixture
def operation(tmp_path: Path, smtp_server: Servers) -> Iterator[Operation]:
    made = Operation(tmp_path, smtp_server())
    use(made.application)
    yield made
    use(None)
    made.application.close()


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def walk(first: str, last: str, minutes: int) -> list[datetime]:
    """Instants from the first to the last, in UTC, where no clock ever jumps."""
    step = timedelta(minutes=minutes)
    return [utc(first) + step * n for n in range((utc(last) - utc(first)) // step + 1)]


BOTH_CHANGES = pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-03-07 12:00", "2026-03-09 15:00"),  # 02:00 becomes 03:00 on the 8th
        ("2026-10-31 12:00", "2026-11-02 15:00"),  # 02:00 becomes 01:00 on the 1st
    ],
)


@BOTH_CHANGES
def test_office_hours_stay_office_hours_when_the_clock_changes(
    operation: Operation, first: str, last: str
) -> None:
    operation.keep("09:00", "18:00")

    for at in walk(first, last, 60):
        wall_clock = at.astimezone(NEW_YORK)
        assert operation.sends(at) == (9 <= wall_clock.hour < 18), wall_clock


@BOTH_CHANGES
def test_a_window_over_midnight_stays_one(operation: Operation, first: str, last: str) -> None:
    operation.keep("22:00", "06:00")

    for at in walk(first, last, 60):
        wall_clock = at.astimezone(NEW_YORK)
        assert operation.sends(at) == (wall_clock.hour >= 22 or wall_clock.hour < 6), wall_clock


def test_a_window_that_opens_in_the_skipped_hour_opens_when_the_clock_has_jumped(
    operation: Operation,
) -> None:
    operation.keep("02:30", "04:00")

    sent = [at for at in walk("2026-03-08 05:00", "2026-03-08 10:00", 10) if operation.sends(at)]

    assert (sent[0], sent[-1]) == (utc("2026-03-08 07:00"), utc("2026-03-08 07:50"))
    assert sent[0].astimezone(NEW_YORK).hour == 3


def test_a_window_that_closes_in_the_repeated_hour_closes_once(operation: Operation) -> None:
    operation.keep("00:00", "01:30")

    sent = [at for at in walk("2026-11-01 03:00", "2026-11-01 09:00", 10) if operation.sends(at)]

    assert (sent[0], sent[-1]) == (utc("2026-11-01 04:00"), utc("2026-11-01 05:20"))


@pytest.mark.parametrize(
    ("midnight", "hours"), [("2026-03-08 05:00", 23), ("2026-11-01 04:00", 25)]
)
def test_an_hourly_run_comes_every_hour_of_real_time(
    operation: Operation, midnight: str, hours: int
) -> None:
    operation.keep("00:00", "24:00", minutes=60)
    end = utc(midnight) + timedelta(hours=hours)
    assert end.astimezone(NEW_YORK).hour == 0

    runs = [
        at for at in walk(midnight, end.isoformat(sep=" ")[:16], 20)[:-1] if operation.sends(at)
    ]

    assert len(runs) == hours
    assert {later - sooner for sooner, later in pairwise(runs)} == {timedelta(hours=1)}


def test_days_are_those_on_which_a_window_begins(operation: Operation) -> None:
    operation.keep("22:00", "06:00", days=["sat"])

    sent = [at for at in walk("2026-03-06 12:00", "2026-03-09 12:00", 60) if operation.sends(at)]

    assert sent[0] == utc("2026-03-08 03:00")  # Saturday, 22:00
    assert sent[-1] == utc("2026-03-08 09:00")  # Sunday, 05:00, an hour of it skipped


@BOTH_CHANGES
def test_immediate_emails_do_not_care(operation: Operation, first: str, last: str) -> None:
    operation.keep("09:00", "18:00", minutes=120, days=["wed"])

    for at in walk(first, last, 170):
        assert operation.sends(at, dd_Lane="immediate"), at
