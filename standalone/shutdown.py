"""Stopping by Ctrl-C or SIGTERM: once in good order and within a deadline, twice at once."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import FrameType

log = logging.getLogger(__name__)

GRACE_SECONDS = 9.0
_LOOK_SECONDS = 0.5


class StopSignal:
    """Takes SIGINT and SIGTERM from when it is made; only the main thread may make it."""

    def __init__(self) -> None:
        # put() of a SimpleQueue is safe within a signal handler, Event.set() is not.
        self._signals: SimpleQueue[int] = SimpleQueue()
        self._seen = False
        signal.signal(signal.SIGINT, self._take)
        signal.signal(signal.SIGTERM, self._take)

    def wait(self, alive: Callable[[], bool] = lambda: True) -> bool:
        """Block until a signal comes (True), or until `alive` says no (False)."""
        while alive():
            try:
                self._signals.get(timeout=_LOOK_SECONDS)
            except Empty:
                continue
            return True
        return False

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self._seen:
            os._exit(128 + number)
        self._seen = True
        self._signals.put(number)


def exit_after(seconds: float, unfinished: Callable[[], list[str]]) -> None:
    """End the process with code 0 then, whatever still runs; leases give its emails back."""

    def give_up() -> None:
        log.warning("stopped with work unfinished: %s", ", ".join(unfinished()) or "threads")
        logging.shutdown()
        os._exit(0)

    deadline = threading.Timer(seconds, give_up)
    deadline.daemon = True
    deadline.start()
