"""How SQLite says what SQL has no common word for: time, types, sizes.

Time is text as `YYYY-MM-DD HH:MM:SS.mmm`, which sorts as time does.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.types import TypeEngine, UserDefinedType

NAME = "sqlite"

_CLOCK = "strftime('%Y-%m-%d %H:%M:%f', 'now'"


class _TimeText(UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "DATETIME"


class SqliteExpressions:
    """See `base.Expressions`."""

    def time_type(self, *, legacy: bool) -> TypeEngine[Any]:
        return _TimeText()

    def stored_time(self, utc: datetime) -> str:
        return utc.isoformat(sep=" ", timespec="milliseconds")

    def now(self) -> str:
        return f"{_CLOCK})"

    def in_seconds(self, seconds: str) -> str:
        return f"{_CLOCK}, ({seconds}) || ' seconds')"

    def in_days(self, days: str) -> str:
        return f"{_CLOCK}, ({days}) || ' days')"

    def this_hour(self) -> str:
        return "strftime('%Y-%m-%d %H:00:00.000', 'now')"

    def as_stored_time(self, column: str) -> str:
        return f"strftime('%Y-%m-%d %H:%M:%f', {column})"

    def local_time(self, utc: str) -> str:
        return f"strftime('%Y-%m-%d %H:%M:%f', {utc}, 'localtime')"

    def stored_size(self, column: str) -> str:
        return f"length({column})"

    def size_of_text(self, text: str) -> int:
        return len(text)
