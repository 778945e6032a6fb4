"""NULLs with the type of their column: of a bare one pyodbc asks the server, a round trip more.

In a batch of several statements the server could not even say. pyodbc asks for each `None`, also
where `setinputsizes` has named its type; of its `BinaryNull` it does not, and sends that as the
type that was named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Boolean, DateTime, Engine, Integer, LargeBinary, Numeric, String, event
from sqlalchemy.types import TypeDecorator, TypeEngine

_ALL_TYPED = "rowpost_all_nulls_have_types"

OdbcType = tuple[int, int, int]
"""The ODBC type, its size and its digits."""


def listen(engine: Engine) -> None:
    """Give each parameter that is NULL its type."""
    event.listen(engine, "do_setinputsizes", _give_types)
    event.listen(engine, "before_cursor_execute", _send_typed, retval=True)


def typed_nulls(
    cursor: Any, parameters: Sequence[Any], types: Sequence[TypeEngine[Any]]
) -> Sequence[Any]:
    """The parameters as this cursor is to be handed them; their types are in the same order."""
    import pyodbc

    if None not in parameters or len(types) != len(parameters):
        cursor.setinputsizes(None)
        return parameters
    sizes = [
        type_of_null(kind) if value is None else None
        for value, kind in zip(parameters, types, strict=True)
    ]
    cursor.setinputsizes(sizes)
    return [
        pyodbc.BinaryNull if value is None and size is not None else value
        for value, size in zip(parameters, sizes, strict=True)
    ]


def type_of_null(kind: TypeEngine[Any]) -> OdbcType | None:
    """What a NULL of this type is sent as; None where it is not known."""
    import pyodbc

    while isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    if isinstance(kind, Integer | Boolean):
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
    types = {
        parameter: type_of_null(parameter.type)
        for parameter in sizes
        if any(row.get(names[parameter]) is None for row in rows)
    }
    # One that is not known is asked for, and with it all.
    setattr(context, _ALL_TYPED, bool(types) and None not in types.values())
    sizes.update({parameter: size for parameter, size in types.items() if size is not None})


def _send_typed(
    _: Any, __: Any, statement: str, values: Any, context: Any, ___: bool
) -> tuple[str, Any]:
    if not values or not getattr(context, _ALL_TYPED, False):
        return statement, values
    import pyodbc

    def typed(row: Sequence[Any]) -> tuple[Any, ...]:
        return tuple([pyodbc.BinaryNull if value is None else value for value in row])

    several = isinstance(values[0], tuple)
    return statement, [typed(row) for row in values] if several else typed(values)
