"""Keeping a lease: renewed by a thread of its own, every third of its length."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from shared.database.database import Database
from shared.database.errors import CommitUncertain, DatabaseUnreachable
from shared.monitoring.logs import in_this_context
from shared.outbox.lease import Lease, renew

log = logging.getLogger("rowpost.delivery")


class LeaseHeartbeat:
    """While the block runs, the lease on all its emails is renewed.

    Should that fail for too long, the emails are somebody else's to rescue; the fences of mark and
    finish see to it that nothing is written, or sent, that is no longer ours.
    """

    def __init__(
        self,
        database: Database,
        lease: Lease,
        turn: threading.Lock,
        also: Callable[[Connection], None] | None = None,
    ) -> None:
        """`also` renews what else goes with the lease, in the same transaction.

        `turn`: nobody else writes to the emails of the lease while we hold it. Two that lock many
        of the same rows in different orders would end each other (1205).
        """
        self._database = database
        self._lease = lease
        self._turn = turn
        self._also = also
        self._ended = threading.Event()
        self._thread = threading.Thread(target=in_this_context(self._loop), name="lease")

    def __enter__(self) -> LeaseHeartbeat:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _loop(self) -> None:
        third = self._lease.seconds / 3
        while not self._ended.wait(third):
            try:
                with self._turn:
                    self._database.run(self._renew, seconds=third)
            except (SQLAlchemyError, DatabaseUnreachable, CommitUncertain) as error:
                log.warning("the lease could not be renewed: %s", type(error).__name__)

    def _renew(self, connection: Connection) -> None:
        renew(connection, self._lease)
        if self._also is not None:
            self._also(connection)
