"""What a schedule means for the days to come: its next runs, and what a clock change does to it.

Pure, as `shared.scheduling.schedule` is: every datetime is aware UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shared.scheduling.schedule import (
    Schedule,
    Window,
    clock_change,
    is_whole_day,
    next_run,
    window_on,
)

_DAY = timedelta(days=1)
_DAYS_AHEAD = 366


@dataclass(frozen=True, slots=True)
class ClockChange:
    """The zone's clock goes from `shown_before` to `shown_after` at an instant."""

    at: datetime
    offset_before: timedelta
    offset_after: timedelta

    @property
    def shown_before(self) -> datetime:
        """What the clock would show without the change, naive."""
        return (self.at + self.offset_before).replace(tzinfo=None)

    @property
    def shown_after(self) -> datetime:
        """What it shows instead, naive."""
        return (self.at + self.offset_after).replace(tzinfo=None)

    @property
    def is_forward(self) -> bool:
        return self.offset_after > self.offset_before


@dataclass(frozen=True, slots=True)
class ChangedWindow:
    """A window that a clock change makes longer (or shorter, `longer` below zero) than others."""

    window: Window
    longer: timedelta


def upcoming_runs(
    schedule: Schedule, last_run: datetime | None, now: datetime, count: int
) -> tuple[datetime, ...]:
    """The next runs from `now` on, each as the first run after the one before it."""
    runs = [next_run(schedule, last_run, now)]
    while len(runs) < count:
        runs.append(next_run(schedule, runs[-1], runs[-1]))
    return tuple(runs)


def next_clock_change(zone: ZoneInfo, now: datetime) -> ClockChange | None:
    """The first change of the zone's clock within a year; None where there is none."""
    for day in range(_DAYS_AHEAD):
        before, after = now + day * _DAY, now + (day + 1) * _DAY
        if _offset(zone, before) != _offset(zone, after):
            at = clock_change(before, after, zone)
            return ClockChange(at, _offset(zone, before), _offset(zone, after))
    return None


def changed_window(schedule: Schedule, change: ClockChange) -> ChangedWindow | None:
    """The window that this change makes longer or shorter; None where it touches none."""
    if is_whole_day(schedule):
        return None
    on_the_clock = timedelta(
        hours=schedule.end.hour - schedule.start.hour,
        minutes=schedule.end.minute - schedule.start.minute,
    )
    usual = on_the_clock % _DAY
    day = change.at.astimezone(schedule.zone).date()
    for starts in (day - _DAY, day):
        if starts.weekday() in schedule.days:
            window = window_on(schedule, starts)
            if longer := window.closes - window.opens - usual:
                return ChangedWindow(window, longer)
    return None


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)
