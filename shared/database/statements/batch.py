"""Several statements in one text: one round trip, for a database where that costs something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from shared.database.database import Database
from shared.database.dialects.sqlserver.queue import (
    ADD_BEGINS,
    ADD_ENDS,
    COMMIT_BATCH,
    ENTRY_ADDED,
    ROW_ADDED,
)
from shared.database.errors import CommitUncertain, is_transient
from shared.database.statements.changes import execute_text
from shared.database.statements.compiled import compiled

__all__ = [
    "ADD_BEGINS",
    "ADD_ENDS",
    "COMMIT_BATCH",
    "ENTRY_ADDED",
    "ROW_ADDED",
    "Batch",
    "committed_alone",
]

_NOTHING: Mapping[str, Any] = {}


class _Text(NamedTuple):
    sql: str
    order: tuple[str, ...]
    constants: Mapping[str, Any]
    types: tuple[TypeEngine[Any], ...]
    processors: tuple[Any, ...]


@lru_cache(maxsize=1024)
def _text_of(statement: ClauseElement, dialect: Dialect) -> _Text:
    text = compiled(statement, dialect)
    assert isinstance(text, SQLCompiler)
    # The number behind TOP is written only now; the values of parameters do not matter for that.
    required = {name: None for name, bind in text.binds.items() if bind.required}
    whole = text.construct_expanded_state(required)
    order = tuple(whole.positiontup or ())
    binds = [text.binds[name] for name in order]
    return _Text(
        whole.statement,
        order,
        {name: text.binds[name].value for name in order if not text.binds[name].required},
        tuple(bind.type for bind in binds),
        tuple(bind.type.dialect_impl(dialect).bind_processor(dialect) for bind in binds),
    )


class Batch:
    """A text that grows statement by statement, with the values of its parameters."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sql: list[str] = []
        self._parameters: list[Any] = []
        self._types: list[TypeEngine[Any]] = []

    def say(self, sql: str, *parameters: tuple[Any, TypeEngine[Any]]) -> None:
        """Add T-SQL as it is, with its parameters and their types."""
        self._sql.append(sql)
        for value, kind in parameters:
            self._parameters.append(value)
            self._types.append(kind)

    def add(
        self,
        statement: ClauseElement,
        values: Mapping[str, Any] = _NOTHING,
        *,
        into: str | None = None,
    ) -> None:
        """Add a statement; what its OUTPUT has goes `into` a table variable of one column more or
        less the same name."""
        text = _text_of(statement, self._connection.dialect)
        given = {**text.constants, **values}
        sql = text.sql if into is None else _into(text.sql, into)
        self._sql.append(sql)
        for name, process in zip(text.order, text.processors, strict=True):
            value = given[name]
            self._parameters.append(value if process is None or value is None else process(value))
        self._types += text.types

    def run(self) -> Sequence[Sequence[Any]]:
        """Send it; the rows of each statement that answers any. Raises SQLAlchemy's errors."""
        sql = _same_text("\n".join(_ended(part) for part in self._sql))
        return execute_text(self._connection, sql, self._parameters, self._types).results


def _ended(part: str) -> str:
    return part if part.endswith((";", "BEGIN")) else f"{part};"


@lru_cache(maxsize=256)
def _same_text(sql: str) -> str:
    """The very same object for the same text: a cursor keeps that one prepared."""
    return sql


def _into(sql: str, variable: str) -> str:
    head, output, rest = sql.partition(" OUTPUT ")
    columns, where, condition = rest.partition(" WHERE ")
    return f"{head}{output}{columns} INTO {variable}{where}{condition}"


def committed_alone(database: Database, fill: Any) -> Sequence[Sequence[Any]]:
    """Run a batch that is a transaction of its own.

    Raises CommitUncertain when it broke off: what it does may be done or not.
    """
    with database.read() as connection:
        batch = Batch(connection)
        fill(batch)
        try:
            return batch.run()
        except DBAPIError as error:
            if error.connection_invalidated or _timed_out(error):
                raise CommitUncertain(
                    "the database broke off in the middle: the change may be there or not"
                ) from error
            raise


def _timed_out(error: DBAPIError) -> bool:
    state = str(next(iter(getattr(error.orig, "args", ())), ""))
    return is_transient(error) and state.startswith(("08", "HYT"))
