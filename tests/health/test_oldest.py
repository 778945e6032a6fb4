"""`oldestWaitingSeconds`: how long the oldest email has been due, wherever it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from shared.app import Application
from shared.configuration.document import Configuration, EmailSchedule
from shared.database.tables import options
from shared.monitoring.queue_snapshot import OverviewReader
from shared.outbox.queries.counts import oldest
from shared.scheduling import service_state
from tests.faults.senders import settings_for
from tests.support.emails import admitted, bring
from tests.support.queue import Queue

NOON = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)
YEAR_2100 = datetime(2100, 1, 1, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Seen(Queue):
    """A queue, and a clock that is set by hand."""

    now = NOON

    def seconds(self) -> int | None:
        overview = OverviewReader(
            self.application.database, self.application.schedule, self.application.clock
        ).look()
        return overview.seconds_waited(self.now)

    def keep(self, start: str, end: str, minutes: int) -> None:
        schedule = EmailSchedule(start_time=start, end_time=end, interval=minutes)
        self.application.configuration.save(lambda _: Configuration(email=schedule))

    def stored(self, since: datetime, **columns: Any) -> int:
        """An email that was stored then, and is in the ledger."""
        (email_id,) = self.add(dd_CreatedDate=since, **columns)
        admitted(self.database, email_id)
        return email_id


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Seen]:
    made = Seen(Application(settings_for(tmp_path), clock=lambda: Seen.now))
    made.keep("09:00", "18:00", minutes=30)
    yield made
    made.application.close()


def at(queue: Seen, monkeypatch: pytest.MonkeyPatch, now: datetime) -> int | None:
    monkeypatch.setattr(Seen, "now", now)
    return queue.seconds()


def test_nothing_that_waits_is_nothing_that_is_due(queue: Seen) -> None:
    assert queue.seconds() is None


def test_an_immediate_email_is_due_since_it_was_stored_at_any_hour(
    queue: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.stored(NOON - 5 * MINUTE, dd_Lane="immediate")

    assert queue.seconds() == 5 * 60
    assert at(queue, monkeypatch, NOON + 10 * HOUR) == 10 * 3600 + 5 * 60


@pytest.mark.parametrize("is_admitted", [True, False])
def test_a_scheduled_email_is_due_while_the_window_is_open_and_not_at_night(
    queue: Seen, monkeypatch: pytest.MonkeyPatch, is_admitted: bool
) -> None:
    night = NOON.replace(hour=3)
    if is_admitted:
        queue.stored(night)
    else:
        queue.add(dd_CreatedDate=night)

    assert at(queue, monkeypatch, NOON.replace(hour=8)) is None
    assert at(queue, monkeypatch, NOON.replace(hour=9, minute=7)) == 7 * 60
    assert at(queue, monkeypatch, NOON.replace(hour=20)) is None


def test_an_immediate_email_counts_behind_a_night_s_backlog(
    queue: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in range(3):
        queue.stored(NOON.replace(hour=hour))
    queue.stored(NOON.replace(hour=4), dd_Lane="immediate")

    assert at(queue, monkeypatch, NOON.replace(hour=5)) == 3600


@pytest.mark.parametrize("is_admitted", [True, False])
def test_an_email_for_the_year_2100_is_not_due(queue: Seen, is_admitted: bool) -> None:
    if is_admitted:
        queue.stored(NOON - HOUR, dd_SendAt=YEAR_2100)
    else:
        queue.add(dd_CreatedDate=NOON - HOUR, dd_SendAt=YEAR_2100)

    assert queue.seconds() is None


def test_options_may_say_that_a_row_is_for_later(queue: Seen) -> None:
    later, now = queue.add(2, dd_CreatedDate=NOON - HOUR)
    with queue.database.write() as connection:
        row = {"EmailId": later, "SendAt": YEAR_2100}
        connection.execute(insert(options), row)
    bring(queue.database, now, "Y")

    with queue.database.read() as connection:
        assert oldest(connection).scheduled is None


def test_what_is_being_sent_is_not_waiting(queue: Seen) -> None:
    bring(queue.database, queue.stored(NOON - HOUR), "P")

    assert queue.seconds() is None


def test_a_stopped_service_does_not_stop_the_clock(queue: Seen) -> None:
    queue.stored(NOON - HOUR)
    queue.database.run(lambda connection: service_state.stop(connection, "ann"))

    assert queue.seconds() == 3600
