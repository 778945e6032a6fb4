"""Calls to a database that may be away, for callers who can do without it and must not wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from shared.background import NoAnswerYet, Work
from shared.errors import RowpostError

T = TypeVar("T")


class NotNow(RowpostError):
    """The database is away, or too slow just now: go on without it."""


class CircuitBreaker:
    """Runs work in a thread of its own and waits `seconds` for it.

    After a call that failed or took too long none is tried for `rest_seconds`, nor while it still
    hangs. What that call was to do may have happened or not.
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
        self._not_before = clock()
        self._hanging: Work[Any] | None = None

    def run(self, do: Callable[[], T]) -> T:
        """What it answers. Raises NotNow, or an error of its own that is no outage."""
        if self._clock() < self._not_before or (self._hanging and not self._hanging.ended):
            raise NotNow("the database is left alone for some seconds")
        work = Work(do, "brief call", daemon=True)
        try:
            return work.result(self.seconds)
        except (RowpostError, SQLAlchemyError) as error:
            if isinstance(error, NoAnswerYet):
                self._hanging = work
            self._not_before = self._clock() + self._rest_seconds
            raise NotNow("the database does not answer") from error
