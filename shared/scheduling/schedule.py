"""When scheduled emails may go: the daily window, and the interval between runs inside it.

Pure arithmetic. Every datetime in and out is aware UTC; the zone's wall clock only says where a
day's window begins and ends. The interval is counted in real time, so that a clock change neither
doubles a run nor loses an hour of them.

Clock changes: a boundary that the clock skips (02:30 when 02:00 becomes 03:00) is the end of the
gap; a boundary that the clock shows twice is the first of the two. So a window opens once a day,
and is never open at a time of the wall clock that lies outside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

TOLERANCE = timedelta(seconds=30)
"""How much earlier than its interval a run may be.

Ticks come once a minute, a few seconds early or late. Without it the tick after 29:58 would leave
a 30-minute run to the next one, and the interval would drift to 31 minutes.
"""

EVERY_TICK = timedelta(minutes=1)
"""An interval that is no longer asks for every tick, of a timer that ticks more often, too."""

EVERY_DAY = frozenset(range(7))

_MIDNIGHT = time(0)
_DAY = timedelta(days=1)
# A weekly window may fall into a gap of the clock and be empty: the next is two weeks ahead then.
_DAYS_AHEAD = 15


@dataclass(frozen=True, slots=True)
class Schedule:
    """Runs every `interval` inside the window from `start` to `end` on `days` (0 = Monday).

    `start` and `end` are wall-clock times in `zone`; equal ones mean the whole day. A window whose
    end is before its start goes over midnight and belongs to the day on which it starts.
    """

    start: time
    end: time
    interval: timedelta
    zone: ZoneInfo
    days: frozenset[int]

    def __post_init__(self) -> None:
        if self.interval <= timedelta(0):
            raise ValueError("A schedule's interval must be longer than nothing.")
        if not self.days or not self.days <= EVERY_DAY:
            raise ValueError("A schedule's days are numbers from 0 (Monday) to 6, at least one.")


def is_open(schedule: Schedule, at: datetime) -> bool:
    """Whether `at` is inside the window. The opening instant is, the closing one is not."""
    return any(window.opens <= at < window.closes for window in _windows(schedule, at))


def opens_at(schedule: Schedule, at: datetime) -> datetime:
    """The first open instant from `at` on: `at` itself inside the window."""
    window = next(window for window in _windows(schedule, at) if window.closes > at)
    return max(window.opens, at.astimezone(UTC))


def closes_at(schedule: Schedule, at: datetime) -> datetime | None:
    """The first closed instant from `at` on: `at` itself outside the window, None for never."""
    if is_whole_day(schedule) and schedule.days == EVERY_DAY:
        return None
    closed = at.astimezone(UTC)
    for window in _windows(schedule, at):
        if window.opens <= closed < window.closes:
            closed = window.closes
    return closed


def is_due(schedule: Schedule, last_run: datetime | None, now: datetime) -> bool:
    """Whether a run should start now, `last_run` being the start of the one before.

    The first run is due as soon as the window opens, then one every interval, and at an interval of
    a minute, the least, one every tick. A last run in the future comes from a clock that was wrong,
    and counts as none.
    """
    if not is_open(schedule, now):
        return False
    if last_run is None or last_run > now + TOLERANCE or schedule.interval <= EVERY_TICK:
        return True
    return _is_over(schedule, last_run, now)


def next_run(schedule: Schedule, last_run: datetime | None, now: datetime) -> datetime:
    """When the next run is expected: `now` if one is due, else the first time that one will be."""
    if last_run is None or last_run > now + TOLERANCE or not is_open(schedule, now):
        return opens_at(schedule, now)
    if _is_over(schedule, last_run, now):
        return opens_at(schedule, now)
    closes = closes_at(schedule, now)
    expected = last_run.astimezone(UTC) + schedule.interval
    return expected if closes is None or expected < closes else opens_at(schedule, closes)


def goes_on(schedule: Schedule, begun: datetime, now: datetime) -> bool:
    """Whether a run that was begun then may send still: its window has not closed since."""
    return is_open(schedule, now) and not _closed_since(schedule, begun, now)


def due_since(
    schedule: Schedule, ready: datetime, last_run: datetime | None, now: datetime
) -> datetime | None:
    """Since when an email that has waited for a run since `ready` is due: since the run that should
    have sent it, whether there was one or not. None: no run should have yet, or the window is
    closed.
    """
    due = _run_after(schedule, ready, last_run, now)
    return due if due <= now and is_open(schedule, now) else None


def _run_after(
    schedule: Schedule, ready: datetime, last_run: datetime | None, now: datetime
) -> datetime:
    """The first run from `ready` on; of a window that has closed since, when it had come by."""
    if last_run is None or last_run > now + TOLERANCE:
        return opens_at(schedule, ready)
    if last_run < ready:
        return next_run(schedule, last_run, ready)
    if _closed_since(schedule, ready, last_run):
        return next_run(schedule, ready, ready)
    return last_run - (last_run - ready) // schedule.interval * schedule.interval


@dataclass(frozen=True, slots=True)
class Window:
    """From the first open instant to the first closed one."""

    opens: datetime
    closes: datetime


def _windows(schedule: Schedule, at: datetime) -> Iterator[Window]:
    """The windows that may matter from `at` on, in order.

    They begin two days early: yesterday's window may go over midnight, and a clock put back over
    midnight shows yesterday's date again.
    """
    today = at.astimezone(schedule.zone).date()
    for offset in range(-2, _DAYS_AHEAD + 1):
        day = today + offset * _DAY
        if day.weekday() in schedule.days:
            window = window_on(schedule, day)
            if window.opens < window.closes:
                yield window


def window_on(schedule: Schedule, day: date) -> Window:
    """The window that starts on this day of the zone; empty where a clock change skips it."""
    start = _MIDNIGHT if is_whole_day(schedule) else schedule.start
    end = _MIDNIGHT if is_whole_day(schedule) else schedule.end
    last_day = day if start < end else day + _DAY
    return Window(
        opens=_instant(datetime.combine(day, start), schedule.zone),
        closes=_instant(datetime.combine(last_day, end), schedule.zone),
    )


def is_whole_day(schedule: Schedule) -> bool:
    """Whether a day that is open is open from midnight to midnight."""
    return schedule.start == schedule.end


def _is_over(schedule: Schedule, last_run: datetime, now: datetime) -> bool:
    """Whether the interval since the last run is over, or its window has closed since."""
    return now - last_run >= schedule.interval - TOLERANCE or _closed_since(schedule, last_run, now)


def _closed_since(schedule: Schedule, last_run: datetime, now: datetime) -> bool:
    closed = closes_at(schedule, last_run)
    return closed is not None and closed <= now


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """When the zone's clock first shows `wall`, or the end of the gap that skips it."""
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return instant
    return clock_change(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), instant, zone)


def clock_change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """When the zone's offset changes, to the second: once in (before, after]."""
    old_offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == old_offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
