"""Statements on the hot path: compiled once, then handed to the driver as they are.

A drain runs four statements a commit, thousands of times a second. SQLAlchemy compiles them and
wraps the driver's errors as everywhere else; its own way to execute a list whose length changes
each time costs more than all the rest of an email's way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, Dialect, Select, Table, bindparam, insert
from sqlalchemy.sql.expression import UpdateBase

from shared.database.dialects.dialect_of import dialect_of
from shared.database.statements.changes import execute_text
from shared.database.statements.compiled import compiled
from shared.database.statements.locks import BRIEF_LOCKS

_ID = re.compile("id[0-9]+")


class PreparedUpdate:
    """An update of rows named by their ids, which answers the ids of those it changed; or a query
    about such rows.

    `build` makes it for as many id parameters. Lists are padded with their last id to a power of
    two, so that there are few texts, for the driver's own cache too.
    """

    def __init__(
        self, build: Callable[[list[BindParameter[int]]], UpdateBase | Select[Any]]
    ) -> None:
        self._build = build
        self._texts: dict[tuple[str, int], _Text] = {}

    def statement(self, ids: int) -> UpdateBase | Select[Any]:
        """The statement for so many ids."""
        return self._build([bindparam(f"id{number}") for number in range(ids)])

    @staticmethod
    def padded(ids: Sequence[int]) -> list[int]:
        """The ids as the statement has them, for whoever gives a value for each."""
        size = 1 << (len(ids) - 1).bit_length()
        return [*ids, *(ids[-1],) * (size - len(ids))]

    def run(self, connection: Connection, ids: Sequence[int], **values: Any) -> set[int]:
        """Execute it for these ids, at least one, with the values of its other parameters."""
        return {row[0] for row in self.rows(connection, ids, **values)}

    def rows(
        self, connection: Connection, ids: Sequence[int], **values: Any
    ) -> Sequence[Sequence[Any]]:
        """The same; answers all that it returns of the rows that it changed."""
        padded = self.padded(ids)
        key = (connection.dialect.name, len(padded))
        if (text := self._texts.get(key)) is None:
            statement = self.statement(len(padded))
            text = _Text(statement, connection.dialect)
            if BRIEF_LOCKS in statement.get_execution_options():
                text.sql = dialect_of(connection).briefly(text.sql)
            self._texts[key] = text
        return execute_text(connection, text.sql, text.parameters(padded, values), text.types).rows


class PreparedStatement:
    """Any other statement."""

    def __init__(self, statement: UpdateBase) -> None:
        self.statement = statement
        self._texts: dict[str, _Text] = {}

    def run(self, connection: Connection, **values: Any) -> int:
        """Execute it; answers how many rows it changed."""
        dialect = connection.dialect
        if (text := self._texts.get(dialect.name)) is None:
            text = _Text(self.statement, dialect)
            text.sql = dialect_of(connection).counted(text.sql)
            self._texts[dialect.name] = text
        return execute_text(connection, text.sql, text.parameters((), values), text.types).changed


class PreparedInsert:
    """An insert of rows into these columns of a table, named in the table's own order, several rows
    a statement."""

    _AT_ONCE = 64

    def __init__(self, table: Table, *columns: str) -> None:
        if columns != tuple(name for name in table.c.keys() if name in columns):  # noqa: SIM118
            raise ValueError(f"the columns of {table.name} are named in another order")
        self._table = table
        self._columns = columns
        self._types = tuple(table.c[name].type for name in columns)
        self._texts: dict[tuple[str, int], str] = {}

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert the rows, each with its values in the order of the columns."""
        for start in range(0, len(rows), self._AT_ONCE):
            part = rows[start : start + self._AT_ONCE]
            values = tuple([value for row in part for value in row])
            types = self._types * len(part)
            execute_text(connection, self._text(connection.dialect, len(part)), values, types)

    def _text(self, dialect: Dialect, rows: int) -> str:
        if (text := self._texts.get((dialect.name, rows))) is None:
            names: list[dict[str, Any]] = [
                {name: bindparam(f"{name}_{n}") for name in self._columns} for n in range(rows)
            ]
            text = str(compiled(insert(self._table).values(names), dialect))
            self._texts[dialect.name, rows] = text
        return text


class _Text:
    """SQL text and the order in which the driver wants its parameters."""

    def __init__(self, statement: UpdateBase | Select[Any], dialect: Dialect) -> None:
        text = compiled(statement, dialect)
        self.sql = str(text)
        order = list(getattr(text, "positiontup", None) or ())
        binds = getattr(text, "binds", {})
        self.types = tuple(binds[name].type for name in order)
        self._order = [int(name[2:]) if _ID.fullmatch(name) else name for name in order]
        self._constants = {name: binds[name].value for name in order if not binds[name].required}
        processors = {
            name: binds[name].type.dialect_impl(dialect).bind_processor(dialect)
            for name in order
            if not _ID.fullmatch(name)
        }
        self._processors = {name: process for name, process in processors.items() if process}

    def parameters(self, ids: Sequence[int], values: dict[str, Any]) -> tuple[Any, ...]:
        if self._constants:
            values = self._constants | values
        for name, process in self._processors.items():
            values = values | {name: process(values[name])}
        return tuple([ids[key] if isinstance(key, int) else values[key] for key in self._order])
