"""Statements that others' locks keep for a second only: those on the applications' own table.

A text with parameters is executed by `sp_prepexec`, and what it sets ends with it. So nothing has
to be set back, and it costs no round trip.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Engine, event

from shared.database.statements.locks import BRIEF_LOCKS

_MILLISECONDS: Final = 1000


def briefly(sql: str) -> str:
    """The text, which waits for locks no longer than that."""
    return f"SET LOCK_TIMEOUT {_MILLISECONDS}; {sql}"


def listen(engine: Engine) -> None:
    """Have the statements with the option BRIEF_LOCKS wait so."""
    event.listen(engine, "before_cursor_execute", _shorten, retval=True)


def _shorten(_: Any, __: Any, sql: str, values: Any, context: Any, ___: bool) -> tuple[str, Any]:
    if context is not None and values and BRIEF_LOCKS in context.execution_options:
        return briefly(sql), values
    return sql, values
