"""What charts draw, and how numbers, spans and what happens next are said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.console import words
from shared.console.charts import HEIGHT, Part, Span, chart, last_days, last_hours, open_today
from shared.console.next_step import Circumstances, next_step
from shared.outbox.queries.history import Ended
from shared.outbox.queries.search import StoredEmail
from shared.outbox.states import Lane, Status
from shared.scheduling.schedule import EVERY_DAY, Schedule

NOW = datetime(2026, 11, 27, 14, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAILY = Schedule(time(9), time(18), timedelta(minutes=30), ZoneInfo("Europe/Berlin"), EVERY_DAY)
EMAIL = StoredEmail(id=7, status=Status.QUEUED, subject="Hello", to="a@example.com", cc="")
HERE = Circumstances(now=NOW, running=True, next_run=NOW + 5 * timedelta(minutes=1))


def test_every_hour_has_its_bar_those_with_nothing_too() -> None:
    this = NOW.replace(minute=0)
    spans = last_hours({this: Ended(3, 1), this - 30 * HOUR: Ended(9, 9)}, NOW)

    assert len(spans) == 24
    assert spans[-1] == Span(this, Ended(3, 1))
    assert {span.ended for span in spans[:-1]} == {Ended()}


def test_days_are_those_of_the_zone() -> None:
    late = datetime(2026, 11, 26, 23, tzinfo=UTC)

    berlin = last_days({late: Ended(2)}, ZoneInfo("Europe/Berlin"), NOW)
    utc = last_days({late: Ended(2)}, ZoneInfo("UTC"), NOW)

    assert [span.ended.sent for span in berlin[-2:]] == [0, 2]
    assert [span.ended.sent for span in utc[-2:]] == [2, 0]


def test_the_highest_bar_fills_the_chart_and_the_smallest_is_seen() -> None:
    drawn = chart([Span(NOW, Ended(1_000_000, 1)), Span(NOW, Ended(1, 0)), Span(NOW, Ended())])

    highest, smallest, nothing = drawn.bars
    assert (highest.failed_y, highest.failed_y + highest.failed_height) == (0, highest.sent_y)
    assert highest.sent_y + highest.sent_height == HEIGHT
    assert highest.failed_height > 0
    assert smallest.sent_height > 0
    assert (nothing.sent_height, nothing.failed_height) == (0, 0)
    assert (drawn.most, drawn.total) == (1_000_001, Ended(1_000_001, 1))
    assert chart([]).most == 0


@pytest.mark.parametrize(
    ("schedule", "parts"),
    [
        (DAILY, (Part(540, 540),)),
        (replace(DAILY, start=time(0), end=time(0)), (Part(0, 1440),)),
        (replace(DAILY, start=time(22), end=time(6)), (Part(0, 360), Part(1320, 120))),
        (replace(DAILY, start=time(22), end=time(6), days=frozenset({3})), (Part(0, 360),)),
        (replace(DAILY, days=frozenset({0})), ()),
    ],
    ids=["a day", "all day", "over midnight", "yesterday's", "not today"],
)
def test_the_days_line_shows_when_the_window_is_open(
    schedule: Schedule, parts: tuple[Part, ...]
) -> None:
    assert open_today(schedule, NOW) == parts


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (61, "1 minute 1 second"),
        (3_600, "1 hour"),
        (90_061, "1 day 1 hour"),
        (86_460, "1 day"),
    ],
)
def test_a_span_is_said_in_its_largest_units(seconds: int, said: str) -> None:
    assert words.span(seconds) == said


def test_numbers_are_said_as_people_write_them() -> None:
    assert words.up_to(9_999, 10_000) == "9,999"
    assert words.up_to(10_000, 10_000) == "10,000+"
    assert words.counted(1, "email") == "1 email"
    assert words.size(1_536) == "1.5 KB"
    assert words.ago(NOW - HOUR, NOW) == "1 hour ago"
    assert words.ago(NOW + HOUR, NOW) == "in 1 hour"


@pytest.mark.parametrize(
    ("email", "here", "said"),
    [
        (EMAIL, replace(HERE, running=False), "the service is stopped"),
        (EMAIL, HERE, "with the next run, in 5 minutes"),
        (replace(EMAIL, lane=Lane.IMMEDIATE), HERE, "within a minute"),
        (
            replace(EMAIL, retries=2, next_attempt_at=NOW + HOUR, reason="451 busy"),
            HERE,
            "It is tried again in 1 hour (2026-11-27 15:20 UTC). The last try: 451 busy.",
        ),
        (
            EMAIL,
            replace(HERE, account_state="paused", account_reason="535 wrong password"),
            "which rests: 535 wrong password.",
        ),
        (
            EMAIL,
            replace(HERE, account_state="out_of_quota", account_until=NOW + HOUR),
            "may send more: in 1 hour",
        ),
        (replace(EMAIL, status=Status.UNKNOWN), HERE, "Nobody knows whether it arrived"),
        (replace(EMAIL, status=Status.HELD, reason="no such code"), HERE, "held: no such code."),
        (replace(EMAIL, status=Status.FAILED, reason="550 no"), HERE, "given up: 550 no."),
        (replace(EMAIL, status=Status.SENT), HERE, "the mail server took it"),
    ],
)
def test_what_happens_next_is_said_in_a_sentence(
    email: StoredEmail, here: Circumstances, said: str
) -> None:
    assert said in next_step(email, here)
