"""A driver in the place of pyodbc, for what is sent to a SQL Server where none is at hand.

It answers what SQLAlchemy and Alembic ask an empty database, and notes everything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, create_engine

Rows = list[tuple[Any, ...]]


class ServerError(Exception):
    """As pyodbc's Error."""


class Cursor:
    rowcount = 1

    def __init__(self, server: Server) -> None:
        self._server = server
        self._rows: Rows | None = None

    @property
    def description(self) -> Rows | None:
        return [("", str, None, None, None, None, True)] if self._rows is not None else None

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        self._rows = self._server.answer(" ".join(sql.split()), parameters)

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> Rows:
        rows, self._rows = self._rows or [], []
        return rows

    def nextset(self) -> bool:
        return False

    def setinputsizes(self, _: Any) -> None: ...

    def close(self) -> None: ...


class Connection:
    autocommit = False

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def timeout(self) -> int:
        return self._server.timeout

    @timeout.setter
    def timeout(self, seconds: int) -> None:
        self._server.timeout = seconds

    def cursor(self) -> Cursor:
        return Cursor(self._server)

    def add_output_converter(self, _: int, __: Any) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


class Server:
    """One server. `problem` is what its checks find; a step is held up by a lock so many times;
    `gone`: places of what is not there, of all that it is asked for."""

    paramstyle = "qmark"
    version = "5.2.0"
    Cursor = Cursor
    Error = DatabaseError = InterfaceError = OperationalError = ProgrammingError = ServerError

    def __init__(
        self,
        address: str,
        *,
        problem: str | None = None,
        gives_way_at: str = "",
        times: int = 0,
        gone: Sequence[int] = (),
    ) -> None:
        self.sent: list[str] = []
        self.timeout = 0
        self.version_num: str | None = None
        self._address = address
        self._problem = problem
        self._gives_way_at = gives_way_at
        self._times = times
        self._gone = gone

    def engine(self) -> Engine:
        return create_engine(f"{self._address}?driver=none", module=self, use_setinputsizes=False)

    def connect(self, *_: Any, **__: Any) -> Connection:
        return Connection(self)

    def answer(self, sql: str, parameters: Sequence[Any]) -> Rows | None:
        self.sent.append(sql)
        if "SELECT @gave_way" in sql and self._gives_way_at in sql and self._times:
            self._times -= 1
            return [(1222,)]
        if stamped := re.match(
            r"(?:INSERT INTO|UPDATE) dbo.\W?Rowpost_Migrations.*?(?:VALUES \(|SET .*?=)'(\w+)'", sql
        ):
            self.version_num = stamped[1]
        for words, rows in self._answers().items():
            if re.search(words, sql):
                return rows
        return None

    def _answers(self) -> dict[str, Rows]:
        versions: Rows = [(self.version_num,)] if self.version_num else []
        return {
            "sp_getapplock": [(0,)],
            "^SELECT 0 AS step": [(place,) for place in self._gone],
            "SELECT @gave_way;": [(0,)],
            "SELECT @problem;": [(self._problem,)],
            r"schema_name\(\)": [("sales",)],
            "ProductVersion": [("16.0.4135.4",)],
            r"(?s)FROM \W?sys\W+objects.*objects\W+name\W+IN": [],
            "SELECT NULL ELSE SELECT version_num": [(self.version_num,)],
            "SELECT.*version_num": versions,
            "transaction_isolation_level": [("READ COMMITTED",)],
            "^SELECT": [(1,)],
        }
