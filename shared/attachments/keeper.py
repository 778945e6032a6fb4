"""Keeping files for emails: stored before their email, deleted when no email holds them.

The order makes it safe: a file is noted as loose, then stored, then taken in the transaction that
stores its email. Given up, it is loose again before it is deleted.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from shared.attachments.names import new_key, safe_name
from shared.attachments.store import AttachmentStore, AttachmentStoreUnavailable
from shared.database.database import Database
from shared.errors import RowpostError
from shared.outbox import loose_files
from shared.outbox.attachments import StoredAttachment

log = logging.getLogger("rowpost.attachments")

_MOST_SWEPT = 200
_SWEEP_SECONDS = 20.0
_SWEEP_EVERY_SECONDS = 3600.0


class FileTooLarge(RowpostError):
    """A file, or all of an email's together, is larger than it may be."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as somebody hands it over; `chunks` may come straight from the network.

    `content_type`, `content_id`: as StoredAttachment has them.
    """

    filename: str
    chunks: Iterable[bytes] = field(repr=False)
    content_type: str | None = None
    content_id: str | None = None


class AttachmentKeeper:
    """The files of one application's emails. Safe to use from any thread.

    Raises DatabaseUnreachable, like everything that asks the database.
    """

    def __init__(
        self,
        store: AttachmentStore,
        database: Callable[[], Database],
        clock: Callable[[], datetime],
    ) -> None:
        self.store = store
        self._database = database
        self._clock = clock
        self._sweep_at = 0.0

    def keep(self, upload: Upload, most: int) -> StoredAttachment:
        """Store a file for an email, which is to take it within a day: `NewEmail.attachments`.

        `most`: bytes. Raises FileTooLarge, AttachmentStoreUnavailable, and what the chunks raise;
        then nothing is kept.
        """
        name = safe_name(upload.filename)
        key = new_key(name, self._clock())
        self._database().run(partial(loose_files.note, key=key))
        content = _Measured(upload.chunks, most)
        try:
            self.store.write(key, content)
        except AttachmentStoreUnavailable:
            raise
        except Exception:
            self.discard([key])
            raise
        return StoredAttachment(
            key, name, content.size, content.sha256, upload.content_type, upload.content_id
        )

    def discard(self, keys: Sequence[str]) -> None:
        """Delete files that were kept for an email which was not stored after all.

        A file that an email has taken stays: it is safe to call this after an uncertain commit.
        """
        self._delete(self._database().run(partial(loose_files.give_up, keys=keys)))

    def sweep(self) -> int:
        """Delete files that no email has taken within a day; answers how many.

        200 at most, for about 20 seconds at most, and once an hour unless more are left. A store
        that is away is left alone until the next time.
        """
        if time.monotonic() < self._sweep_at:
            return 0
        self._sweep_at = time.monotonic() + _SWEEP_EVERY_SECONDS
        with self._database().read() as connection:
            due = loose_files.due(connection, _MOST_SWEPT)
        deleted = self._delete(due)
        if due and deleted == len(due) == _MOST_SWEPT:
            self._sweep_at = 0.0
        return deleted

    def _delete(self, keys: Sequence[str]) -> int:
        """Delete loose files that are due; what is not done in time is left to the sweep."""
        deleted: list[str] = []
        deadline = time.monotonic() + _SWEEP_SECONDS
        try:
            for key in keys:
                self.store.delete(key)
                deleted.append(key)
                if time.monotonic() > deadline:
                    break
        except AttachmentStoreUnavailable as error:
            log.warning("%d files are deleted later: %s", len(keys) - len(deleted), error)
        if deleted:
            self._database().run(partial(loose_files.forget, keys=deleted))
        return len(deleted)


class _Measured:
    """The chunks as they pass, counted and hashed."""

    def __init__(self, chunks: Iterable[bytes], most: int) -> None:
        self._chunks = chunks
        self._most = most
        self._hash = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            if self.size > self._most:
                raise FileTooLarge(f"the file is larger than {self._most} bytes")
            self._hash.update(chunk)
            yield chunk

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()
