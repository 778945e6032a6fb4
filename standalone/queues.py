"""The queue of one process: wakeups become messages for the queue-triggered function."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from threading import Event, Thread

from azure.functions.queue import QueueMessage

from standalone.index import QueueFunction
from standalone.invocation import Invocations

NextBody = Callable[[float], str | None]
"""The next message's text, or None when none came within that many seconds."""

_WAIT_SECONDS = 0.25


class InProcessQueue:
    """Hands messages to one function, one at a time, until `stop` is set."""

    def __init__(
        self, function: QueueFunction, next_body: NextBody, invocations: Invocations, stop: Event
    ) -> None:
        self._function = function
        self._next_body = next_body
        self._invocations = invocations
        self._stop = stop
        self._thread = Thread(target=self._repeat, name=f"queue {function.queue}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait for the message at work, up to `timeout` seconds."""
        self._thread.join(timeout)

    def _repeat(self) -> None:
        while not self._stop.is_set():
            body = self._next_body(_WAIT_SECONDS)
            if body is not None:
                self._invocations.run_logged(self._function, queue_message(body))


def queue_message(body: str) -> QueueMessage:
    """A message as the host hands it over, delivered for the first time."""
    return QueueMessage(id=str(uuid.uuid4()), body=body, dequeue_count=1)
