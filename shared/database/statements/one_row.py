"""Changing any one row of those that nothing tells apart: a table without a key."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Table, Update, func, literal_column, select, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType


class _the_first(FunctionElement[Any]):
    """Whether a row has this rowid, the first one's; SQL Server says TOP instead."""

    type = NullType()
    inherit_cache = True
    name = "the_first"


@compiles(_the_first, "sqlite")
def _sqlite_first(element: _the_first, compiler: SQLCompiler, **options: Any) -> str:
    return f"rowid = {compiler.process(element.clauses, **options)}"


@compiles(_the_first, "mssql")
def _mssql_first(_: _the_first, __: SQLCompiler, **___: Any) -> str:
    return "1 = 1"


def update_one_without(table: Table, column: Column[Any]) -> Update:
    """An update of one of the rows in which the column is NULL, whichever comes first."""
    same = table.alias()
    rowid: ColumnElement[int] = literal_column("rowid")
    first = select(func.min(rowid)).select_from(same).where(same.c[column.name].is_(None))
    return (
        update(table)
        .prefix_with("TOP (1)", dialect="mssql")
        .where(column.is_(None), _the_first(first.scalar_subquery()))
    )
