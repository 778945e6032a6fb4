"""Rows that several may want to be the first to insert: counters, slots, pauses."""

from __future__ import annotations

from sqlalchemy import Connection, Table

from shared.database.dialects.base import Values
from shared.database.dialects.dialect_of import dialect_of

_NOTHING: Values = {}


def insert_if_absent(
    connection: Connection, table: Table, key: Values, values: Values = _NOTHING
) -> bool:
    """Insert a row unless one has this key; answers whether it was inserted.

    `key` and `values` are by the columns' names, values or SQL expressions. A row that another
    transaction inserts at the same moment is found once that has committed.
    """
    return dialect_of(connection).insert_if_absent(connection, table, key, values)
