"""The local Azure Storage that other tests stand on works with Microsoft's own clients."""

from __future__ import annotations

from uuid import uuid4

from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient, TextBase64DecodePolicy, TextBase64EncodePolicy


def test_a_message_put_into_a_queue_comes_out_of_it(azurite: str) -> None:
    queue = QueueClient.from_connection_string(
        azurite,
        f"test-{uuid4()}",
        message_encode_policy=TextBase64EncodePolicy(),
        message_decode_policy=TextBase64DecodePolicy(),
    )
    queue.create_queue()

    queue.send_message("grüß Gott")

    assert [message.content for message in queue.receive_messages()] == ["grüß Gott"]


def test_a_blob_is_read_back_as_it_was_written(azurite: str) -> None:
    container = BlobServiceClient.from_connection_string(azurite).create_container(
        f"test-{uuid4()}"
    )

    container.upload_blob("2026/01/02/report.pdf", b"%PDF-1.7 \x00\xff")

    assert container.download_blob("2026/01/02/report.pdf").readall() == b"%PDF-1.7 \x00\xff"
