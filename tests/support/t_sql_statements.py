"""`--t-sql FILE`: every distinct statement for SQL Server that a test run saw, to be checked.

What was sent to a server or to the driver's stand-in, and what tests only compiled. One statement
each, as pyodbc is handed it (`?` is a parameter), parted by lines of "----- next -----".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.types import TypeEngine

from shared.database.dialects.base import Answer
from shared.database.dialects.sqlserver.dialect import SqlServer
from shared.database.dialects.sqlserver.expressions import NAME

PARTING = "\n----- next -----\n"

_seen: dict[str, None] = {}


def note(text: str) -> None:
    """Another statement for SQL Server."""
    _seen[text] = None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--t-sql", metavar="FILE", help="write every statement for SQL Server to this file"
    )


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--t-sql"):
        return
    event.listen(Engine, "after_cursor_execute", _note_sent)
    _note_texts()


def pytest_testnodedown(node: Any) -> None:
    """What one of several test processes saw (pytest-xdist)."""
    for text in getattr(node, "workeroutput", {}).get("t_sql", ()):
        note(text)


def pytest_sessionfinish(session: pytest.Session) -> None:
    file = session.config.getoption("--t-sql")
    if not file:
        return
    workeroutput = getattr(session.config, "workeroutput", None)
    if workeroutput is not None:
        workeroutput["t_sql"] = list(_seen)
        return
    Path(file).write_text(PARTING.join(_seen) + "\n", "utf-8")


def _note_sent(connection: Connection, _: Any, statement: str, *__: Any) -> None:
    if connection.dialect.name == NAME:
        note(statement)


def _note_texts() -> None:
    """Texts that go to the driver directly pass by SQLAlchemy's events."""
    execute = SqlServer.execute

    def noting(
        self: SqlServer,
        connection: Connection,
        sql: str,
        parameters: Sequence[Any] = (),
        types: Sequence[TypeEngine[Any]] = (),
    ) -> Answer:
        note(sql)
        return execute(self, connection, sql, parameters, types)

    SqlServer.execute = noting  # type: ignore[method-assign]
