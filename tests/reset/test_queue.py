"""The queue of events: what is understood is deleted, what is not ends in the poison queue."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient, TextBase64DecodePolicy, TextBase64EncodePolicy

from standalone.host_json import QueueOptions
from standalone.index import QueueFunction
from standalone.invocation import Invocations
from standalone.storage_queues import StorageQueue
from tests.reset.conftest import CODE, Begin
from tests.reset.test_events import event, trigger
from tests.support.smtp import SmtpServer
from tests.support.standalone import wait_until

WAIT = 20
OPTIONS = QueueOptions(
    batchSize=1,
    maxDequeueCount=5,
    maxPollingInterval=timedelta(milliseconds=20),
    visibilityTimeout=timedelta(0),
)


@pytest.fixture
def events(azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[QueueClient]:
    """A queue whose messages the real function takes."""
    monkeypatch.setenv("TestStorage", azurite)
    name, stop, invocations = f"events-{uuid.uuid4().hex[:12]}", threading.Event(), Invocations(1)
    function = QueueFunction("password_reset_event", "message", trigger(), name, "TestStorage")
    listening = StorageQueue(function, OPTIONS, invocations, stop)
    with queue(azurite, name) as client:
        client.create_queue()
        listening.start()
        yield client
        stop.set()
        listening.join(WAIT)
        invocations.close()
        client.delete_queue()


def queue(azurite: str, name: str) -> QueueClient:
    return QueueClient.from_connection_string(
        azurite,
        name,
        message_encode_policy=TextBase64EncodePolicy(),
        message_decode_policy=TextBase64DecodePolicy(),
    )


def length(client: QueueClient) -> int:
    try:
        return int(client.get_queue_properties().approximate_message_count or 0)
    except ResourceNotFoundError:
        return 0


def test_an_event_is_taken_from_the_queue_and_deleted(
    begin: Begin, smtp_server: Callable[..., SmtpServer], events: QueueClient
) -> None:
    here = begin(smtp_server())

    for _ in range(3):
        events.send_message(event(timestamp="2999-01-01T00:00:00Z").decode())

    wait_until(lambda: length(events) == 0, WAIT, "an empty queue")
    assert len(here.queue.emails()) == 1


def test_an_event_that_nobody_understands_is_buried_after_five_tries(
    begin: Begin,
    smtp_server: Callable[..., SmtpServer],
    events: QueueClient,
    azurite: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    here = begin(smtp_server())
    bad = event(email=None).decode()

    events.send_message(bad)

    with queue(azurite, f"{events.queue_name}-poison") as poison:
        wait_until(lambda: length(poison) == 1, WAIT, "the poison queue")
        (buried,) = poison.receive_messages()
        poison.delete_queue()
    assert buried.content == bad
    assert length(events) == 0
    assert not here.queue.emails()
    assert caplog.text.count("is refused: email: Field required") == 5
    assert CODE not in "".join(record.getMessage() for record in caplog.records)
