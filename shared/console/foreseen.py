"""A schedule in words: whether it is open, its next runs, what the next clock change does. Pure."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.console.words import span
from shared.scheduling.schedule import EVERY_DAY, Schedule, is_open, is_whole_day
from shared.scheduling.upcoming import (
    ChangedWindow,
    ClockChange,
    changed_window,
    next_clock_change,
    upcoming_runs,
)

RUNS = 5
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class ForeseenRun(NamedTuple):
    """When a run is expected, and as the schedule's zone shows it; `clock_changed`: since the run
    before it."""

    at: datetime
    shown: str
    clock_changed: bool


class Foreseen(NamedTuple):
    """What a schedule means from now on."""

    summary: str
    is_open: bool
    runs: tuple[ForeseenRun, ...]
    clock_change: str


def foresee(schedule: Schedule, last_run: datetime | None, now: datetime) -> Foreseen:
    """The next runs as if the service were running, and the next clock change within a year."""
    expected = upcoming_runs(schedule, last_run, now, RUNS)
    offsets = [at.astimezone(schedule.zone).utcoffset() for at in (now, *expected)]
    return Foreseen(
        summary_of(schedule),
        is_open(schedule, now),
        tuple(
            ForeseenRun(at, shown_in(schedule.zone, at), before != after)
            for at, (before, after) in zip(expected, pairwise(offsets), strict=True)
        ),
        _clock_change(schedule, now),
    )


def summary_of(schedule: Schedule) -> str:
    """The schedule as a sentence."""
    words = span(schedule.interval.total_seconds())
    every = words.removeprefix("1 ") if words.count(" ") == 1 else words
    days = "every day" if schedule.days == EVERY_DAY else _list_of(schedule.days)
    if is_whole_day(schedule):
        hours = "at any hour"
    else:
        hours = f"between {schedule.start:%H:%M} and {schedule.end:%H:%M}"
        if schedule.end < schedule.start:
            hours += " of the next day"
    return f"Every {every}, {hours}, {days} ({schedule.zone.key})."


def shown_in(zone: ZoneInfo, at: datetime) -> str:
    """`Monday 30 November 2026, 09:00 CET`."""
    local = at.astimezone(zone)
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M %Z}"


def _list_of(days: frozenset[int]) -> str:
    return ", ".join(_DAYS[day] for day in sorted(days))


def _clock_change(schedule: Schedule, now: datetime) -> str:
    change = next_clock_change(schedule.zone, now)
    if change is None:
        return f"Clocks in {schedule.zone.key} do not change within a year."
    changed = changed_window(schedule, change)
    return f"{_said(schedule.zone, change)} {_effect(schedule.zone, changed)}"


def _said(zone: ZoneInfo, change: ClockChange) -> str:
    day, way = change.shown_before, "forward" if change.is_forward else "back"
    return (
        f"Clocks in {zone.key} go {way} on {day:%A} {day.day} {day:%B %Y}, "
        f"from {change.shown_before:%H:%M} to {change.shown_after:%H:%M}."
    )


def _effect(zone: ZoneInfo, changed: ChangedWindow | None) -> str:
    if changed is None:
        return "No window becomes longer or shorter by it."
    window = changed.window
    if window.opens >= window.closes:
        return "The window of that day does not open."
    by = span(abs(changed.longer).total_seconds())
    longer = "longer" if changed.longer.total_seconds() > 0 else "shorter"
    return (
        f"The window that opens on {shown_in(zone, window.opens)} and closes at "
        f"{window.closes.astimezone(zone):%H:%M %Z} is {by} {longer} than others."
    )
