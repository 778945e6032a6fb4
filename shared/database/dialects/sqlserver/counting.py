"""How many rows a statement changed: asked of the server, never of the driver.

`cursor.rowcount` is -1 where a server or a login has NOCOUNT on, and where a trigger has none it
is the trigger's count. `@@ROWCOUNT` right behind the statement is the statement's own.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Engine, event

COLUMN: Final = "RowpostChanged"
COUNTED: Final = {"rowpost_counted": True}
"""The execution option of a statement whose count somebody asks for."""
_CHANGED = "rowpost_changed"
_QUESTION = f"; SELECT @@ROWCOUNT AS {COLUMN}"


def counted(sql: str) -> str:
    """The statement, and behind it the question how many rows it changed."""
    return f"{sql}{_QUESTION}"


def listen(engine: Engine) -> None:
    """Have the statements with the option COUNTED counted."""
    event.listen(engine, "before_cursor_execute", _ask, retval=True)
    event.listen(engine, "after_cursor_execute", _take_answer)


def changed(connection: Any) -> int:
    """How many rows the connection's last COUNTED statement changed."""
    return int(connection.info.pop(_CHANGED))


def read_all(cursor: Any) -> tuple[list[list[Any]], int]:
    """The rows of each result that has any columns but the count's, and the count.

    Every result is read: the error of a later statement, or of a trigger, stands behind the first
    one (pyodbc, issues 69 and 739).
    """
    results: list[list[Any]] = []
    number = 0
    while True:
        if cursor.description:
            found = cursor.fetchall()
            if cursor.description[0][0] == COLUMN:
                number = int(found[0][0])
            else:
                results.append(found)
        if not cursor.nextset():
            return results, number


def _ask(_: Any, __: Any, statement: str, values: Any, context: Any, ___: bool) -> tuple[str, Any]:
    # SQLAlchemy puts others around it, as SET IDENTITY_INSERT.
    its_own = context is not None and statement == context.statement
    if its_own and context.execution_options.get("rowpost_counted"):
        return counted(statement), values
    return statement, values


def _take_answer(connection: Any, cursor: Any, statement: str, __: Any, ___: Any, _: bool) -> None:
    if statement.endswith(_QUESTION):
        connection.info[_CHANGED] = read_all(cursor)[1]
