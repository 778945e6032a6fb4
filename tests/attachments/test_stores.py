"""What every store promises, and what each does when it cannot be used."""

from __future__ import annotations

import os
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.attachments.blobs import BlobStore
from shared.attachments.folder import FolderStore
from shared.attachments.names import new_key
from shared.attachments.store import (
    CHUNK,
    AttachmentGone,
    AttachmentStore,
    AttachmentStoreUnavailable,
    within,
)
from shared.settings import Settings
from tests.support.tools import free_port

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


def key(name: str = "report.pdf") -> str:
    return new_key(name, NOW)


def content(store: AttachmentStore, name: str) -> bytes:
    return b"".join(store.read(name))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, 9 * CHUNK + 1])
def test_a_file_is_read_as_it_was_written(store: AttachmentStore, size: int) -> None:
    written = os.urandom(1) * size
    name = key()

    store.write(name, [written[:7], written[7:]])

    assert content(store, name) == written


def test_a_file_that_is_not_there_is_gone(store: AttachmentStore) -> None:
    with pytest.raises(AttachmentGone, match="no longer"):
        content(store, key())


def test_a_deleted_file_is_gone_and_may_be_deleted_again(store: AttachmentStore) -> None:
    name = key()
    store.write(name, [b"x"])

    store.delete(name)
    store.delete(name)

    with pytest.raises(AttachmentGone):
        content(store, name)


@pytest.mark.parametrize("after", [0, 10])
def test_what_breaks_off_leaves_nothing(store: AttachmentStore, after: int) -> None:
    class Broken(OSError):
        pass

    def chunks() -> Iterator[bytes]:
        for _ in range(after):
            yield b"x" * CHUNK
        raise Broken

    name = key()
    with pytest.raises(Broken):
        store.write(name, chunks())

    with pytest.raises(AttachmentGone):
        content(store, name)


@pytest.mark.parametrize(
    "wrong",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "email_attachments/2026/11/21/../../../x",
        "email_attachments/2026/11/21/" + "0" * 32 + "-../x",
        "email_attachments/2026/11/21/" + "0" * 32 + "-x\n",
        "",
        "secrets",
    ],
)
def test_nothing_but_a_key_of_ours_is_ever_touched(store: AttachmentStore, wrong: str) -> None:
    for call in (
        lambda: store.write(wrong, [b"x"]),
        lambda: content(store, wrong),
    ):
        with pytest.raises(AttachmentGone):
            call()
    store.delete(wrong)


def test_several_threads_write_and_read_at_once(store: AttachmentStore) -> None:
    names = [key(f"{number}.bin") for number in range(8)]
    read: dict[str, bytes] = {}

    def there_and_back(name: str) -> None:
        store.write(name, [name.encode()] * 100)
        read[name] = content(store, name)

    threads = [threading.Thread(target=there_and_back, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert read == {name: name.encode() * 100 for name in names}


def test_a_large_file_is_never_in_memory_as_a_whole(store: AttachmentStore) -> None:
    store.check()
    name = key()
    piece = b"0123456789abcdef" * (CHUNK // 16)

    tracemalloc.start()
    try:
        store.write(name, (piece for _ in range(40)))
        size = sum(len(chunk) for chunk in store.read(name))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size == 40 * CHUNK
    assert peak < 24 * CHUNK


def test_a_store_that_works_says_so(store: AttachmentStore) -> None:
    store.check()


def test_a_file_that_comes_too_slowly_is_given_up() -> None:
    with pytest.raises(AttachmentStoreUnavailable, match="longer than"):
        list(within(-1.0, [b"a", b"b"]))


# The folder


def test_the_folders_files_are_for_this_user_only(tmp_path: Path) -> None:
    name = key()
    FolderStore(tmp_path / "attachments").write(name, [b"x"])

    file = tmp_path / "attachments" / name
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "attachments").stat().st_mode & 0o777 == 0o700
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_what_a_killed_write_left_goes_with_its_key(tmp_path: Path) -> None:
    store, name = FolderStore(tmp_path), key()
    left = tmp_path / f"{name}.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half of it")

    store.delete(name)

    assert not left.exists()


def test_a_folder_that_cannot_be_used_is_told_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = FolderStore(tmp_path / "file" / "attachments")

    for call in (
        lambda: store.write(key(), [b"x"]),
        lambda: content(store, key()),
        lambda: store.delete(key()),
        store.check,
    ):
        with pytest.raises(AttachmentStoreUnavailable, match="cannot be used") as raised:
            call()
        assert str(tmp_path) not in str(raised.value)


# Blob storage


@pytest.fixture
def deaf(azurite: str) -> BlobStore:
    """A storage account that nobody answers for."""
    account = azurite.partition(";BlobEndpoint")[0]
    address = f"http://127.0.0.1:{free_port()}/devstoreaccount1"
    return BlobStore(Settings(storage=f"{account};BlobEndpoint={address}"))


def test_a_storage_account_that_does_not_answer_is_away(deaf: BlobStore) -> None:
    with pytest.raises(AttachmentStoreUnavailable, match="does not answer") as raised:
        content(deaf, key())

    assert "127.0.0.1" not in str(raised.value)


def test_a_storage_account_that_refuses_us_says_what_to_grant(azurite: str) -> None:
    head, _, tail = azurite.partition("AccountKey=")
    foreign = head + "AccountKey=" + "A" * 86 + "==;" + tail.split(";", 1)[1]

    with pytest.raises(AttachmentStoreUnavailable, match="gives no access"):
        BlobStore(Settings(storage=foreign)).check()


@pytest.mark.parametrize("text", ["nonsense", "AccountKey=secretsecret", "AccountName=a;secret"])
def test_a_wrong_connection_string_is_named_and_not_shown(text: str) -> None:
    with pytest.raises(AttachmentStoreUnavailable) as raised:
        BlobStore(Settings(storage=text)).check()

    assert "secret" not in f"{raised.value!r}"


def test_blobs_are_for_saving_and_not_for_showing(azurite: str) -> None:
    from azure.storage.blob import BlobServiceClient

    store, name = BlobStore(Settings(storage=azurite)), key("page.html")
    store.write(name, [b"<script>"])

    blob = BlobServiceClient.from_connection_string(azurite).get_blob_client(
        "email-attachments", name
    )
    settings = blob.get_blob_properties().content_settings
    assert settings.content_type == "application/octet-stream"
    assert settings.content_disposition == "attachment"
