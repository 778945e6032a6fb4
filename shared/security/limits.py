"""How many requests a caller may make in a window of time, over all instances.

Counting costs a request microseconds: it happens in memory. A thread adds what was counted to
the database, where it learns what the other instances have counted: once a second, and at once
when a tenth of a limit has come together. So an instance may let through, beyond the limit, a
tenth of it or one second's requests, whichever is less, and what comes during one write. While
the database is away each instance counts for itself, and no request waits for it.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from shared.database.database import Database
from shared.errors import RowpostError
from shared.security.pseudonyms import Pseudonyms
from shared.security.request_counts import Portion, add, remove_ended

log = logging.getLogger("rowpost.limits")

WRITE_SECONDS = 1.0

_CALLERS_REMEMBERED = 10_000
_WRITTEN_AT_ONCE = 500
_REST_SECONDS = 10.0
_REMOVE_SECONDS = 60.0
_TRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in each window of so many seconds; windows begin at multiples of them."""

    count: int
    seconds: int


class TooManyRequests(RowpostError):
    """The caller has used up a limit; the next request is let in after `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            f"There were too many requests: wait {retry_after} seconds, then try again."
        )
        self.retry_after = retry_after


@dataclass(slots=True)
class _Window:
    """What one caller has used of one limit. `known`: all that is in the database."""

    end: float
    known: int = 0
    unwritten: int = 0

    @property
    def used(self) -> int:
        return self.known + self.unwritten


_Key = tuple[str, Limit]


def _is_open(window: _Window, limit: Limit, now: float) -> bool:
    """Whether now is in the window. A clock that was ahead has left one that begins later."""
    return window.end - limit.seconds <= now < window.end


class RequestLimits:
    """Counts the requests of this process's callers; the longest silent ones are forgotten."""

    def __init__(
        self,
        database: Callable[[], Database],
        pseudonyms: Pseudonyms,
        clock: Callable[[], float] = time.time,
        write_seconds: float | None = WRITE_SECONDS,
    ) -> None:
        """`write_seconds`: how often what was counted is written; None: only when told to."""
        self._database = database
        self._pseudonyms = pseudonyms
        self._clock = clock
        self._write_seconds = write_seconds
        self._lock = threading.Lock()
        self._windows: OrderedDict[_Key, _Window] = OrderedDict()
        self._unwritten: set[_Key] = set()
        self._writer: threading.Thread | None = None
        self._work = threading.Event()
        self._hurry = threading.Event()
        self._closed = threading.Event()
        self._away = False
        self._removed = -math.inf

    def count(self, caller: str, limits: Sequence[Limit]) -> None:
        """Count one request of the caller, or raise TooManyRequests and count nothing."""
        if not limits:
            return
        now = self._clock()
        with self._lock:
            windows = [(limit, self._window(caller, limit, now)) for limit in limits]
            full = [window.end for limit, window in windows if window.used >= limit.count]
            if full:
                raise TooManyRequests(max(1, math.ceil(max(full) - now)))
            for limit, window in windows:
                window.unwritten += 1
                self._unwritten.add((caller, limit))
                if window.unwritten * 10 >= limit.count:
                    self._hurry.set()
            if self._writer is None and self._write_seconds is not None:
                self._writer = self._start()
        self._work.set()

    def is_over(self, caller: str, limits: Sequence[Limit]) -> bool:
        """Whether the caller has used up one of the limits; nothing is counted."""
        now = self._clock()
        with self._lock:
            windows = [(limit, self._windows.get((caller, limit))) for limit in limits]
            return any(
                window is not None and _is_open(window, limit, now) and window.used >= limit.count
                for limit, window in windows
            )

    def write(self) -> None:
        """Add to the database what was counted since the last time, and learn the totals.

        Raises what keeps the database or the key away; nothing is forgotten then.
        """
        taken = self._take()
        if not taken:
            return
        database = self._database()
        portions = [
            Portion(self._row(key), datetime.fromtimestamp(end, UTC), number)
            for key, end, number in taken
        ]
        totals = database.run(lambda connection: add(connection, portions), seconds=_TRY_SECONDS)
        self._learn(taken, totals)
        if time.monotonic() - self._removed > _REMOVE_SECONDS:
            self._removed = time.monotonic()
            database.run(remove_ended, seconds=_TRY_SECONDS)

    def close(self) -> None:
        """Write nothing more; a write that is under way is waited for, some seconds at most."""
        self._closed.set()
        self._work.set()
        self._hurry.set()
        if self._writer is not None:
            self._writer.join(_TRY_SECONDS)

    def _window(self, caller: str, limit: Limit, now: float) -> _Window:
        key = (caller, limit)
        window = self._windows.get(key)
        if window is None or not _is_open(window, limit, now):
            window = _Window((now // limit.seconds + 1) * limit.seconds)
            self._windows[key] = window
        self._windows.move_to_end(key)
        if len(self._windows) > _CALLERS_REMEMBERED:
            self._unwritten.discard(self._windows.popitem(last=False)[0])
        return window

    def _row(self, key: _Key) -> str:
        caller, limit = key
        return self._pseudonyms.of("requests", caller, str(limit.seconds))

    def _take(self) -> list[tuple[_Key, float, int]]:
        now = self._clock()
        with self._lock:
            windows = [(key, self._windows[key]) for key in self._unwritten]
            over = [key for key, window in windows if window.end <= now]
            self._unwritten.difference_update(over)
            return [
                (key, window.end, window.unwritten) for key, window in windows if window.end > now
            ][:_WRITTEN_AT_ONCE]

    def _learn(self, taken: Sequence[tuple[_Key, float, int]], totals: Sequence[int]) -> None:
        with self._lock:
            for (key, end, number), total in zip(taken, totals, strict=True):
                window = self._windows.get(key)
                if window is None or window.end != end:
                    continue
                window.known = total
                window.unwritten -= number
                if not window.unwritten:
                    self._unwritten.discard(key)

    def _start(self) -> threading.Thread:
        thread = threading.Thread(target=self._write_on, name="request limits", daemon=True)
        thread.start()
        return thread

    def _write_on(self) -> None:
        while not self._closed.is_set():
            self._work.wait()
            self._hurry.wait(self._write_seconds)
            self._work.clear()
            self._hurry.clear()
            if not self._closed.is_set():
                self._write_if_possible()
            if self._unwritten:
                self._work.set()

    def _write_if_possible(self) -> None:
        """A database that is away is left alone for some seconds."""
        try:
            self.write()
            self._away = False
        except (RowpostError, SQLAlchemyError) as error:
            if not self._away:
                log.warning("requests are counted in memory for now: %s", type(error).__name__)
            self._away = True
            self._closed.wait(_REST_SECONDS)
