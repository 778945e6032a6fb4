"""When a timer is due: NCRONTAB expressions of six (or five) fields, and time spans.

Fields are second, minute, hour, day, month, day of the week (0 = Sunday), in UTC. Day and day of
the week must both fit. With five fields the second is 0.
https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from croniter import croniter
from croniter.croniter import CroniterError

from shared.errors import RowpostError

# The longest wait between two dates that exist: 29 February on one day of the week, over a century
# year that is no leap year.
_SEARCHED_YEARS = 41
_NAME = r"[a-z]{3,}"
_ITEM = rf"(?:\*|\d+(?:-\d+)?|{_NAME}(?:-{_NAME})?)(?:/\d+)?"
# Of what croniter understands only this is NCRONTAB: no "L", "#", "?" or "@hourly".
_FIELD = re.compile(rf"{_ITEM}(?:,{_ITEM})*", re.ASCII)


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
    """An expression as croniter reads it."""

    expression: str

    @classmethod
    def parse(cls, text: str) -> Ncrontab:
        fields = text.lower().split()
        if len(fields) == 5:
            fields = ["0", *fields]
        if len(fields) != 6:
            raise InvalidSchedule(f"Schedule {text!r} has {len(fields)} fields instead of six.")
        for field in fields:
            if not _FIELD.fullmatch(field) or _runs_backwards(field):
                raise InvalidSchedule(f"{field!r} in schedule {text!r} is no field of a schedule.")
        if re.search(r"(?<!/)\b0*7\b", fields[5]):
            raise InvalidSchedule(f"{fields[5]!r} in schedule {text!r}: Sunday is 0.")
        # croniter knows the names of days and months by their first three letters.
        schedule = cls(re.sub(_NAME, lambda name: name[0][:3], " ".join(fields)))
        schedule.next_after(datetime(2000, 1, 1, tzinfo=UTC))
        return schedule

    def next_after(self, moment: datetime) -> datetime:
        try:
            due: datetime = croniter(
                self.expression,
                moment.astimezone(UTC),
                datetime,
                day_or=False,
                second_at_beginning=True,
                max_years_between_matches=_SEARCHED_YEARS,
            ).get_next()
        except CroniterError as error:
            raise InvalidSchedule(f"Schedule {self.expression!r}: {error}.") from error
        return due


def _runs_backwards(field: str) -> bool:
    return any(int(first) > int(last) for first, last in re.findall(r"(\d+)-(\d+)", field))
