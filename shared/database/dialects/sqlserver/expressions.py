"""How T-SQL says what SQL has no common word for: time, types, sizes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, LargeBinary
from sqlalchemy.dialects import mssql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

NAME = "mssql"
SCHEMA = "dbo"
"""Where the tables are, whatever a login's default schema is."""

# READPAST wants READCOMMITTEDLOCK where READ_COMMITTED_SNAPSHOT is on ("Table hints").
SKIP_LOCKED = "WITH (ROWLOCK, READPAST, UPDLOCK, READCOMMITTEDLOCK)"
RANGE_LOCK = "WITH (UPDLOCK, HOLDLOCK)"
SHARED_UNTIL_COMMIT = "WITH (READCOMMITTEDLOCK, HOLDLOCK)"

LONG_TEXT = mssql.NTEXT()
ANY_TEXT = mssql.NVARCHAR(None)
BYTES: LargeBinary = mssql.VARBINARY("max")  # type: ignore[no-untyped-call]
BIT = mssql.BIT()


@compiles(Column, NAME)
def _column(column: Column[Any], compiler: SQLCompiler, **options: Any) -> str:
    """With its table's name, but not the schema's: of a column's name more than two parts are
    deprecated ("Deprecated Database Engine features"), and not understood everywhere."""
    name = str(compiler.visit_column(column, **options))
    schema = compiler.preparer.schema_for_object(column.table)
    return name.removeprefix(f"{compiler.preparer.quote_schema(schema)}.") if schema else name


class SqlServerExpressions:
    """See `base.Expressions`."""

    def time_type(self, *, legacy: bool) -> TypeEngine[Any]:
        """`DATETIME2(3)`; the `DATETIME` of the original tables has steps of 3.33 ms."""
        return mssql.DATETIME() if legacy else mssql.DATETIME2(precision=3)  # type: ignore[no-untyped-call]

    def stored_time(self, utc: datetime) -> datetime:
        return utc.replace(microsecond=utc.microsecond // 1000 * 1000)

    def now(self) -> str:
        return "SYSUTCDATETIME()"

    def in_seconds(self, seconds: str) -> str:
        # The server infers the type of a parameter from its place: none is to be inferred here.
        return f"DATEADD(millisecond, CAST(1000 * CAST({seconds} AS FLOAT) AS INT), {self.now()})"

    def in_days(self, days: str) -> str:
        """In minutes: milliseconds beyond 24 days are no INT."""
        return f"DATEADD(minute, CAST(1440 * CAST({days} AS FLOAT) AS INT), {self.now()})"

    def this_hour(self) -> str:
        return f"CAST(DATEADD(hour, DATEDIFF(hour, 0, {self.now()}), 0) AS DATETIME2(3))"

    def as_stored_time(self, column: str) -> str:
        return column

    def local_time(self, utc: str) -> str:
        """By the offset of this moment: rows are told within a second."""
        return f"DATEADD(minute, DATEPART(tz, SYSDATETIMEOFFSET()), {utc})"

    def stored_size(self, column: str) -> str:
        return f"DATALENGTH({column})"

    def size_of_text(self, text: str) -> int:
        return len(text.encode("utf-16-le"))
