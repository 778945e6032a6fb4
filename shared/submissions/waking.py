"""Waking a sender for what was just stored; whoever stored it is answered meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from shared.background import Soon
from shared.delivery.wakeups import FOR_WEBHOOKS, Wakeup, WakeupNotPut, WakeupQueue
from shared.errors import RowpostError
from shared.outbox.states import Lane
from shared.webhooks.presence import Presence

log = logging.getLogger("rowpost.intake")

_WAKE_UP = Wakeup((Lane.IMMEDIATE,))


class Waker:
    """Lets a sender look for immediate emails now, or for what webhooks are to be told. Should that
    fail, the next tick does.

    `away`: the queue is not in this process, so its answer is waited for on another thread.
    """

    def __init__(
        self, wakeups: Callable[[], WakeupQueue], webhooks: Presence, *, away: bool
    ) -> None:
        self._wakeups = wakeups
        self._webhooks = webhooks
        self._soon = Soon(self._put, "waking a sender") if away else None
        self._telling = Soon(self._put_for_webhooks, "waking for webhooks")

    def wake(self) -> None:
        """Emails are due; webhooks are told, too, while they are sent."""
        if self._soon is not None:
            self._soon.ask()
        else:
            self._put()

    def wake_now(self) -> None:
        """The same, for a process that ends right after: it waits for the queue's answer."""
        self._put()

    def tell(self) -> None:
        """Something has happened, and nothing is due: only webhooks are told, if there are any."""
        if not self._webhooks.is_ruled_out:
            self._telling.ask()

    def _put(self) -> None:
        try:
            self._wakeups().put(_WAKE_UP)
        except WakeupNotPut as error:
            log.warning("%s; the timer sends what was stored", error)

    def _put_for_webhooks(self) -> None:
        try:
            if self._webhooks.is_there():
                self._wakeups().put(FOR_WEBHOOKS)
        except (RowpostError, SQLAlchemyError) as error:
            log.warning("webhooks are told by the next tick: %s", type(error).__name__)
