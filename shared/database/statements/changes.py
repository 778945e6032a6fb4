"""Changes that tell what they did: the verbs for whoever decides by it.

Nobody decides by a driver's `rowcount`: a setting of somebody else's server can make it -1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.sql.expression import UpdateBase
from sqlalchemy.types import TypeEngine

from shared.database.dialects.base import Answer, Values
from shared.database.dialects.dialect_of import dialect_of

_NOTHING: Values = {}


def changed(connection: Connection, statement: UpdateBase, values: Values = _NOTHING) -> int:
    """Execute an INSERT, UPDATE or DELETE; answers how many rows it changed."""
    return dialect_of(connection).changed(connection, statement, values)


def execute_text(
    connection: Connection,
    sql: str,
    parameters: Sequence[Any] = (),
    types: Sequence[TypeEngine[Any]] = (),
) -> Answer:
    """Execute by the driver, in the connection's transaction. Raises SQLAlchemy's errors.

    `types` are the parameters': where one is NULL, they spare the server a question.
    """
    return dialect_of(connection).execute(connection, sql, parameters, types)
