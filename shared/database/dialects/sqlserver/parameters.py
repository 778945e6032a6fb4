"""NULLs with the type of their column: of a bare one pyodbc asks the server, a round trip each.

In a batch of several statements the server could not even say.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import DateTime, Engine, Integer, LargeBinary, Numeric, String, event
from sqlalchemy.types import TypeDecorator, TypeEngine


def listen(engine: Engine) -> None:
    """Give each parameter that is NULL its type."""
    event.listen(engine, "do_setinputsizes", _give_types)


def type_of_null(kind: TypeEngine[Any]) -> tuple[int, int, int] | None:
    """The ODBC type, size and digits for a NULL of this type; None where it is not known."""
    import pyodbc

    while isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    if isinstance(kind, Integer):
        return pyodbc.SQL_INTEGER, 0, 0
    if isinstance(kind, DateTime):
        return pyodbc.SQL_TYPE_TIMESTAMP, 23, 3
    if isinstance(kind, Numeric):
        return pyodbc.SQL_DOUBLE, 0, 0
    if isinstance(kind, String):
        return pyodbc.SQL_WVARCHAR, kind.length or 0, 0
    if isinstance(kind, LargeBinary):
        return pyodbc.SQL_VARBINARY, 0, 0
    return None


def _give_types(sizes: dict[Any, Any], _: Any, __: str, ___: Any, context: Any) -> None:
    names = context.compiled.bind_names
    rows = context.compiled_parameters
    for parameter in sizes:
        name = names[parameter]
        if any(row.get(name) is None for row in rows):
            sizes[parameter] = type_of_null(parameter.type) or sizes[parameter]
