"""Waking a sender for what was just stored; whoever stored it is answered meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable

from shared.background import Soon
from shared.delivery.wakeups import Wakeup, WakeupNotPut, WakeupQueue
from shared.outbox.states import Lane

log = logging.getLogger("rowpost.intake")

_WAKE_UP = Wakeup((Lane.IMMEDIATE,))


class Waker:
    """Lets a sender look for immediate emails now. Should that fail, the next tick does.

    `away`: the queue is not in this process, so its answer is waited for on another thread.
    """

    def __init__(self, wakeups: Callable[[], WakeupQueue], *, away: bool) -> None:
        self._wakeups = wakeups
        self._soon = Soon(self._put, "waking a sender") if away else None

    def wake(self) -> None:
        if self._soon is not None:
            self._soon.ask()
        else:
            self._put()

    def wake_now(self) -> None:
        """The same, for a process that ends right after: it waits for the queue's answer."""
        self._put()

    def _put(self) -> None:
        try:
            self._wakeups().put(_WAKE_UP)
        except WakeupNotPut as error:
            log.warning("%s; the timer sends what was stored", error)
