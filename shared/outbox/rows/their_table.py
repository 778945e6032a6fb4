"""What an application's queue table is like: read, never assumed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.types import String, TypeEngine

from shared.database.tables import OPTION_COLUMNS, emails

_KEPT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class TheirTable:
    """`options`: those columns of a fresh table that carry options and are there. `widths`: of its
    text columns, in characters; None: any number. `required`: those that take no NULL."""

    options: frozenset[str]
    widths: dict[str, int | None]
    required: frozenset[str]


_known: WeakKeyDictionary[Engine, tuple[float, TheirTable]] = WeakKeyDictionary()


def their_table(connection: Connection) -> TheirTable:
    """The table as it is now, or was within the last minute."""
    engine = connection.engine
    kept = _known.get(engine)
    if kept is None or time.monotonic() - kept[0] > _KEPT_SECONDS:
        kept = _known[engine] = time.monotonic(), _read(connection)
    return kept[1]


def _read(connection: Connection) -> TheirTable:
    columns = inspect(connection).get_columns(emails.name)
    by_name = {str(column["name"]).lower(): column for column in columns}
    return TheirTable(
        options=frozenset(name for name in OPTION_COLUMNS if name.lower() in by_name),
        widths={
            name: _width(by_name[name.lower()]["type"])
            for name in emails.columns.keys()  # noqa: SIM118 - a collection of columns, no dict
            if name.lower() in by_name and isinstance(by_name[name.lower()]["type"], String)
        },
        required=frozenset(
            str(column["name"]) for column in columns if not column.get("nullable", True)
        ),
    )


def _width(kind: TypeEngine[Any]) -> int | None:
    length = getattr(kind, "length", None)
    return length if isinstance(length, int) and length > 0 else None
