"""Time in SQL: stored in UTC, read from the database's own clock.

Leases are compared by one clock only, the database's, so that senders whose clocks differ never
disagree on whether a lease is over.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, TypeDecorator
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from shared.database.dialects.registry import expressions_of


class UtcDateTime(TypeDecorator[datetime]):
    """An instant in UTC, to the millisecond.

    Aware datetimes in, aware datetimes out. Text in SQLite that is no time reads as None: an
    application may have put anything there, and one bad value must not hide the other rows.
    """

    impl = DateTime
    cache_ok = True

    def __init__(self, *, legacy: bool = False) -> None:
        """`legacy`: as the original tables have it."""
        super().__init__()
        self.legacy = legacy

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(expressions_of(dialect.name).time_type(legacy=self.legacy))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        return expressions_of(dialect.name).stored_time(value.astimezone(UTC).replace(tzinfo=None))

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return instant_of(value)


def instant_of(value: Any) -> datetime | None:
    """The instant that a driver gives for such a column; None where it is none."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class utc_now(FunctionElement[datetime]):
    """The database's clock, in UTC; with an argument, that many seconds from now: up to 24 days."""

    type = UtcDateTime()
    inherit_cache = True
    name = "utc_now"

    def __init__(self, seconds: ColumnElement[Any] | None = None) -> None:
        super().__init__(*(() if seconds is None else (seconds,)))


@compiles(utc_now)
def _utc_now(element: utc_now, compiler: SQLCompiler, **options: Any) -> str:
    expressions = expressions_of(compiler.dialect.name)
    seconds = compiler.process(element.clauses, **options)
    return expressions.in_seconds(seconds) if seconds else expressions.now()


class in_days(FunctionElement[datetime]):
    """The database's clock in so many days, in UTC; below nought, so many days ago.

    For spans too long for utc_now.
    """

    type = UtcDateTime()
    inherit_cache = True
    name = "in_days"

    def __init__(self, days: ColumnElement[Any]) -> None:
        super().__init__(days)


@compiles(in_days)
def _in_days(element: in_days, compiler: SQLCompiler, **options: Any) -> str:
    days = compiler.process(element.clauses, **options)
    return expressions_of(compiler.dialect.name).in_days(days)


class as_stored(FunctionElement[datetime]):
    """A time that an application wrote, in the form that we compare with.

    SQL Server's columns are typed. In SQLite it may be `2026-11-21T10:00:00Z`, which sorts apart
    from `2026-11-21 10:00:00.000`; what is no time at all becomes NULL.
    """

    type = UtcDateTime()
    inherit_cache = True
    name = "as_stored"

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)


@compiles(as_stored)
def _as_stored(element: as_stored, compiler: SQLCompiler, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    return expressions_of(compiler.dialect.name).as_stored_time(column)


class this_hour(FunctionElement[datetime]):
    """The hour that the database's clock is in, as the instant it began."""

    type = UtcDateTime()
    inherit_cache = True
    name = "this_hour"


@compiles(this_hour)
def _this_hour(element: this_hour, compiler: SQLCompiler, **options: Any) -> str:
    return expressions_of(compiler.dialect.name).this_hour()


class local_time(FunctionElement[datetime]):
    """A time in UTC as the clock shows it where the database is."""

    type = UtcDateTime()
    inherit_cache = True
    name = "local_time"

    def __init__(self, utc: ColumnElement[Any]) -> None:
        super().__init__(utc)


@compiles(local_time)
def _local_time(element: local_time, compiler: SQLCompiler, **options: Any) -> str:
    utc = compiler.process(element.clauses, **options)
    return expressions_of(compiler.dialect.name).local_time(utc)
