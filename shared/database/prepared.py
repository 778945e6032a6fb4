"""Statements on the hot path: compiled once, then handed to the driver as they are.

A drain runs four statements a commit, thousands of times a second. SQLAlchemy compiles them and
wraps the driver's errors as everywhere else; its own way to execute a list whose length changes
each time costs more than all the rest of an email's way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, Dialect, Table, bindparam, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.expression import UpdateBase


class PreparedUpdate:
    """An update of rows named by their ids, which answers the ids of those it changed.

    `build` makes it for as many id parameters. Lists are padded with their last id to a power of
    two, so that there are few texts, for the driver's own cache too.
    """

    def __init__(self, build: Callable[[list[BindParameter[int]]], UpdateBase]) -> None:
        self._build = build
        self._texts: dict[tuple[str, int], _Text] = {}

    def statement(self, ids: int) -> UpdateBase:
        """The statement for so many ids."""
        return self._build([bindparam(f"id{number}") for number in range(ids)])

    def run(self, connection: Connection, ids: Sequence[int], **values: Any) -> set[int]:
        """Execute it for these ids, at least one, with the values of its other parameters."""
        return {row[0] for row in self.rows(connection, ids, **values)}

    def rows(
        self, connection: Connection, ids: Sequence[int], **values: Any
    ) -> Sequence[Sequence[Any]]:
        """The same; answers all that it returns of the rows that it changed."""
        size = 1 << (len(ids) - 1).bit_length()
        key = (connection.dialect.name, size)
        if (text := self._texts.get(key)) is None:
            text = self._texts[key] = _Text(self.statement(size), connection.dialect)
        padded = [*ids, *(ids[-1],) * (size - len(ids))]
        return run_directly(connection, text.sql, text.parameters(padded, values)).rows


class PreparedStatement:
    """Any other statement; its parameters are numbers and texts."""

    def __init__(self, statement: UpdateBase) -> None:
        self.statement = statement
        self._texts: dict[str, _Text] = {}

    def run(self, connection: Connection, **values: Any) -> int:
        """Execute it; answers how many rows it changed."""
        dialect = connection.dialect
        if (text := self._texts.get(dialect.name)) is None:
            text = self._texts[dialect.name] = _Text(self.statement, dialect)
        return run_directly(connection, text.sql, text.parameters((), values)).changed


class PreparedInsert:
    """An insert of rows into these columns of a table, several rows a statement."""

    _AT_ONCE = 64

    def __init__(self, table: Table, *columns: str) -> None:
        self._table = table
        self._columns = columns
        self._texts: dict[tuple[str, int], str] = {}

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert the rows, each with its values in the order of the columns."""
        for start in range(0, len(rows), self._AT_ONCE):
            part = rows[start : start + self._AT_ONCE]
            values = tuple([value for row in part for value in row])
            run_directly(connection, self._text(connection.dialect, len(part)), values)

    def _text(self, dialect: Dialect, rows: int) -> str:
        if (text := self._texts.get((dialect.name, rows))) is None:
            names: list[dict[str, Any]] = [
                {name: bindparam(f"{name}_{n}") for name in self._columns} for n in range(rows)
            ]
            text = str(insert(self._table).values(names).compile(dialect=dialect))
            self._texts[dialect.name, rows] = text
        return text


class _Text:
    """SQL text and the order in which the driver wants its parameters."""

    def __init__(self, statement: UpdateBase, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        order = list(getattr(compiled, "positiontup", None) or ())
        self._order = [int(name[2:]) if name[:2] == "id" else name for name in order]

    def parameters(self, ids: Sequence[int], values: dict[str, Any]) -> tuple[Any, ...]:
        return tuple([ids[key] if isinstance(key, int) else values[key] for key in self._order])


class DirectAnswer(NamedTuple):
    """What the driver answered: rows, if the statement has any, and how many it changed."""

    rows: Sequence[Sequence[Any]]
    changed: int


def run_directly(
    connection: Connection, sql: str, parameters: tuple[Any, ...] = ()
) -> DirectAnswer:
    """Execute by the driver, in the connection's transaction. Raises SQLAlchemy's errors."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql, parameters)
        return DirectAnswer(cursor.fetchall() if cursor.description else (), cursor.rowcount)
    except Exception as error:
        raise _wrapped(connection, sql, error) from error
    finally:
        cursor.close()


def _wrapped(connection: Connection, sql: str, error: Exception) -> BaseException:
    """The driver's error as SQLAlchemy's, without the parameters."""
    driver = connection.dialect.loaded_dbapi
    wrapped = DBAPIError.instance(
        sql, None, error, driver.Error, hide_parameters=True, dialect=connection.dialect
    )
    if isinstance(wrapped, DBAPIError):
        raw = connection.connection.dbapi_connection
        wrapped.connection_invalidated = connection.dialect.is_disconnect(
            error,  # type: ignore[arg-type]
            raw,
            None,
        )
    return wrapped
