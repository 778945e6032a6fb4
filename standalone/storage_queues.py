"""Queue functions on Azure Storage, with the retry and poison rules of the Functions host.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger
"""

from __future__ import annotations

import binascii
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import azure.functions.queue as functions_queue

from shared.errors import RowpostError
from standalone.host_json import QueueOptions
from standalone.index import QueueFunction
from standalone.invocation import Invocations

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient, QueueMessage

log = logging.getLogger(__name__)

_SHORTEST_LEASE_SECONDS = 30
_OUTAGE_SECONDS = 5.0


class UnknownStorage(RowpostError):
    """The setting that a queue function names as its connection is missing."""


class StorageQueue:
    """Polls one queue for one function, `batch_size` messages at once, until `stop` is set."""

    def __init__(
        self, function: QueueFunction, options: QueueOptions, invocations: Invocations, stop: Event
    ) -> None:
        """Raises UnknownStorage. Nothing is asked of the storage before `start`."""
        self._function = function
        self._options = options
        self._pause = options.max_polling_interval.total_seconds()
        self._invocations = invocations
        self._stop = stop
        self._queue = _client(function.connection, function.queue)
        self._poison = _client(function.connection, f"{function.queue}-poison")
        self._threads = [
            Thread(target=self._repeat, name=f"queue {function.queue} {n}", daemon=True)
            for n in range(options.batch_size)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self, timeout: float) -> None:
        """Wait for the messages at work, up to `timeout` seconds for each."""
        for thread in self._threads:
            thread.join(timeout)

    def _repeat(self) -> None:
        while not self._stop.is_set():
            try:
                wait = 0.0 if self._take_one() else self._pause
            except Exception:
                log.exception("queue %s cannot be read", self._function.queue)
                wait = _OUTAGE_SECONDS
            self._stop.wait(wait)

    def _take_one(self) -> bool:
        """Handle the next message; False when none waits."""
        lease = _Lease.of(self._options)
        message = _received(self._queue, lease)
        if message is None:
            return False
        if (message.dequeue_count or 1) > self._options.max_dequeue_count:
            self._bury(message)
            return True
        with lease.renewed(self._queue, message):
            done = self._call(message)
        if done:
            self._queue.delete_message(message)
        elif (message.dequeue_count or 1) >= self._options.max_dequeue_count:
            self._bury(message)
        else:
            seconds = int(self._options.visibility_timeout.total_seconds())
            self._queue.update_message(message, visibility_timeout=seconds)
        return True

    def _call(self, message: QueueMessage) -> bool:
        try:
            body = binascii.a2b_base64(message.content, strict_mode=True)
        except ValueError:
            log.error("message %s of %s is not base64", message.id, self._function.queue)
            return False
        return self._invocations.run_logged(
            self._function,
            functions_queue.QueueMessage(
                id=message.id,
                body=body,
                dequeue_count=message.dequeue_count,
                expiration_time=message.expires_on,
                insertion_time=message.inserted_on,
                time_next_visible=message.next_visible_on,
                pop_receipt=message.pop_receipt,
            ),
        )

    def _bury(self, message: QueueMessage) -> None:
        log.error("message %s of %s moves to the poison queue", message.id, self._function.queue)
        _create(self._poison)
        self._poison.send_message(message.content, time_to_live=-1)
        self._queue.delete_message(message)


@dataclass(frozen=True, slots=True)
class _Lease:
    """How long a message stays hidden from others, unless its function still runs."""

    seconds: int

    @classmethod
    def of(cls, options: QueueOptions) -> _Lease:
        configured = int(options.visibility_timeout.total_seconds())
        return cls(max(configured, _SHORTEST_LEASE_SECONDS))

    @contextmanager
    def renewed(self, queue: QueueClient, message: QueueMessage) -> Iterator[None]:
        done = Event()
        thread = Thread(target=self._renew, args=(queue, message, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _renew(self, queue: QueueClient, message: QueueMessage, done: Event) -> None:
        from azure.core.exceptions import AzureError

        while not done.wait(self.seconds / 3):
            try:
                renewed = queue.update_message(message, visibility_timeout=self.seconds)
                message.pop_receipt = renewed.pop_receipt
            except AzureError:
                log.warning("message %s could not be kept hidden", message.id, exc_info=True)


def _received(queue: QueueClient, lease: _Lease) -> QueueMessage | None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return queue.receive_message(visibility_timeout=lease.seconds)
    except ResourceNotFoundError:
        _create(queue)
        return None


def _create(queue: QueueClient) -> None:
    from azure.core.exceptions import ResourceExistsError

    try:
        queue.create_queue()
    except ResourceExistsError:
        return


def _client(connection: str, queue: str) -> QueueClient:
    """By connection string, or by identity with `<connection>__queueServiceUri`/`__accountName`."""
    from azure.storage.queue import QueueClient

    # A storage that is down is asked again by the polling loop, not by the SDK for minutes.
    bounds: Any = {"retry_total": 1, "connection_timeout": 5, "read_timeout": 10}
    if text := os.environ.get(connection):
        return QueueClient.from_connection_string(text, queue, **bounds)
    account = os.environ.get(f"{connection}__accountName")
    uri = os.environ.get(f"{connection}__queueServiceUri") or (
        f"https://{account}.queue.core.windows.net" if account else None
    )
    if uri is None:
        raise UnknownStorage(f"The app setting {connection} is missing: a queue needs its storage.")
    from azure.identity import DefaultAzureCredential

    return QueueClient(uri, queue, credential=DefaultAzureCredential(), **bounds)
