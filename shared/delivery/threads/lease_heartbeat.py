"""Keeping a lease: renewed by a thread of its own, every third of its length."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from shared.background import Repeated
from shared.database.database import Database
from shared.database.errors import CommitUncertain, DatabaseUnreachable
from shared.outbox.sending.lease import Lease, renew

log = logging.getLogger("rowpost.delivery")


def lease_heartbeat(
    database: Database, lease: Lease, turn: threading.Lock, also: Callable[[Connection], None]
) -> Repeated:
    """While the block runs, the lease on all its emails is renewed.

    Should that fail for too long, the emails are somebody else's to rescue; the fences of mark and
    finish see to it that nothing is written, or sent, that is no longer ours.

    `also` renews what else goes with the lease, in the same transaction. `turn`: nobody else writes
    to the emails of the lease while we hold it. Two that lock many of the same rows in different
    orders would end each other (1205).
    """
    third = lease.seconds / 3

    def renew_all(connection: Connection) -> None:
        renew(connection, lease)
        also(connection)

    def beat() -> None:
        try:
            with turn:
                database.run(renew_all, seconds=third)
        except (SQLAlchemyError, DatabaseUnreachable, CommitUncertain) as error:
            log.warning("the lease could not be renewed: %s", type(error).__name__)

    return Repeated(beat, third, "lease")
