"""An email's files, fetched from the attachment store when it is its turn.

Reading is done in threads of their own. All emails under way together have so many bytes of files
in memory and no more; who finds no room waits.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections import deque

from shared.attachments.store import AttachmentGone, AttachmentStore, AttachmentStoreUnavailable
from shared.background import on_own_thread
from shared.mime.bad_email import BadEmail
from shared.mime.message import Attachment
from shared.outbox.attachments import StoredAttachment
from shared.outbox.sending.fetch import ClaimedEmail

AWAY_SECONDS = 15.0
"""How long a store that did not answer is left alone, and the emails that need it wait."""

_MEGABYTE = 1024 * 1024
_BUDGET = 32 * _MEGABYTE


class AttachedFiles:
    """The files of one drain's emails."""

    def __init__(self, store: AttachmentStore, most_mb: int) -> None:
        """`most_mb`: how much all files of one email may have together."""
        self.budget = MemoryBudget(_BUDGET)
        self._store = store
        self._most_mb = most_mb
        self._away_until = -math.inf
        self._why_away = ""

    async def read(self, email: ClaimedEmail) -> tuple[Attachment, ...]:
        """The files, in their order, each as it was stored.

        Raises BadEmail where one of them is gone, has changed, or they are too large together;
        AttachmentStoreUnavailable, at once while the store is known to be away.
        """
        if not email.attachment_count:
            return ()
        require_whole(email, self._most_mb)
        if time.monotonic() < self._away_until:
            raise AttachmentStoreUnavailable(self._why_away)
        try:
            return await on_own_thread(
                lambda: tuple([read_file(self._store, file) for file in email.attachments]), "files"
            )
        except AttachmentStoreUnavailable as error:
            self._away_until, self._why_away = time.monotonic() + AWAY_SECONDS, str(error)
            raise


def require_whole(email: ClaimedEmail, most_mb: int) -> None:
    """Raises BadEmail where files of it are gone, or are too large together."""
    if len(email.attachments) != email.attachment_count:
        raise BadEmail("its attachments were removed: it can't be sent without them")
    size = octets_of(email)
    if size > most_mb * _MEGABYTE:
        raise BadEmail(
            f"its files have {size / _MEGABYTE:.1f} MB together, and {most_mb} MB may be "
            "sent with one email (ROWPOST_MOST_ATTACHED_MB)"
        )


class MemoryBudget:
    """So many bytes, for whoever comes first; one who wants them all gets them in the end."""

    def __init__(self, octets: int) -> None:
        self._most = octets
        self._free = octets
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def enter(self, octets: int) -> int:
        """Wait for room; answers how much was taken, which is to be left again."""
        wanted = min(octets, self._most)
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = (wanted, granted)
        self._waiting.append(place)
        self._let_in()
        try:
            await granted
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
                self._let_in()
            else:
                self.leave(wanted)
            raise
        return wanted

    def leave(self, octets: int) -> None:
        """Free what was taken."""
        self._free += octets
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            wanted, granted = self._waiting.popleft()
            self._free -= wanted
            if not granted.done():
                granted.set_result(None)


def octets_of(email: ClaimedEmail) -> int:
    """How large its files are together, the document in its row included."""
    return email.document_size + sum([one.size for one in email.attachments])


def read_file(store: AttachmentStore, file: StoredAttachment) -> Attachment:
    """A file as it was stored. Raises BadEmail where it is gone or has changed,
    AttachmentStoreUnavailable."""
    content, digest = bytearray(), hashlib.sha256()
    try:
        for chunk in store.read(file.key):
            content += chunk
            digest.update(chunk)
            if len(content) > file.size:
                break
    except AttachmentGone:
        raise BadEmail(f"its attachment {file.filename!r} is gone from the store") from None
    if len(content) != file.size or digest.hexdigest() != file.sha256:
        raise BadEmail(f"its attachment {file.filename!r} is not what was stored")
    return Attachment(file.filename, bytes(content), file.content_type, file.content_id)
