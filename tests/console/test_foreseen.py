"""A schedule in words, as the console shows it before it is saved."""

from __future__ import annotations

import pytest

from shared.console.foreseen import foresee, summary_of
from shared.scheduling.schedule import Schedule
from tests.schedule.test_schedule import BERLIN, FRIDAY, MONDAY, utc, window


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (window("00:00", "00:00", minutes=1), "Every minute, at any hour, every day (UTC)."),
        (
            window("09:00", "18:00", BERLIN, (MONDAY, FRIDAY), minutes=90),
            "Every 1 hour 30 minutes, between 09:00 and 18:00, Monday, Friday (Europe/Berlin).",
        ),
        (
            window("22:00", "06:00", minutes=120),
            "Every 2 hours, between 22:00 and 06:00 of the next day, every day (UTC).",
        ),
    ],
)
def test_a_schedule_is_one_sentence(schedule: Schedule, words: str) -> None:
    assert summary_of(schedule) == words


def test_runs_are_told_in_the_schedules_zone_with_the_clock_change_among_them() -> None:
    foreseen = foresee(window("08:00", "08:30", BERLIN), None, utc("2026-03-28 06:00"))

    assert [(run.shown, run.clock_changed) for run in foreseen.runs[:3]] == [
        ("Saturday 28 March 2026, 08:00 CET", False),
        ("Sunday 29 March 2026, 08:00 CEST", True),
        ("Monday 30 March 2026, 08:00 CEST", False),
    ]
    assert not foreseen.is_open
    assert foreseen.clock_change == (
        "Clocks in Europe/Berlin go forward on Sunday 29 March 2026, from 02:00 to 03:00. "
        "No window becomes longer or shorter by it."
    )


@pytest.mark.parametrize(
    ("schedule", "effect"),
    [
        (
            window("22:00", "06:00", BERLIN),
            (
                "The window that opens on Saturday 28 March 2026, 22:00 CET and closes at 06:00 "
                "CEST is 1 hour shorter than others."
            ),
        ),
        (window("02:10", "02:40", BERLIN), "The window of that day does not open."),
        (window("22:00", "06:00"), "Clocks in UTC do not change within a year."),
    ],
)
def test_what_a_clock_change_does_is_said(schedule: Schedule, effect: str) -> None:
    foreseen = foresee(schedule, None, utc("2026-03-01 06:00"))

    assert foreseen.clock_change.endswith(effect)
