"""The dialects by SQLAlchemy's names for them."""

from __future__ import annotations

from typing import Final

from shared.database.dialects.base import Expressions
from shared.database.dialects.sqlite.expressions import NAME as SQLITE
from shared.database.dialects.sqlite.expressions import SqliteExpressions
from shared.database.dialects.sqlserver.expressions import NAME as SQL_SERVER
from shared.database.dialects.sqlserver.expressions import SCHEMA, SqlServerExpressions

_EXPRESSIONS: Final[dict[str, Expressions]] = {
    SQLITE: SqliteExpressions(),
    SQL_SERVER: SqlServerExpressions(),
}


def expressions_of(name: str) -> Expressions:
    """The expressions of the dialect that SQLAlchemy calls so; in `str(statement)`, SQLite's."""
    return _EXPRESSIONS.get(name, _EXPRESSIONS[SQLITE])


def schema_of(name: str) -> str | None:
    """The schema in which the tables are named, where this dialect has any."""
    return SCHEMA if name == SQL_SERVER else None
