"""The window and the interval: which instants are open, when they close, which runs are due."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.scheduling.schedule import (
    EVERY_DAY,
    EVERY_TICK,
    TOLERANCE,
    Schedule,
    closes_at,
    due_since,
    goes_on,
    is_due,
    is_open,
    next_run,
    opens_at,
)

NEW_YORK = "America/New_York"  # 2026: forward 8 March 02:00, back 1 November 02:00
SAO_PAULO = "America/Sao_Paulo"  # until 2019 the clock changed at midnight
BERLIN = "Europe/Berlin"  # 2026: forward 29 March 02:00, back 25 October 03:00
MONDAY, FRIDAY, SATURDAY, SUNDAY = 0, 4, 5, 6


def window(
    start: str,
    end: str,
    zone: str = "UTC",
    days: Iterable[int] = EVERY_DAY,
    minutes: int = 30,
) -> Schedule:
    return Schedule(
        time.fromisoformat(start),
        time.fromisoformat(end),
        timedelta(minutes=minutes),
        ZoneInfo(zone),
        frozenset(days),
    )


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def runs(schedule: Schedule, begin: datetime, end: datetime) -> list[datetime]:
    """Every run that a timer ticking once a minute from begin to end starts."""
    started: list[datetime] = []
    last_run, now = None, begin
    while now < end:
        if is_due(schedule, last_run, now):
            started.append(now)
            last_run = now
        now += timedelta(minutes=1)
    return started


@pytest.mark.parametrize(
    ("schedule", "at", "expected"),
    [
        (window("09:00", "18:00"), "2026-05-06 08:59:59.999999", False),
        (window("09:00", "18:00"), "2026-05-06 09:00", True),
        (window("09:00", "18:00"), "2026-05-06 17:59:59.999999", True),
        (window("09:00", "18:00"), "2026-05-06 18:00", False),
        (window("00:00", "00:00"), "2026-05-06 00:00", True),
        (window("09:00", "09:00"), "2026-05-06 04:00", True),
        (window("18:00", "00:00"), "2026-05-06 23:59", True),
        (window("18:00", "00:00"), "2026-05-06 00:00", False),
        (window("22:00", "06:00", days=[FRIDAY]), "2026-05-08 21:59", False),
        (window("22:00", "06:00", days=[FRIDAY]), "2026-05-08 22:00", True),
        (window("22:00", "06:00", days=[FRIDAY]), "2026-05-09 05:59", True),
        (window("22:00", "06:00", days=[FRIDAY]), "2026-05-09 06:00", False),
        (window("22:00", "06:00", days=[FRIDAY]), "2026-05-08 05:00", False),
        (window("22:00", "06:00", days=[SUNDAY]), "2026-05-11 05:00", True),
        (window("00:00", "00:00", days=[FRIDAY]), "2026-05-08 23:59", True),
        (window("00:00", "00:00", days=[FRIDAY]), "2026-05-09 00:00", False),
        (window("09:00", "18:00", "Asia/Kolkata"), "2026-05-06 03:30", True),
        (window("09:00", "18:00", "Asia/Kolkata"), "2026-05-06 12:30", False),
        (window("00:00", "00:00", "Pacific/Auckland", [MONDAY]), "2026-05-10 12:00", True),
    ],
)
def test_the_window_is_open_from_its_start_until_just_before_its_end(
    schedule: Schedule, at: str, expected: bool
) -> None:
    assert is_open(schedule, utc(at)) is expected


@pytest.mark.parametrize(
    ("schedule", "at", "expected"),
    [
        (window("09:00", "18:00"), "2026-05-06 10:00", "2026-05-06 18:00"),
        (window("09:00", "18:00"), "2026-05-06 20:00", "2026-05-06 20:00"),
        (window("22:00", "06:00"), "2026-05-06 23:00", "2026-05-07 06:00"),
        (window("22:00", "06:00"), "2026-05-07 03:00", "2026-05-07 06:00"),
        (window("00:00", "00:00", days=[FRIDAY, SATURDAY]), "2026-05-08 01:00", "2026-05-10 00:00"),
        (
            window("00:00", "00:00", days=EVERY_DAY - {MONDAY}),
            "2026-05-05 01:00",
            "2026-05-11 00:00",
        ),
    ],
)
def test_closing_is_the_first_closed_instant(schedule: Schedule, at: str, expected: str) -> None:
    assert closes_at(schedule, utc(at)) == utc(expected)


@pytest.mark.parametrize("start", ["00:00", "09:00"])
def test_a_window_of_all_day_and_every_day_never_closes(start: str) -> None:
    assert closes_at(window(start, start, NEW_YORK), utc("2026-03-08 06:30")) is None


@pytest.mark.parametrize(
    ("start", "end", "day", "zone", "opens", "closes"),
    [
        # Spring: the clock goes from 02:00 to 03:00.
        ("02:30", "05:00", "2026-03-08", NEW_YORK, "2026-03-08 07:00", "2026-03-08 09:00"),
        ("01:00", "02:30", "2026-03-08", NEW_YORK, "2026-03-08 06:00", "2026-03-08 07:00"),
        ("22:00", "02:30", "2026-03-07", NEW_YORK, "2026-03-08 03:00", "2026-03-08 07:00"),
        ("00:00", "00:00", "2026-03-08", NEW_YORK, "2026-03-08 05:00", "2026-03-09 04:00"),
        ("02:30", "05:00", "2026-03-29", BERLIN, "2026-03-29 01:00", "2026-03-29 03:00"),
        # Autumn: the hour before the change is shown twice, its first showing counts.
        ("01:30", "05:00", "2026-11-01", NEW_YORK, "2026-11-01 05:30", "2026-11-01 10:00"),
        ("22:00", "01:30", "2026-10-31", NEW_YORK, "2026-11-01 02:00", "2026-11-01 05:30"),
        ("01:00", "01:30", "2026-11-01", NEW_YORK, "2026-11-01 05:00", "2026-11-01 05:30"),
        ("00:00", "00:00", "2026-11-01", NEW_YORK, "2026-11-01 04:00", "2026-11-02 05:00"),
        ("02:30", "03:00", "2026-10-25", BERLIN, "2026-10-25 00:30", "2026-10-25 02:00"),
        # Over midnight, in both directions.
        ("00:00", "06:00", "2018-11-04", SAO_PAULO, "2018-11-04 03:00", "2018-11-04 08:00"),
        ("18:00", "00:00", "2018-02-17", SAO_PAULO, "2018-02-17 20:00", "2018-02-18 03:00"),
    ],
)  # fmt: skip
def test_a_window_opens_once_on_a_day_of_a_clock_change(
    start: str, end: str, day: str, zone: str, opens: str, closes: str
) -> None:
    weekday = datetime.fromisoformat(day).weekday()
    schedule = window(start, end, zone, days=[weekday])
    before = utc(opens) - timedelta(hours=3)

    assert opens_at(schedule, before) == utc(opens)
    assert closes_at(schedule, utc(opens)) == utc(closes)
    assert not is_open(schedule, utc(closes) + timedelta(hours=1))


def test_a_window_that_the_clock_skips_altogether_is_left_out_that_day() -> None:
    schedule = window("02:15", "02:45", NEW_YORK, days=[SUNDAY])

    assert opens_at(schedule, utc("2026-03-02 00:00")) == local("2026-03-15 02:15", NEW_YORK)


@pytest.mark.parametrize(
    ("last_run", "now", "expected"),
    [
        (None, "09:00:00", True),
        (None, "08:59:59", False),
        ("09:00:00", "09:00:30", False),
        ("09:00:00", "09:29:00", False),
        ("09:00:03", "09:30:01", True),
        ("09:00:00", "09:29:30", True),
        ("17:30:00", "18:00:00", False),
        ("08:59:50", "09:00:00", True),
        ("12:00:20", "12:00:00", False),
        ("15:00:00", "12:00:00", True),
    ],
    ids=[
        "the first run, as the window opens",
        "closed",
        "just now",
        "a minute short",
        "a tick that comes two seconds early",
        "half a minute early",
        "the window has closed meanwhile",
        "a run by hand before the window opened",
        "another machine's clock is a little ahead",
        "a clock was wrong",
    ],
)
def test_a_run_is_due_when_the_window_opens_and_then_every_interval(
    last_run: str | None, now: str, expected: bool
) -> None:
    schedule = window("09:00", "18:00")
    before = utc(f"2026-05-06 {last_run}") if last_run else None

    assert is_due(schedule, before, utc(f"2026-05-06 {now}")) is expected


def test_the_first_run_of_a_day_does_not_wait_for_the_interval_of_the_day_before() -> None:
    schedule = window("09:00", "18:00", minutes=24 * 60)

    assert is_due(schedule, utc("2026-05-06 12:00"), utc("2026-05-07 09:00"))


def test_midnight_starts_no_run_of_its_own_when_the_window_never_closes() -> None:
    schedule = window("00:00", "00:00", minutes=60)

    assert not is_due(schedule, utc("2026-05-06 23:30"), utc("2026-05-07 00:00"))


def test_jittering_ticks_keep_a_half_hour_interval_at_half_an_hour() -> None:
    schedule = window("00:00", "00:00")
    jitter = [0.4, -6, 3, -1, 8, -9, 2]
    begin = utc("2026-05-06 00:00")

    started: list[int] = []
    last_run = None
    for minute in range(10 * 60):
        now = begin + timedelta(minutes=minute, seconds=jitter[minute % len(jitter)])
        if is_due(schedule, last_run, now):
            started.append(minute)
            last_run = now

    assert started == list(range(0, 10 * 60, 30))


@pytest.mark.parametrize(
    ("begin", "hours"),
    [("2026-03-08", 23), ("2026-11-01", 25), ("2026-05-06", 24)],
    ids=["spring", "autumn", "an ordinary day"],
)
def test_a_day_has_a_run_for_each_real_half_hour(begin: str, hours: int) -> None:
    midnight = local(f"{begin} 00:00", NEW_YORK)
    schedule = window("00:00", "00:00", NEW_YORK, days=[datetime.fromisoformat(begin).weekday()])

    started = runs(schedule, midnight - timedelta(hours=2), midnight + timedelta(hours=30))

    assert started == [midnight + n * timedelta(minutes=30) for n in range(2 * hours)]


def test_a_daily_run_inside_the_repeated_hour_happens_once() -> None:
    schedule = window("01:00", "02:00", NEW_YORK, minutes=24 * 60)

    started = runs(schedule, utc("2026-11-01 00:00"), utc("2026-11-01 12:00"))

    assert started == [utc("2026-11-01 05:00")]


@pytest.mark.parametrize(
    ("last_run", "now", "expected"),
    [
        (None, "2026-05-06 10:00", "2026-05-06 10:00"),
        (None, "2026-05-06 19:00", "2026-05-07 09:00"),
        ("2026-05-06 10:00", "2026-05-06 10:05", "2026-05-06 10:30"),
        ("2026-05-06 10:00", "2026-05-06 11:05", "2026-05-06 11:05"),
        ("2026-05-06 17:45", "2026-05-06 17:50", "2026-05-07 09:00"),
        ("2026-05-06 17:45", "2026-05-06 18:50", "2026-05-07 09:00"),
        ("2026-05-08 17:45", "2026-05-08 18:50", "2026-05-11 09:00"),
    ],
)
def test_the_next_run_is_the_first_time_that_one_is_due(
    last_run: str | None, now: str, expected: str
) -> None:
    schedule = window("09:00", "18:00", days=range(5))
    before = utc(last_run) if last_run else None

    assert next_run(schedule, before, utc(now)) == utc(expected)


@pytest.mark.parametrize(
    ("begun", "now", "expected"),
    [
        ("2026-05-06 09:00", "2026-05-06 09:01", True),
        ("2026-05-06 09:00", "2026-05-06 17:59", True),
        ("2026-05-06 09:00", "2026-05-06 18:00", False),
        ("2026-05-06 17:59", "2026-05-07 09:00", False),
        ("2026-05-08 09:00", "2026-05-09 10:00", False),
    ],
    ids=["a minute later", "the last minute", "closed", "the next window", "a day without one"],
)
def test_a_run_goes_on_until_its_window_closes(begun: str, now: str, expected: bool) -> None:
    schedule = window("09:00", "18:00", minutes=24 * 60, days=range(5))

    assert goes_on(schedule, utc(begun), utc(now)) is expected


@pytest.mark.parametrize(
    ("ready", "last_run", "now", "expected"),
    [
        ("06 09:00", None, "06 09:10", "06 09:00"),
        ("06 07:00", None, "06 09:10", "06 09:00"),
        ("06 09:10", "06 09:00", "06 09:20", None),
        ("06 09:10", "06 09:00", "06 09:50", "06 09:30"),
        ("06 09:10", "06 09:30", "06 09:40", "06 09:30"),
        ("06 09:10", "06 10:30", "06 10:40", "06 09:30"),
        ("06 09:30", "06 10:30", "06 10:40", "06 09:30"),
        ("06 17:50", "06 17:30", "07 08:00", None),
        ("06 17:50", "06 17:30", "07 09:10", "07 09:00"),
        ("06 12:10", "07 09:00", "07 09:10", "06 12:40"),
        ("06 12:10", "06 12:00", "06 20:00", None),
        ("07 07:00", "07 09:00", "07 09:05", "07 09:00"),
        ("07 09:10", "09 09:00", "07 09:50", "07 09:10"),
    ],
    ids=[
        "the window was open, and no run came",
        "the window had to open first",
        "the next run is still to come",
        "the next run did not come",
        "a run came and left it",
        "three runs came and left it",
        "a run that began with it is its run",
        "outside the window nothing is due",
        "the next run is tomorrow's first",
        "it should have gone yesterday",
        "what should have gone is not due outside the window either",
        "stored before the window opened",
        "a run of a clock that was wrong",
    ],
)
def test_an_email_is_due_since_the_run_that_should_have_sent_it(
    ready: str, last_run: str | None, now: str, expected: str | None
) -> None:
    schedule = window("09:00", "18:00")

    def at(text: str | None) -> datetime | None:
        return utc(f"2026-05-{text}") if text else None

    assert due_since(schedule, utc(f"2026-05-{ready}"), at(last_run), utc(f"2026-05-{now}")) == at(
        expected
    )


@pytest.mark.parametrize(
    "fields",
    [{"interval": timedelta(0)}, {"days": frozenset()}, {"days": frozenset({7})}],
)
def test_a_schedule_that_could_never_run_is_refused(fields: dict[str, Any]) -> None:
    usual: dict[str, Any] = {
        "start": time(9),
        "end": time(18),
        "interval": timedelta(minutes=1),
        "zone": ZoneInfo("UTC"),
        "days": EVERY_DAY,
    }
    with pytest.raises(ValueError):
        Schedule(**(usual | fields))


ZONES = st.sampled_from(
    ["UTC", NEW_YORK, BERLIN, "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu"]
)
WALL_TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
SCHEDULES = st.builds(
    Schedule,
    start=WALL_TIMES,
    end=WALL_TIMES,
    interval=st.integers(1, 24 * 60).map(lambda minutes: timedelta(minutes=minutes)),
    zone=ZONES.map(ZoneInfo),
    days=st.frozensets(st.integers(0, 6), min_size=1),
)
# Half of the instants lie within two days of a clock change.
INSTANTS = st.one_of(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.builds(
        lambda change, seconds: utc(change) + timedelta(seconds=seconds),
        st.sampled_from(["2026-03-08 07:00", "2026-11-01 06:00", "2026-10-25 01:00"]),
        st.integers(-2 * 86400, 2 * 86400),
    ),
)
LAST_RUNS = st.none() | st.integers(0, 3 * 86400).map(lambda seconds: timedelta(seconds=seconds))
MOMENT = timedelta(microseconds=1)


@given(SCHEDULES, INSTANTS)
@settings(deadline=None, max_examples=150)
def test_an_open_instant_is_inside_the_window_by_the_wall_clock(
    schedule: Schedule, at: datetime
) -> None:
    wall = at.astimezone(schedule.zone)
    today, yesterday = wall.weekday(), (wall.weekday() - 1) % 7
    start, end, shown = schedule.start, schedule.end, wall.time()
    if start == end:
        inside = today in schedule.days
    elif start < end:
        inside = start <= shown < end and today in schedule.days
    else:
        inside = (shown >= start and today in schedule.days) or (
            shown < end and yesterday in schedule.days
        )
    ambiguous = wall.utcoffset() != (at - timedelta(hours=3)).astimezone(schedule.zone).utcoffset()

    if not ambiguous:
        assert is_open(schedule, at) == inside


@given(SCHEDULES, INSTANTS)
@settings(deadline=None, max_examples=150)
def test_closing_is_closed_and_everything_before_it_open(schedule: Schedule, at: datetime) -> None:
    closes = closes_at(schedule, at)

    if not is_open(schedule, at):
        assert closes == at
    elif closes is None:
        assert schedule.days == EVERY_DAY
    else:
        assert not is_open(schedule, closes)
        steps = [at + (closes - at) * n / 40 for n in range(40)]
        assert all(is_open(schedule, step) for step in [*steps, closes - MOMENT])


@given(SCHEDULES, INSTANTS)
@settings(deadline=None, max_examples=150)
def test_opening_is_open_and_everything_before_it_closed(schedule: Schedule, at: datetime) -> None:
    opens = opens_at(schedule, at)

    assert is_open(schedule, opens)
    if opens > at:
        steps = [at + (opens - at) * n / 40 for n in range(40)]
        assert not any(is_open(schedule, step) for step in [*steps, opens - MOMENT])


@given(SCHEDULES, INSTANTS, LAST_RUNS)
@settings(deadline=None, max_examples=300)
def test_the_next_run_is_open_and_due_and_none_is_due_much_before(
    schedule: Schedule, now: datetime, since: timedelta | None
) -> None:
    last_run = None if since is None else now - since

    following = next_run(schedule, last_run, now)

    assert following >= now
    assert is_open(schedule, following)
    assert is_due(schedule, last_run, following)
    early = following - TOLERANCE - MOMENT
    if early > now and is_open(schedule, early) and schedule.interval > EVERY_TICK:
        assert not is_due(schedule, last_run, early)


def test_an_interval_of_a_minute_asks_for_every_tick_however_often_it_ticks() -> None:
    last_run = datetime(2026, 1, 30, 12, 0, tzinfo=UTC)
    every_minute = window("00:00", "00:00", minutes=1)
    minutes = replace(every_minute, interval=timedelta(minutes=2))

    assert is_due(every_minute, last_run, last_run + timedelta(seconds=10))
    assert not is_due(minutes, last_run, last_run + timedelta(seconds=10))
