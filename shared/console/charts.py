"""What charts draw: where bars stand and how high they are. Pure; templates make SVG of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.outbox.queries.history import Ended
from shared.scheduling.schedule import Schedule, is_whole_day

HEIGHT = 100
STEP = 10
_GAP = 2
_MINUTES = 24 * 60
_LEAST = 1.5
_HOUR = timedelta(hours=1)


class Span(NamedTuple):
    """What ended in one hour or on one day."""

    begins: datetime | date
    ended: Ended


@dataclass(frozen=True, slots=True)
class Bar:
    """One span as a bar of two parts, sent below failed; y grows downwards, as in SVG."""

    span: Span
    x: int
    width: int
    sent_y: float
    sent_height: float
    failed_y: float
    failed_height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars beside each other in a box of `width` by HEIGHT; the highest one stands for `most`."""

    bars: tuple[Bar, ...]
    width: int
    most: int
    total: Ended


class Part(NamedTuple):
    """A part of the day's line, in minutes of the wall clock."""

    begins: int
    minutes: int


def last_hours(hours: Mapping[datetime, Ended], now: datetime, count: int = 24) -> list[Span]:
    """The last hours up to the one that runs, those in which nothing was sent among them."""
    this = now.replace(minute=0, second=0, microsecond=0)
    begins = [this - place * _HOUR for place in reversed(range(count))]
    return [Span(hour, hours.get(hour, Ended())) for hour in begins]


def last_days(
    hours: Mapping[datetime, Ended], zone: ZoneInfo, now: datetime, count: int = 30
) -> list[Span]:
    """The last days of the zone's calendar up to today."""
    days: dict[date, Ended] = {}
    for hour, ended in hours.items():
        day = hour.astimezone(zone).date()
        days[day] = days.get(day, Ended()).plus(ended)
    today = now.astimezone(zone).date()
    begins = [today - timedelta(days=place) for place in reversed(range(count))]
    return [Span(day, days.get(day, Ended())) for day in begins]


def chart(spans: Sequence[Span]) -> Chart:
    """The spans as bars. What is not nothing is seen, however small it is."""
    most = max((one.ended.sent + one.ended.failed for one in spans), default=0)
    total = Ended()
    for span in spans:
        total = total.plus(span.ended)
    bars = [_bar(place, span, most) for place, span in enumerate(spans)]
    return Chart(tuple(bars), max(1, len(spans) * STEP), most, total)


def _bar(place: int, span: Span, most: int) -> Bar:
    sent, failed = (_height(number, most) for number in span.ended)
    over = max(0.0, sent + failed - HEIGHT)
    sent -= over
    return Bar(
        span=span,
        x=place * STEP + _GAP // 2,
        width=STEP - _GAP,
        sent_y=round(HEIGHT - sent, 2),
        sent_height=round(sent, 2),
        failed_y=round(HEIGHT - sent - failed, 2),
        failed_height=round(failed, 2),
    )


def _height(number: int, most: int) -> float:
    return max(_LEAST, HEIGHT * number / most) if number and most else 0.0


def open_today(schedule: Schedule, now: datetime) -> tuple[Part, ...]:
    """When the window is open on today's line of the zone's wall clock."""
    today = now.astimezone(schedule.zone).date()
    opens, closes = today.weekday() in schedule.days, _of_yesterday(schedule, today)
    if is_whole_day(schedule):
        return (Part(0, _MINUTES),) if opens else ()
    start, end = _minute(schedule.start), _minute(schedule.end)
    parts = [Part(0, closes)] if closes else []
    if opens:
        parts.append(Part(start, (end if end > start else _MINUTES) - start))
    return tuple(parts)


def minute_of_day(schedule: Schedule, moment: datetime) -> int:
    """Where an instant is on the line of its day."""
    return _minute(moment.astimezone(schedule.zone))


def _of_yesterday(schedule: Schedule, today: date) -> int:
    """Until which minute yesterday's window, over midnight, is open."""
    overnight = schedule.end < schedule.start
    yesterday = (today - timedelta(days=1)).weekday() in schedule.days
    return _minute(schedule.end) if overnight and yesterday else 0


def _minute(moment: time | datetime) -> int:
    return moment.hour * 60 + moment.minute
