"""Timer functions: each in a thread of its own, so that a tick never runs twice at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from threading import Event, Thread

from azure.functions.timer import TimerRequest

from standalone.index import TimerFunction
from standalone.invocation import Invocations
from standalone.ncrontab import Schedule, parse

log = logging.getLogger(__name__)

# A wait is cut in pieces, so that a clock that was set or a machine that slept is noticed.
_LONGEST_WAIT_SECONDS = 30.0


class Timers:
    """The timer functions of one host, from `start` until `stop` is set."""

    def __init__(
        self, functions: Iterable[TimerFunction], invocations: Invocations, stop: Event
    ) -> None:
        """Raises InvalidSchedule."""
        self._invocations = invocations
        self._stop = stop
        self._threads = [
            Thread(
                target=self._repeat,
                args=(function, parse(function.schedule)),
                name=f"timer {function.name}",
                daemon=True,
            )
            for function in functions
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self, timeout: float) -> None:
        """Wait for the ticks that run, up to `timeout` seconds for each."""
        for thread in self._threads:
            thread.join(timeout)

    def _repeat(self, function: TimerFunction, schedule: Schedule) -> None:
        due = schedule.next_after(datetime.now(UTC))
        while not self._stop.is_set():
            wait = (due - datetime.now(UTC)).total_seconds()
            if wait > 0:
                self._stop.wait(min(wait, _LONGEST_WAIT_SECONDS))
                continue
            log.debug("timer %s is due", function.name)
            self._invocations.run_logged(function, TimerRequest(past_due=False))
            due = schedule.next_after(datetime.now(UTC))
