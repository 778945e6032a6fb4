"""When an email that was just stored goes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.configuration.document import EmailSchedule
from shared.outbox.states import Lane
from shared.scheduling.schedule import EVERY_DAY, Schedule
from shared.scheduling.service_state import ServiceState
from standalone.commands.when import expected

NOW = datetime(2026, 1, 30, 12, 0, tzinfo=UTC)
ALWAYS = EmailSchedule().to_schedule()
EVENINGS = Schedule(time(18), time(20), timedelta(minutes=30), ZoneInfo("Europe/Berlin"), EVERY_DAY)


def state(*, running: bool = True, tick: timedelta | None = timedelta(seconds=30)) -> ServiceState:
    last_tick = NOW - tick if tick is not None else None
    return ServiceState(running, NOW, NOW, None, last_tick, moved=False, runs=0)


@pytest.mark.parametrize(
    ("found", "schedule", "lane", "at", "words"),
    [
        (state(), ALWAYS, Lane.SCHEDULED, timedelta(minutes=1), "within a minute"),
        (state(), EVENINGS, Lane.IMMEDIATE, timedelta(minutes=1), "within a minute"),
        (state(), EVENINGS, Lane.SCHEDULED, timedelta(hours=5), "17:00Z (18:00 Europe/Berlin)"),
        (state(running=False), EVENINGS, Lane.IMMEDIATE, None, "stopped (rowpost start)"),
        (state(tick=None), EVENINGS, Lane.IMMEDIATE, None, "as soon as Rowpost runs"),
        (state(tick=timedelta(hours=1)), EVENINGS, Lane.IMMEDIATE, None, "since 2026-01-30 11:00Z"),
    ],
)
def test_it_is_told_as_far_as_anybody_can_know(
    found: ServiceState, schedule: Schedule, lane: Lane, at: timedelta | None, words: str
) -> None:
    told = expected(found, schedule, lane, NOW)

    assert told.at == (None if at is None else NOW + at)
    assert words in told.words
