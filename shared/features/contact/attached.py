"""The file that a visitor sends along: judged before it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO, Protocol

from shared.app import Application
from shared.attachments.checks import check_file
from shared.attachments.keeper import Upload
from shared.attachments.store import CHUNK
from shared.features.contact.message import Words
from shared.outbox.attachments import StoredAttachment

MEGABYTE = 1024 * 1024


class SentFile(Protocol):
    """A file as it came in: its name is the visitor's word."""

    @property
    def filename(self) -> str: ...

    @property
    def content(self) -> BinaryIO: ...


def most_in_file(application: Application) -> int:
    """How large a visitor's file may be, in bytes."""
    return application.settings.contact_file_mb * MEGABYTE


@contextmanager
def kept(application: Application, file: SentFile | None) -> Iterator[StoredAttachment | None]:
    """The file in the store, for an email that takes it while the block runs; else it is deleted.

    Raises FileRefused, FileTooLarge or AttachmentStoreUnavailable.
    """
    if file is None:
        yield None
        return
    checked = check_file(file.filename, file.content)
    file.content.seek(0)
    upload = Upload(checked.name, _chunks(file.content), checked.content_type)
    stored = application.attachments.keep(upload, most_in_file(application))
    try:
        yield stored
    except Exception:
        application.attachments.discard([stored.key])
        raise


def named(words: Words, attachment: StoredAttachment | None) -> Words:
    """The same words with the name that the file has as an attachment."""
    return words if attachment is None else replace(words, filename=attachment.filename)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk
