"""Runs a module as its main program and prints how long SQLite took for it, as a line of JSON.

python bench/sql_time.py MODULE ARGUMENT...

Time inside the driver's calls, by the wall and by the processor. It needs nothing of the project
around it, so that another revision is measured the same way: it is the folder it is started in
whose modules are run.
"""

from __future__ import annotations

import json
import runpy
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Engine, event

T = TypeVar("T")

MAIN, OTHERS = "sending", "beside"
"""The thread that drains, and those beside it."""


class _Spent:
    """Seconds inside SQLite, by whether the thread is one of those that send."""

    def __init__(self) -> None:
        self.wall = {MAIN: 0.0, OTHERS: 0.0}
        self.cpu = {MAIN: 0.0, OTHERS: 0.0}
        self.calls = {MAIN: 0, OTHERS: 0}
        self._adding = threading.Lock()

    def timed(self, call: Callable[..., T], *arguments: Any) -> T:
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            return call(*arguments)
        finally:
            wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
            where = OTHERS if threading.current_thread().name == "rows" else MAIN
            with self._adding:
                self.wall[where] += wall
                self.cpu[where] += cpu
                self.calls[where] += 1


_spent = _Spent()


class _TimedCursor(sqlite3.Cursor):
    def execute(self, *arguments: Any) -> Any:
        return _spent.timed(super().execute, *arguments)

    def executemany(self, *arguments: Any) -> Any:
        return _spent.timed(super().executemany, *arguments)

    def fetchall(self) -> Any:
        return _spent.timed(super().fetchall)

    def fetchone(self) -> Any:
        return _spent.timed(super().fetchone)


class _TimedConnection(sqlite3.Connection):
    def cursor(self, *_: Any) -> Any:
        return super().cursor(_TimedCursor)

    def commit(self) -> None:
        _spent.timed(super().commit)

    def rollback(self) -> None:
        _spent.timed(super().rollback)


@event.listens_for(Engine, "do_connect")
def _connect_timed(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
    options["factory"] = _TimedConnection


def main(module: str, arguments: list[str]) -> None:
    sys.path[0] = "."
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    print(json.dumps({"wall": _spent.wall, "cpu": _spent.cpu, "calls": _spent.calls}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
