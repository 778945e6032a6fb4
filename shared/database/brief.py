"""Calls to a database that may be away, for callers who can do without it and must not wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextvars import copy_context
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from shared.errors import RowpostError

T = TypeVar("T")


class NotNow(RowpostError):
    """The database is away, or too slow just now: go on without it."""


class BriefCalls:
    """Runs work in a thread of its own and waits `seconds` for it.

    After a call that failed or took too long none is tried for `rest_seconds`, nor while it still
    hangs. What the work did then may have happened or not.
    """

    def __init__(
        self,
        seconds: float = 3.0,
        rest_seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds = seconds
        self._rest_seconds = rest_seconds
        self._clock = clock
        self._not_before = -1.0
        self._hanging: Future[object] | None = None

    def run(self, work: Callable[[], T]) -> T:
        """What the work answers. Raises NotNow, or an error of the work that is no outage."""
        if self._clock() < self._not_before or self._hangs():
            raise NotNow("the database is left alone for some seconds")
        call: Future[T] = Future()
        threading.Thread(
            target=copy_context().run, args=(_answer, call, work), name="brief", daemon=True
        ).start()
        try:
            return call.result(self.seconds)
        except NotYet as error:
            self._hanging = call  # type: ignore[assignment]
            raise self._rest(error) from error
        except (RowpostError, SQLAlchemyError) as error:
            raise self._rest(error) from error

    def _hangs(self) -> bool:
        return self._hanging is not None and not self._hanging.done()

    def _rest(self, error: Exception) -> NotNow:
        self._not_before = self._clock() + self._rest_seconds
        return NotNow(f"the database does not answer ({type(error).__name__})")


def _answer(call: Future[T], work: Callable[[], T]) -> None:
    try:
        call.set_result(work())
    except Exception as error:  # noqa: BLE001 - it is raised where the work was asked for
        call.set_exception(error)
