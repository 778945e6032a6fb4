"""Wakeups for senders. SQL holds the truth; a lost or doubled one does no harm."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import RowpostError
from shared.outbox.states import Lane
from shared.settings import Settings

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

QUEUE_NAME = "drain-requests"
_MOST_WAITING = 100
_PUT_SECONDS = 5


class BadWakeup(RowpostError):
    """A message on the queue that is no wakeup of ours."""


class WakeupNotPut(RowpostError):
    """The queue does not take the wakeup; the next tick of the timer does without."""


class _Written(BaseModel):
    model_config = ConfigDict(extra="ignore")

    lanes: tuple[Lane, ...]
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wakeup:
    """What a woken sender may claim: these lanes, the scheduled one until the window closes.
    Without a lane it claims nothing, and sees to it that webhooks are told of what happened."""

    lanes: tuple[Lane, ...]
    until: datetime | None = None
    """When `scheduled` ends; None: not before the queue is empty."""

    @classmethod
    def parse(cls, text: str) -> Wakeup:
        """The wakeup that a message holds. Raises BadWakeup."""
        try:
            written = _Written.model_validate_json(text)
        except ValidationError as error:
            raise BadWakeup("the message on drain-requests is no wakeup") from error
        return cls(written.lanes, written.until)

    def to_text(self) -> str:
        return _Written(lanes=self.lanes, until=self.until).model_dump_json()


FOR_WEBHOOKS = Wakeup(())


class WakeupQueue(Protocol):
    """Where wakeups are put so that a sender wakes up."""

    def put(self, wakeup: Wakeup) -> None:
        """Wake a sender. Raises WakeupNotPut."""
        ...

    def check(self) -> None:
        """Whether wakeups could be put now. Raises WakeupNotPut."""
        ...


class InProcessWakeups:
    """Wakeups for a thread of this process. One like another that waits says nothing new: whoever
    takes it sees all that was stored until then."""

    def __init__(self) -> None:
        self._waiting: dict[Wakeup, None] = {}
        self._changed = threading.Condition()

    def put(self, wakeup: Wakeup) -> None:
        with self._changed:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting[wakeup] = None
                self._changed.notify()

    def check(self) -> None:
        """This process is always there."""

    def get(self, timeout: float) -> Wakeup | None:
        """The next wakeup, waited for so many seconds at most."""
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self._waiting), timeout):
                return None
            wakeup = next(iter(self._waiting))
            del self._waiting[wakeup]
            return wakeup


class StorageWakeups:
    """Wakeups on the Azure Storage queue `drain-requests`, base64 as the Functions host wants."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def put(self, wakeup: Wakeup) -> None:
        from azure.core.exceptions import AzureError

        try:
            self._client.send_message(wakeup.to_text(), timeout=_PUT_SECONDS)
        except AzureError as error:
            raise WakeupNotPut("the storage queue did not take a wakeup") from error

    def check(self) -> None:
        from azure.core.exceptions import AzureError

        try:
            self._client.get_queue_properties(timeout=_PUT_SECONDS)
        except AzureError as error:
            raise WakeupNotPut(
                "the storage account does not answer, or gives no access to its queues"
            ) from error

    @cached_property
    def _client(self) -> QueueClient:
        """The queue, made if it is not there; by connection string, else by identity."""
        from azure.core.exceptions import ResourceExistsError
        from azure.storage.queue import LinearRetry, QueueClient, TextBase64EncodePolicy

        options: dict[str, Any] = {
            "message_encode_policy": TextBase64EncodePolicy(),
            "connection_timeout": _PUT_SECONDS,
            "read_timeout": _PUT_SECONDS,
            # The library's own pause before it tries again is 15 seconds.
            "retry_policy": LinearRetry(backoff=1, retry_total=1, random_jitter_range=1),
        }
        if self._settings.storage:
            client = QueueClient.from_connection_string(
                self._settings.storage, QUEUE_NAME, **options
            )
        else:
            from azure.identity import DefaultAzureCredential

            client = QueueClient(
                f"https://{self._settings.storage_account}.queue.core.windows.net",
                QUEUE_NAME,
                credential=DefaultAzureCredential(),
                **options,
            )
        with suppress(ResourceExistsError):
            client.create_queue()
        return client


def wakeups_worth_while(waiting: int, senders_at_most: int, emails_each: int = 2_000) -> int:
    """How many further senders are worth waking for so many waiting emails."""
    return min(senders_at_most, -(-waiting // emails_each)) if waiting > 0 else 0


def wakeup_queue(settings: Settings) -> WakeupQueue:
    """Azure Storage where it is set, else this process."""
    if settings.has_storage:
        return StorageWakeups(settings)
    return InProcessWakeups()
