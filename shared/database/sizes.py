"""How large a stored value is, without reading it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement


class stored_size(FunctionElement[int]):
    """Bytes on SQL Server (`DATALENGTH`); on SQLite bytes of a blob, characters of a text."""

    type = Integer()
    inherit_cache = True
    name = "stored_size"

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)


@compiles(stored_size, "sqlite")
def _sqlite_size(element: stored_size, compiler: SQLCompiler, **options: Any) -> str:
    return f"length({compiler.process(element.clauses, **options)})"


@compiles(stored_size, "mssql")
def _mssql_size(element: stored_size, compiler: SQLCompiler, **options: Any) -> str:
    return f"DATALENGTH({compiler.process(element.clauses, **options)})"
