"""Files for this user's eyes only, replaced whole or not at all, by one process at a time."""

from __future__ import annotations

import fcntl
import logging
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import RowpostError

MODE = 0o600
_OURS = ("key*", "secrets*", "rowpost.db*", "rowpost.log*", "mail", "attachments")

_log = logging.getLogger(__name__)

_LOOK_AGAIN_SECONDS = 0.01


class FolderUnusable(RowpostError):
    """The data folder cannot be made or written."""


def private_folder(folder: Path) -> None:
    """Make the data folder, its owner's alone, and close what is in it to others.

    Of what is there already only what is Rowpost's own: somebody may keep other things beside it.
    Raises FolderUnusable.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in (folder, *(path for name in _OURS for path in folder.glob(name))):
            close_to_others(path)
    except OSError as error:
        raise FolderUnusable(
            f"The data folder cannot be used ({error.strerror or error}): make it writable for "
            "this user, or set ROWPOST_DATA to another one."
        ) from error


def close_to_others(path: Path) -> None:
    """Take the rights away that others have; one who may not is told, and goes on."""
    status = path.stat()
    if not stat.S_IMODE(status.st_mode) & 0o077 or status.st_mode & stat.S_ISVTX:
        return
    try:
        path.chmod(0o700 if stat.S_ISDIR(status.st_mode) else MODE)
    except PermissionError:
        _log.warning("%s in the data folder can be read by others: close it to them.", path.name)


def replace(path: Path, content: bytes) -> None:
    """Put `content` in place of the file, safe against a crash or power cut at any moment.

    Only inside `locked(path)`: the new content waits under one fixed name, where the next writer
    clears away what a killed one left.
    """
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync_folder(path.parent)


@contextmanager
def locked(path: Path, wait_seconds: float = 10.0) -> Iterator[None]:
    """Keep every other thread and process out that locks the same path; the folder is made.

    The system frees the lock of a process that dies. Raises TimeoutError after `wait_seconds`.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, MODE)
    try:
        _wait_for(lock, time.monotonic() + wait_seconds)
        yield
    finally:
        os.close(lock)


def _wait_for(lock: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise TimeoutError("Another process holds the file for too long.") from None
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            return


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
