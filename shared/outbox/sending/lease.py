"""A lease on claimed emails: who holds them, and for how long after the last word."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, update

from shared.database.statements.changes import changed
from shared.database.tables import entries
from shared.outbox.conditions import TOKEN, lease_end, state_is
from shared.outbox.states import Flag


@dataclass(frozen=True, slots=True)
class Lease:
    """One sender's claim to its emails. Every write of that sender names the token."""

    token: str
    seconds: float

    @classmethod
    def new(cls, seconds: float) -> Lease:
        return cls(str(uuid.uuid4()), seconds)


RENEW = (
    update(entries)
    .where(state_is(Flag.PREPARING, Flag.TRANSMITTING), entries.c.LeaseToken == TOKEN)
    .values(LeaseUntil=lease_end)
)


def renew(connection: Connection, lease: Lease) -> int:
    """Let the lease on all its emails run for its full length from now; answers how many."""
    return changed(connection, RENEW, {"token": lease.token, "lease_seconds": lease.seconds})
