"""A statement as text, with the tables where this database has them."""

from __future__ import annotations

from sqlalchemy import Dialect
from sqlalchemy.engine.interfaces import Compiled
from sqlalchemy.sql import ClauseElement

from shared.database.dialects.registry import schema_of


def compiled(statement: ClauseElement, dialect: Dialect) -> Compiled:
    """The statement as the driver is handed it; lists of parameters have their length already."""
    schema = schema_of(dialect.name)
    if schema is None:
        return statement.compile(dialect=dialect)
    return statement.compile(
        dialect=dialect,
        schema_translate_map={None: schema},
        render_schema_translate=True,
    )
