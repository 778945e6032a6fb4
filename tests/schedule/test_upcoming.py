"""The next runs of a schedule, and what the next change of the clock does to it."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.scheduling.schedule import Schedule
from shared.scheduling.upcoming import changed_window, next_clock_change, upcoming_runs
from tests.schedule.test_schedule import BERLIN, FRIDAY, MONDAY, NEW_YORK, SUNDAY, utc, window

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("schedule", "last_run", "now", "expected"),
    [
        (
            window("09:00", "10:00"),
            None,
            "2026-05-06 09:10",
            ["06 09:10", "06 09:40", "07 09:00", "07 09:30", "08 09:00"],
        ),
        (
            window("09:00", "10:00", days=(MONDAY, FRIDAY), minutes=60),
            "2026-05-08 09:00",
            "2026-05-08 12:00",
            ["11 09:00", "15 09:00", "18 09:00", "22 09:00", "25 09:00"],
        ),
        (
            window("00:00", "00:00", minutes=1),
            "2026-05-06 11:59:30",
            "2026-05-06 12:00",
            ["06 12:00", "06 12:01", "06 12:02", "06 12:03", "06 12:04"],
        ),
        # The clock goes forward in the night to the 29th: an hour earlier, in UTC.
        (
            window("08:00", "08:30", BERLIN),
            None,
            "2026-03-28 00:00",
            ["28 07:00", "29 06:00", "30 06:00", "31 06:00", "01 06:00"],
        ),
    ],
)
def test_the_next_five_runs(
    schedule: Schedule, last_run: str | None, now: str, expected: list[str]
) -> None:
    runs = upcoming_runs(schedule, utc(last_run) if last_run else None, utc(now), 5)

    assert [f"{run:%d %H:%M}" for run in runs] == expected


@pytest.mark.parametrize(
    ("zone", "now", "at", "before", "after"),
    [
        (BERLIN, "2026-03-01", "2026-03-29 01:00", "02:00", "03:00"),
        (BERLIN, "2026-03-29 01:00", "2026-10-25 01:00", "03:00", "02:00"),
        (NEW_YORK, "2026-03-08 06:59:59", "2026-03-08 07:00", "02:00", "03:00"),
        ("Australia/Lord_Howe", "2026-05-01", "2026-10-03 15:30", "02:00", "02:30"),
    ],
)
def test_the_next_change_of_the_clock(
    zone: str, now: str, at: str, before: str, after: str
) -> None:
    change = next_clock_change(ZoneInfo(zone), utc(now))

    assert change
    assert change.at == utc(at)
    assert f"{change.shown_before:%H:%M} {change.shown_after:%H:%M}" == f"{before} {after}"
    assert change.is_forward == (after > before)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_a_clock_that_never_changes(zone: str) -> None:
    assert next_clock_change(ZoneInfo(zone), utc("2026-05-06")) is None


@pytest.mark.parametrize(
    ("schedule", "now", "opens", "longer"),
    [
        (window("09:00", "18:00", BERLIN), "2026-03-01", None, None),
        (window("22:00", "06:00", BERLIN), "2026-03-01", "28 21:00", -HOUR),
        (window("22:00", "06:00", BERLIN), "2026-10-01", "24 20:00", HOUR),
        (window("01:00", "04:00", BERLIN, days=(SUNDAY,)), "2026-03-01", "29 00:00", -HOUR),
        (window("01:00", "04:00", BERLIN, days=(MONDAY,)), "2026-03-01", None, None),
        # Skipped wholly: it does not open at all.
        (window("02:10", "02:40", BERLIN), "2026-03-01", "29 01:00", -HOUR / 2),
        (window("00:00", "00:00", BERLIN), "2026-03-01", None, None),
    ],
)
def test_a_change_of_the_clock_makes_a_window_longer_or_shorter(
    schedule: Schedule, now: str, opens: str | None, longer: timedelta | None
) -> None:
    change = next_clock_change(schedule.zone, utc(now))
    assert change

    changed = changed_window(schedule, change)

    assert (f"{changed.window.opens:%d %H:%M}" if changed else None) == opens
    assert (changed.longer if changed else None) == longer
