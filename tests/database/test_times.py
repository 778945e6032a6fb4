"""Times in the database: UTC, to the millisecond, by the database's own clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import literal, select
from sqlalchemy.dialects import mssql

from shared.database.columns.times import UtcDateTime, as_stored, in_days, this_hour, utc_now
from shared.database.database import Database
from shared.database.tables import emails
from tests.support.rows import change, email_row, insert_row
from tests.support.t_sql import t_sql

KATHMANDU = timezone(timedelta(hours=5, minutes=45))


def now_and(database: Database, seconds: float) -> tuple[datetime, datetime]:
    with database.read() as connection:
        now, then = connection.execute(select(utc_now(), utc_now(literal(seconds)))).one()
    return now, then


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 21, 10, 0, tzinfo=UTC),
        datetime(2026, 11, 21, 10, 0, 0, 123_000, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, 999_000, tzinfo=KATHMANDU),
        datetime(1999, 1, 1, tzinfo=UTC),
    ],
)
def test_what_is_stored_is_read_as_the_same_instant_in_utc(
    database: Database, moment: datetime
) -> None:
    email_id = insert_row(database)

    change(database, email_id, dd_SendAt=moment)

    read = email_row(database, email_id).dd_SendAt
    assert read == moment
    assert read.tzinfo is UTC


def test_what_is_finer_than_a_millisecond_is_cut(database: Database) -> None:
    email_id = insert_row(database)

    change(database, email_id, dd_SendAt=datetime(2026, 11, 21, 10, 0, 0, 999_999, tzinfo=UTC))

    assert email_row(database, email_id).dd_SendAt.microsecond == 999_000


def test_the_original_tables_times_keep_their_coarser_steps(database: Database) -> None:
    email_id = insert_row(database)
    moment = datetime(2026, 11, 21, 10, 0, 0, 123_000, tzinfo=UTC)

    change(database, email_id, dd_SentDate=moment)

    assert abs(email_row(database, email_id).dd_SentDate - moment) < timedelta(milliseconds=4)


def test_no_time_is_none(database: Database) -> None:
    email_id = insert_row(database)

    assert email_row(database, email_id).dd_SendAt is None


def test_the_databases_clock_tells_utc(database: Database) -> None:
    now, _ = now_and(database, 0)

    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("seconds", [60.0, 0.25, -1.5, 86_400.0 * 20])
def test_the_clock_can_be_asked_for_another_moment(database: Database, seconds: float) -> None:
    now, then = now_and(database, seconds)

    assert abs(then - now - timedelta(seconds=seconds)) < timedelta(milliseconds=2)


def test_this_hour_begins_at_its_full_minute(database: Database) -> None:
    with database.read() as connection:
        before, hour = connection.execute(select(utc_now(), this_hour())).one()

    assert (hour.minute, hour.second, hour.microsecond) == (0, 0, 0)
    assert timedelta(0) <= before - hour <= timedelta(hours=1)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-21T10:00:00Z", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21T10:00:00+05:45", datetime(2026, 11, 21, 10, tzinfo=KATHMANDU)),
        ("2026-11-21 10:00:00", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("tomorrow", None),
        ("", None),
        (7, None),
        (b"\xff", None),
    ],
)
def test_sqlite_what_an_application_wrote_is_read_as_a_time_or_as_none(
    sqlite_database: Database, written: object, read: datetime | None
) -> None:
    email_id = insert_row(sqlite_database, dd_SendAt=written)

    assert email_row(sqlite_database, email_id).dd_SendAt == read


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("2026-11-21T10:00:00Z", "2026-11-21 10:00:00.000"),
        ("2026-11-21T10:00:00+05:45", "2026-11-21 04:15:00.000"),
        ("2026-11-21 10:00:00.5", "2026-11-21 10:00:00.500"),
        ("tomorrow", None),
    ],
)
def test_sqlite_an_applications_time_can_be_compared_with_ours(
    sqlite_database: Database, written: str, stored: str | None
) -> None:
    email_id = insert_row(sqlite_database, dd_SendAt=written)

    with sqlite_database.read() as connection:
        comparable = select(as_stored(emails.c.dd_SendAt)).where(emails.c.dd_srno == email_id)
        sql = str(comparable.compile(connection, compile_kwargs={"literal_binds": True}))
        assert connection.exec_driver_sql(sql).scalar() == stored


def test_sql_server_gets_utc_to_the_millisecond() -> None:
    moment = datetime(2026, 11, 21, 10, 0, 0, 999_999, tzinfo=KATHMANDU)
    dialect = mssql.dialect()  # type: ignore[no-untyped-call]

    bound = UtcDateTime().process_bind_param(moment, dialect)

    assert bound == datetime(2026, 11, 21, 4, 15, 0, 999_000)


def test_sql_server_keeps_our_times_as_datetime2_and_the_original_ones_as_datetime() -> None:
    dialect = mssql.dialect()  # type: ignore[no-untyped-call]

    assert UtcDateTime().compile(dialect=dialect) == "DATETIME2(3)"
    assert UtcDateTime(legacy=True).compile(dialect=dialect) == "DATETIME"


@pytest.mark.parametrize("days", [30.0, -30.5, -36_500.0, 0.25])
def test_so_many_days_from_now_may_be_a_century(database: Database, days: float) -> None:
    with database.read() as connection:
        now, then = connection.execute(select(utc_now(), in_days(literal(days)))).one()

    assert abs(then - now - timedelta(days=days)) < timedelta(seconds=1)


def test_sql_server_counts_days_in_minutes_as_milliseconds_are_too_many() -> None:
    assert t_sql(select(in_days(literal(30.0)))) == (
        "SELECT DATEADD(minute, CAST(1440 * CAST(? AS FLOAT) AS INT), SYSUTCDATETIME()) "
        "AS in_days_1"
    )
