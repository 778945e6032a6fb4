"""Writes of many callers, committed together: a commit waits for the disk once for all of them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shared.database.errors import is_transient
from shared.database.statements.changes import execute_text

T = TypeVar("T")

Work = Callable[[Connection], Any]
RunInOneTransaction = Callable[[Callable[[Connection], None]], None]

MOST_AT_ONCE = 64


class GroupCommit:
    """For a database with one writer. Each caller's work has a savepoint of its own: one that
    fails takes only itself back.

    Whoever comes while a commit is under way waits for it; then one of them writes for all.
    """

    def __init__(self, run: RunInOneTransaction) -> None:
        self._run = run
        self._waiting: deque[tuple[Work, Future[Any]]] = deque()
        self._turn = threading.Lock()

    def run(self, work: Callable[[Connection], T]) -> T:
        """What `work` answers, once it is committed. Raises what it raises, or what the commit
        does, which then is the same for all who were written together."""
        ended: Future[T] = Future()
        self._waiting.append((work, ended))
        while not ended.done():
            with self._turn:
                if not ended.done():
                    self._write_those_who_wait()
        return ended.result()

    def _write_those_who_wait(self) -> None:
        several = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_AT_ONCE))]
        outcomes: list[tuple[Future[Any], Any, Exception | None]] = []

        def write(connection: Connection) -> None:
            outcomes.clear()
            for work, ended in several:
                outcomes.append((ended, *_tried(connection, work)))

        try:
            self._run(write)
        except BaseException as error:
            for _, ended in several:
                ended.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for ended, answer, failure in outcomes:
            if failure is not None:
                ended.set_exception(failure)
            else:
                ended.set_result(answer)


def _tried(connection: Connection, work: Work) -> tuple[Any, Exception | None]:
    """What came of it; what may pass concerns the whole transaction, and is raised."""
    execute_text(connection, "SAVEPOINT rowpost_one")
    try:
        answer = work(connection)
    except Exception as error:
        if isinstance(error, DBAPIError) and is_transient(error):
            raise
        execute_text(connection, "ROLLBACK TO rowpost_one")
        return None, error
    execute_text(connection, "RELEASE rowpost_one")
    return answer, None
