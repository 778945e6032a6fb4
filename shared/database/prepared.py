"""Statements on the hot path: compiled once for a number of ids, then run through the driver.

SQLAlchemy spends some 300 µs on an `UPDATE ... WHERE id IN (...) RETURNING` whose list changes its
length each time; a drain runs two of them a commit. Lists are padded to a power of two with their
last id, so that there are few texts, for the driver's own cache too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    CursorResult,
    Dialect,
    Table,
    bindparam,
    insert,
)
from sqlalchemy.sql.expression import UpdateBase

_MOST_TEXTS = 64


class PreparedUpdate:
    """An update of rows named by their ids. `build` makes it for as many id parameters."""

    def __init__(self, build: Callable[[list[BindParameter[int]]], UpdateBase]) -> None:
        self._build = build
        self._texts: dict[tuple[str, str, int], _Text] = {}

    def statement(self, ids: int) -> UpdateBase:
        """The statement for so many ids."""
        return self._build([bindparam(f"id{number}") for number in range(ids)])

    def run(self, connection: Connection, ids: Sequence[int], **values: Any) -> CursorResult[Any]:
        """Execute it for these ids, at least one, with the values of its other parameters."""
        size = 1 << (len(ids) - 1).bit_length()
        padded = [*ids, *(ids[-1],) * (size - len(ids))]
        text = self._text(connection.dialect, size)
        return connection.exec_driver_sql(text.sql, text.parameters(padded, values))

    def _text(self, dialect: Dialect, size: int) -> _Text:
        key = (dialect.name, dialect.driver, size)
        if key not in self._texts:
            if len(self._texts) >= _MOST_TEXTS:
                self._texts.clear()
            self._texts[key] = _Text(self.statement(size), dialect, size)
        return self._texts[key]


class PreparedInsert:
    """An insert of rows into these columns of a table."""

    def __init__(self, table: Table, *columns: str) -> None:
        self._statement = insert(table).values({name: bindparam(name) for name in columns})
        self._texts: dict[tuple[str, str], str] = {}

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert the rows, each with its values in the order of the columns."""
        dialect = connection.dialect
        key = (dialect.name, dialect.driver)
        if key not in self._texts:
            self._texts[key] = str(self._statement.compile(dialect=dialect))
        connection.exec_driver_sql(self._texts[key], list(rows))


class _Text:
    """SQL text and the order in which the driver wants its parameters."""

    def __init__(self, statement: UpdateBase, dialect: Dialect, size: int) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._ids = [f"id{number}" for number in range(size)]
        self._names = list(getattr(compiled, "positiontup", None) or ())
        self._constants = {
            name: value for name, value in compiled.params.items() if value is not None
        }

    def parameters(self, ids: Sequence[int], values: dict[str, Any]) -> tuple[Any, ...]:
        known = {**self._constants, **values, **dict(zip(self._ids, ids, strict=True))}
        return tuple([known[name] for name in self._names])
