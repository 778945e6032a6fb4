"""Queue functions on a storage queue, against Azurite."""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import azure.functions as func
import pytest
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from standalone.host_json import QueueOptions
from standalone.index import QueueFunction
from standalone.invocation import Invocations
from standalone.storage_queues import StorageQueue, UnknownStorage
from tests.support.standalone import wait_until

WAIT = 20
OPTIONS = QueueOptions(
    batchSize=1,
    maxDequeueCount=2,
    maxPollingInterval=timedelta(milliseconds=50),
    visibilityTimeout=timedelta(0),
)

Listen = Callable[[Callable[[func.QueueMessage], None]], QueueClient]


@pytest.fixture
def listen(azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listen]:
    """Starts a queue function on a queue of its own, and gives that queue."""
    monkeypatch.setenv("TestStorage", azurite)
    stop, started = threading.Event(), list[StorageQueue]()
    invocations = Invocations(2)

    def listen(call: Callable[[func.QueueMessage], None]) -> QueueClient:
        name = f"work-{uuid.uuid4().hex[:12]}"
        function = QueueFunction("take", "message", call, name, "TestStorage")
        started.append(StorageQueue(function, OPTIONS, invocations, stop))
        started[-1].start()
        client = QueueClient.from_connection_string(
            azurite, name, message_encode_policy=TextBase64EncodePolicy()
        )
        wait_until(lambda: exists(client), WAIT, "the queue")
        return client

    yield listen
    stop.set()
    for listening in started:
        listening.join(WAIT)
    invocations.close()


def exists(client: QueueClient) -> bool:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        client.get_queue_properties()
    except ResourceNotFoundError:
        return False
    return True


def length(client: QueueClient) -> int:
    return int(client.get_queue_properties().approximate_message_count or 0)


def test_a_message_is_decoded_handed_over_and_deleted(listen: Listen) -> None:
    taken: queue.Queue[func.QueueMessage] = queue.Queue()
    client = listen(lambda message: taken.put(message))

    client.send_message('{"lane": "é"}')

    message = taken.get(timeout=WAIT)
    assert message.get_json() == {"lane": "é"}
    assert (message.dequeue_count, bool(message.id)) == (1, True)
    wait_until(lambda: length(client) == 0, WAIT, "an empty queue")


def test_a_message_that_fails_comes_again_and_then_moves_to_the_poison_queue(
    listen: Listen, azurite: str
) -> None:
    taken: queue.Queue[int | None] = queue.Queue()

    def fail(message: func.QueueMessage) -> None:
        taken.put(message.dequeue_count)
        raise ValueError("never works")

    client = listen(fail)
    client.send_message("bad")

    assert [taken.get(timeout=WAIT) for _ in range(2)] == [1, 2]
    poison = QueueClient.from_connection_string(azurite, f"{client.queue_name}-poison")
    wait_until(lambda: exists(poison) and length(poison) == 1, WAIT, "the poison queue")
    wait_until(lambda: length(client) == 0, WAIT, "an empty queue")
    assert taken.empty()


def test_a_message_that_is_not_base64_ends_in_the_poison_queue(
    listen: Listen, azurite: str
) -> None:
    client = listen(lambda message: pytest.fail("it cannot be read"))
    QueueClient.from_connection_string(azurite, client.queue_name).send_message("not base64!")

    poison = QueueClient.from_connection_string(azurite, f"{client.queue_name}-poison")
    wait_until(lambda: exists(poison) and length(poison) == 1, WAIT, "the poison queue")


def test_a_missing_connection_is_told_by_its_name() -> None:
    function = QueueFunction("take", "message", print, "work", "NoSuchStorage")
    with pytest.raises(UnknownStorage, match="NoSuchStorage"):
        StorageQueue(function, OPTIONS, Invocations(1), threading.Event())
