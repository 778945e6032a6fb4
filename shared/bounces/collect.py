"""Collecting what came back: each mailbox by itself, so that one that is slow or away delays no
other, and nobody who sends.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import NamedTuple

from shared.background import OneEach
from shared.bounces.mailboxes.leases import due, hurry
from shared.bounces.mailboxes.mailbox import Brought, MailboxOff
from shared.bounces.mailboxes.register import mailbox
from shared.bounces.turn import AWAY, Means, take_turn
from shared.database.database import Database

log = logging.getLogger("rowpost.bounces")


class Collected(NamedTuple):
    """What came of reading one mailbox: whether that is done with, how much it brought until now,
    and what went wrong."""

    finished: bool
    brought: Brought
    fault: str | None


class BounceCollector:
    """Reads the mailboxes that are due, with a thread for each. Safe to use from any thread."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._read = OneEach("bounces")

    def look(self) -> None:
        """Begin to read every mailbox that is due; waits for none of them."""
        try:
            database = self._means.database()
            with database.read() as connection:
                waiting = due(connection)
        except AWAY as error:
            log.warning("bounce mailboxes could not be looked at: %s", type(error).__name__)
            return
        for mailbox_id in waiting:
            self._read.begin(mailbox_id, partial(self._take_turn, database, mailbox_id))

    def finish(self, seconds: float) -> None:
        """Look once more, and wait for what is being read, for so many seconds at most."""
        self.look()
        self._read.wait(seconds)

    def collect(self, mailbox_id: int, seconds: float) -> Collected:
        """Read one mailbox now, and wait for so many seconds at most. Raises MailboxNotFound,
        MailboxOff and DatabaseUnreachable."""
        database = self._means.database()
        with database.read() as connection:
            before = mailbox(connection, mailbox_id)
        if not before.settings.enabled:
            raise MailboxOff
        database.run(lambda connection: hurry(connection, mailbox_id))
        self.look()
        self._read.wait(seconds, mailbox_id)
        with database.read() as connection:
            after = mailbox(connection, mailbox_id)
        finished = after.last_read_at != before.last_read_at or after.failures != before.failures
        brought = Brought(
            *(now - then for now, then in zip(after.brought, before.brought, strict=True))
        )
        return Collected(finished, brought, after.last_fault)

    def _take_turn(self, database: Database, mailbox_id: int) -> None:
        try:
            take_turn(self._means, database, mailbox_id)
        except AWAY as error:
            log.warning("bounce mailbox %d waits: %s", mailbox_id, type(error).__name__)
        except Exception:
            log.exception("bounce mailbox %d: an unexpected error", mailbox_id)
