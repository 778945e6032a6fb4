"""How large a stored value is, without reading it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from shared.database.dialects.registry import expressions_of


class stored_size(FunctionElement[int]):
    """Bytes on SQL Server; on SQLite bytes of a blob, characters of a text."""

    type = Integer()
    inherit_cache = True
    name = "stored_size"

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)


def size_once_stored(connection: Connection, value: str | bytes) -> int:
    """What `stored_size` will say of this value, in a column of Unicode text or of bytes."""
    if isinstance(value, bytes):
        return len(value)
    return expressions_of(connection.dialect.name).size_of_text(value)


@compiles(stored_size)
def _stored_size(element: stored_size, compiler: SQLCompiler, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    return expressions_of(compiler.dialect.name).stored_size(column)
