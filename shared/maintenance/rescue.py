"""Rescuing: emails whose sender went silent past its lease."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from shared.limits.reservations import release_orphans
from shared.outbox import transitions
from shared.outbox.confidential import forget_ended


@dataclass(frozen=True, slots=True)
class Rescued:
    """How many emails wait again, were given up, and have an outcome that nobody knows."""

    given_back: int = 0
    failed: int = 0
    unknown: int = 0


def rescue(connection: Connection) -> Rescued:
    """Rescue every email whose lease is over.

    In P nothing irrevocable was done: it waits again, or fails if that happened three times. In T
    the final dot may have left: its outcome is unknown. What the dead have reserved of a quota is
    released.
    """
    unknown = transitions.unknown_after_lease(connection)
    given_back, failed = transitions.waiting_after_lease(connection)
    forget_ended(connection, failed)
    release_orphans(connection)
    return Rescued(given_back, len(failed), unknown)
