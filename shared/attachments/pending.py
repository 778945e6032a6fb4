"""Files of emails that are being stored: kept before their email, deleted unless it takes them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from shared.attachments.keeper import AttachmentKeeper, FileTooLarge, Upload
from shared.errors import RowpostError
from shared.outbox.attachments import StoredAttachment

log = logging.getLogger("rowpost.attachments")

_MEGABYTE = 1024 * 1024


class TooMuchAttached(RowpostError):
    """An email's files are larger together than one email may carry."""


class PendingFiles:
    """The files that are kept while this is entered, for one email or several.

    What no email has `taken` by its end is deleted; should that fail, a sweep does it later.
    """

    def __init__(self, keeper: Callable[[], AttachmentKeeper], most_mb: int) -> None:
        """`most_mb`: how much all files of one email may have together."""
        self._keeper = keeper
        self._most_mb = most_mb
        self._keys: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._keys:
            return
        try:
            self._keeper().discard(sorted(self._keys))
        except RowpostError as trouble:
            log.warning("%d files are deleted later: %s", len(self._keys), trouble)

    def keep(self, uploads: Sequence[Upload]) -> tuple[StoredAttachment, ...]:
        """Keep the files of one email, in their order.

        Raises TooMuchAttached, AttachmentStoreUnavailable, DatabaseUnreachable.
        """
        room = self._most_mb * _MEGABYTE
        files: list[StoredAttachment] = []
        for upload in uploads:
            file = self._keep(upload, room)
            self._keys.add(file.key)
            room -= file.size
            files.append(file)
        return tuple(files)

    def taken(self, files: Sequence[StoredAttachment]) -> None:
        """An email that is stored holds these files from now on."""
        self._keys.difference_update([one.key for one in files])

    def _keep(self, upload: Upload, room: int) -> StoredAttachment:
        try:
            return self._keeper().keep(upload, room)
        except FileTooLarge:
            raise TooMuchAttached(
                f"The attachments have more than {self._most_mb} MB together: send fewer or "
                "smaller ones, or raise ROWPOST_MOST_ATTACHED_MB."
            ) from None
