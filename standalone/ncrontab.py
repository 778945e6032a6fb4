"""When a timer is due: NCRONTAB expressions of six (or five) fields, and time spans.

Fields are second, minute, hour, day, month, day of the week (0 = Sunday), in UTC. Day and day of
the week must both fit. With five fields the second is 0.
https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from shared.errors import RowpostError

# The longest wait between two dates that exist: 29 February on one day of the week, over a century
# year that is no leap year.
_SEARCHED_DAYS = 41 * 366


class InvalidSchedule(RowpostError):
    """A schedule that is neither NCRONTAB nor a time span, or that no moment fits."""


class Schedule(Protocol):
    def next_after(self, moment: datetime) -> datetime:
        """The first due moment later than `moment` (both aware, UTC)."""


def parse(text: str) -> Schedule:
    """Read a timer's schedule; raises InvalidSchedule."""
    span = re.fullmatch(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})", text.strip())
    if span:
        days, hours, minutes, seconds = (int(part or 0) for part in span.groups())
        return Every(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))
    return Ncrontab.parse(text)


@dataclass(frozen=True, slots=True)
class Every:
    """A constant interval, counted from the moment asked about."""

    interval: timedelta

    def __post_init__(self) -> None:
        if self.interval <= timedelta(0):
            raise InvalidSchedule("A timer's interval must be longer than zero.")

    def next_after(self, moment: datetime) -> datetime:
        return moment + self.interval


@dataclass(frozen=True, slots=True)
class Ncrontab:
    """The values that each field allows, in order."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Ncrontab:
        fields = text.split()
        if len(fields) == 5:
            fields = ["0", *fields]
        if len(fields) != 6:
            raise InvalidSchedule(f"Schedule {text!r} has {len(fields)} fields instead of six.")
        seconds, minutes, hours, days, months, weekdays = (
            _values(field, kind, text) for field, kind in zip(fields, _KINDS, strict=True)
        )
        schedule = cls(
            seconds, minutes, hours, frozenset(days), frozenset(months), frozenset(weekdays)
        )
        if schedule._next_day(date(2000, 1, 1)) is None:
            raise InvalidSchedule(f"No date ever fits schedule {text!r}.")
        return schedule

    def next_after(self, moment: datetime) -> datetime:
        moment = moment.astimezone(UTC)
        if self._fits(moment.date()):
            for hour, minute, second in self._times():
                due = moment.replace(hour=hour, minute=minute, second=second, microsecond=0)
                if due > moment:
                    return due
        day = self._next_day(moment.date() + timedelta(days=1))
        if day is None:
            raise InvalidSchedule("The calendar ends before the schedule is due again.")
        return datetime.combine(day, time(*next(self._times())), UTC)

    def _times(self) -> Iterator[tuple[int, int, int]]:
        return ((h, m, s) for h in self.hours for m in self.minutes for s in self.seconds)

    def _fits(self, day: date) -> bool:
        return (
            day.month in self.months
            and day.day in self.days
            and day.isoweekday() % 7 in self.weekdays
        )

    def _next_day(self, first: date) -> date | None:
        days = (first + timedelta(days=n) for n in range(_SEARCHED_DAYS))
        return next((day for day in days if self._fits(day)), None)


@dataclass(frozen=True, slots=True)
class _Kind:
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    def number(self, text: str, schedule: str) -> int:
        if text.isascii() and text.isdigit() and self.lowest <= int(text) <= self.highest:
            return int(text)
        for position, name in enumerate(self.names):
            if len(text) >= 3 and name.startswith(text.lower()):
                return self.lowest + position
        raise InvalidSchedule(
            f"{text!r} in schedule {schedule!r} is not within {self.lowest}-{self.highest}."
        )


_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_KINDS = (
    _Kind(0, 59),
    _Kind(0, 59),
    _Kind(0, 23),
    _Kind(1, 31),
    _Kind(1, 12, _MONTHS),
    _Kind(0, 6, _WEEKDAYS),
)


def _values(field: str, kind: _Kind, schedule: str) -> tuple[int, ...]:
    values: set[int] = set()
    for item in field.split(","):
        values.update(_item(item, kind, schedule))
    return tuple(sorted(values))


def _item(item: str, kind: _Kind, schedule: str) -> range:
    """One element of a list: `*`, `5`, `1-5`, each with an optional `/step`."""
    span, slash, step_text = item.partition("/")
    step = 1
    if slash:
        if not (step_text.isascii() and step_text.isdigit() and int(step_text) > 0):
            raise InvalidSchedule(f"{item!r} in schedule {schedule!r} has no step above zero.")
        step = int(step_text)
    if span == "*":
        return range(kind.lowest, kind.highest + 1, step)
    first_text, dash, last_text = span.partition("-")
    first = kind.number(first_text, schedule)
    last = kind.number(last_text, schedule) if dash else (kind.highest if slash else first)
    if last < first:
        raise InvalidSchedule(f"The range {span!r} in schedule {schedule!r} ends before it begins.")
    return range(first, last + 1, step)
