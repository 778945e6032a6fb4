"""Files kept in a folder of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from shared.attachments.names import is_key
from shared.attachments.store import (
    CHUNK,
    LONGEST_SECONDS,
    AttachmentGone,
    AttachmentStoreUnavailable,
    within,
)

_FILE_MODE = 0o600
_FOLDER_MODE = 0o700


class FolderStore:
    """An AttachmentStore below one folder, which is made when the first file comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        path = self._path(key)
        draft = _draft(path)
        with _translated():
            self._make(path.parent)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        try:
            _fill(descriptor, within(LONGEST_SECONDS, chunks))
            with _translated():
                draft.replace(path)
                _sync(path.parent)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def read(self, key: str) -> Iterator[bytes]:
        path = self._path(key)
        with _translated():
            try:
                file = path.open("rb", buffering=0)
            except FileNotFoundError:
                raise AttachmentGone("the file is no longer in the attachment store") from None
        with file:
            while chunk := _next(file):
                yield chunk

    def delete(self, key: str) -> None:
        if not is_key(key):
            return
        path = self._path(key)
        with _translated():
            for file in (_draft(path), path):
                file.unlink(missing_ok=True)

    def check(self) -> None:
        with _translated():
            self._make(self._folder)
        if not os.access(self._folder, os.R_OK | os.W_OK | os.X_OK):
            raise AttachmentStoreUnavailable("the folder for attachments may not be written")

    def _path(self, key: str) -> Path:
        if not is_key(key):
            raise AttachmentGone("this is not the key of a stored file")
        return self._folder / key

    def _make(self, folder: Path) -> None:
        """With those above it, each on the disk before anything is put into it."""
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        for one in reversed(missing):
            with suppress(FileExistsError):
                one.mkdir(_FOLDER_MODE)
            _sync(one.parent)


def _fill(descriptor: int, chunks: Iterable[bytes]) -> None:
    with os.fdopen(descriptor, "wb") as file:
        for chunk in chunks:
            with _translated():
                file.write(chunk)
        with _translated():
            file.flush()
            os.fsync(file.fileno())


def _next(file: FileIO) -> bytes:
    with _translated():
        return file.read(CHUNK)


def _draft(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated() -> Iterator[None]:
    """Errors of the file system as ours, without the path."""
    try:
        yield
    except OSError as error:
        raise AttachmentStoreUnavailable(
            f"the folder for attachments cannot be used: {error.strerror or type(error).__name__}"
        ) from error
