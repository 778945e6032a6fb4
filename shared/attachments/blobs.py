"""Files kept in Azure Blob storage, in the container `email-attachments`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.attachments.names import is_key
from shared.attachments.store import (
    CHUNK,
    LONGEST_SECONDS,
    AttachmentGone,
    AttachmentStoreUnavailable,
    within,
)
from shared.settings import Settings

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError
    from azure.storage.blob import BlobClient, ContainerClient

CONTAINER = "email-attachments"

_BOUNDS: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 20,
    "max_block_size": 4 * CHUNK,
    "max_single_put_size": 4 * CHUNK,
    # The SDK asks for nine times this much memory while it reads one.
    "max_single_get_size": CHUNK,
    "max_chunk_get_size": CHUNK,
}
_NO_ACCESS = (401, 403)


class BlobStore:
    """An AttachmentStore in one container, which is made if it is not there.

    By the connection string `AzureWebJobsStorage`, else by identity with
    `AzureWebJobsStorage__accountName`. Nothing is asked of the storage before it is first used.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        from azure.storage.blob import ContentSettings

        with _translated():
            # Should the container ever be made public, a browser still only saves what is in it.
            self._blob(key).upload_blob(
                within(LONGEST_SECONDS, chunks),
                overwrite=True,
                content_settings=ContentSettings(
                    content_type="application/octet-stream", content_disposition="attachment"
                ),
            )

    def read(self, key: str) -> Iterator[bytes]:
        with _translated():
            yield from within(LONGEST_SECONDS, self._blob(key).download_blob().chunks())

    def delete(self, key: str) -> None:
        with suppress(AttachmentGone), _translated():
            self._blob(key).delete_blob()

    def check(self) -> None:
        with _translated():
            self._container.get_container_properties()

    def _blob(self, key: str) -> BlobClient:
        if not is_key(key):
            raise AttachmentGone("this is not the key of a stored file")
        return self._container.get_blob_client(key)

    @cached_property
    def _container(self) -> ContainerClient:
        from azure.core.exceptions import ResourceExistsError

        client = self._client()
        with suppress(ResourceExistsError):
            client.create_container()
        return client

    def _client(self) -> ContainerClient:
        from azure.storage.blob import ContainerClient, LinearRetry

        retry = LinearRetry(backoff=1, retry_total=1, random_jitter_range=1)
        bounds = _BOUNDS | {"retry_policy": retry}
        if not self._settings.storage:
            from azure.identity import DefaultAzureCredential

            address = f"https://{self._settings.storage_account}.blob.core.windows.net"
            return ContainerClient(
                address, CONTAINER, credential=DefaultAzureCredential(), **bounds
            )
        try:
            return ContainerClient.from_connection_string(
                self._settings.storage, CONTAINER, **bounds
            )
        except ValueError:
            # Its words may hold a part of the connection string.
            raise AttachmentStoreUnavailable(
                "the app setting AzureWebJobsStorage is not a valid connection string"
            ) from None


@contextmanager
def _translated() -> Iterator[None]:
    """The SDK's errors as ours; its texts name servers and requests, so none of them is passed."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except AzureError as error:
        raise _ours(error) from error


def _ours(error: AzureError) -> AttachmentGone | AttachmentStoreUnavailable:
    from azure.core.exceptions import HttpResponseError

    if isinstance(error, HttpResponseError):
        if getattr(error, "error_code", None) == "BlobNotFound":
            return AttachmentGone("the file is no longer in the attachment store")
        if error.status_code in _NO_ACCESS:
            return AttachmentStoreUnavailable(
                "the storage account gives no access to the container email-attachments: "
                "grant the role Storage Blob Data Owner"
            )
    return AttachmentStoreUnavailable("the storage account does not answer as it should")
