"""Time in SQL: stored in UTC, read from the database's own clock.

Leases are compared by one clock only, the database's, so that senders whose clocks differ never
disagree on whether a lease is over.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, TypeDecorator
from sqlalchemy.dialects import mssql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine, UserDefinedType

_SQLITE_CLOCK = "strftime('%Y-%m-%d %H:%M:%f', 'now'"


class _SqliteTime(UserDefinedType[Any]):
    """Text as `YYYY-MM-DD HH:MM:SS.mmm`, which sorts as time does."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "DATETIME"


class UtcDateTime(TypeDecorator[datetime]):
    """An instant in UTC, to the millisecond: `DATETIME2(3)`, or sortable text on SQLite.

    Aware datetimes in, aware datetimes out. Text in SQLite that is no time reads as None: an
    application may have put anything there, and one bad value must not hide the other rows.
    """

    impl = DateTime
    cache_ok = True

    def __init__(self, *, legacy: bool = False) -> None:
        """`legacy`: the `DATETIME` of the original tables, in steps of 3.33 ms."""
        super().__init__()
        self.legacy = legacy

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "mssql":
            return dialect.type_descriptor(
                mssql.DATETIME() if self.legacy else mssql.DATETIME2(precision=3)  # type: ignore[no-untyped-call]
            )
        return dialect.type_descriptor(_SqliteTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        utc = value.astimezone(UTC).replace(tzinfo=None)
        if dialect.name == "mssql":
            return utc.replace(microsecond=utc.microsecond // 1000 * 1000)
        return utc.isoformat(sep=" ", timespec="milliseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
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


@compiles(utc_now, "sqlite")
def _sqlite_now(element: utc_now, compiler: SQLCompiler, **options: Any) -> str:
    shift = compiler.process(element.clauses, **options)
    return f"{_SQLITE_CLOCK}, ({shift}) || ' seconds')" if shift else f"{_SQLITE_CLOCK})"


@compiles(utc_now, "mssql")
def _mssql_now(element: utc_now, compiler: SQLCompiler, **options: Any) -> str:
    shift = compiler.process(element.clauses, **options)
    if not shift:
        return "SYSUTCDATETIME()"
    # The server infers the type of a parameter from its place: none is to be inferred here.
    return f"DATEADD(millisecond, CAST(1000 * CAST({shift} AS FLOAT) AS INT), SYSUTCDATETIME())"


class in_days(FunctionElement[datetime]):
    """The database's clock in so many days, in UTC; below nought, so many days ago.

    For spans too long for utc_now: SQL Server counts them in minutes, as milliseconds beyond 24
    days are no INT.
    """

    type = UtcDateTime()
    inherit_cache = True
    name = "in_days"

    def __init__(self, days: ColumnElement[Any]) -> None:
        super().__init__(days)


@compiles(in_days, "sqlite")
def _sqlite_in_days(element: in_days, compiler: SQLCompiler, **options: Any) -> str:
    return f"{_SQLITE_CLOCK}, ({compiler.process(element.clauses, **options)}) || ' days')"


@compiles(in_days, "mssql")
def _mssql_in_days(element: in_days, compiler: SQLCompiler, **options: Any) -> str:
    days = compiler.process(element.clauses, **options)
    return f"DATEADD(minute, CAST(1440 * CAST({days} AS FLOAT) AS INT), SYSUTCDATETIME())"


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


@compiles(as_stored, "sqlite")
def _sqlite_as_stored(element: as_stored, compiler: SQLCompiler, **options: Any) -> str:
    return f"strftime('%Y-%m-%d %H:%M:%f', {compiler.process(element.clauses, **options)})"


@compiles(as_stored, "mssql")
def _mssql_as_stored(element: as_stored, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


class this_hour(FunctionElement[datetime]):
    """The hour that the database's clock is in, as the instant it began."""

    type = UtcDateTime()
    inherit_cache = True
    name = "this_hour"


@compiles(this_hour, "sqlite")
def _sqlite_this_hour(element: this_hour, compiler: SQLCompiler, **options: Any) -> str:
    return "strftime('%Y-%m-%d %H:00:00.000', 'now')"


@compiles(this_hour, "mssql")
def _mssql_this_hour(element: this_hour, compiler: SQLCompiler, **options: Any) -> str:
    return "CAST(DATEADD(hour, DATEDIFF(hour, 0, SYSUTCDATETIME()), 0) AS DATETIME2(3))"
