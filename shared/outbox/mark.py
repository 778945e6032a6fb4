"""Marking: from P to T, committed before the final dot of an email may leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, literal_column, update

from shared.database.prepared import PreparedUpdate
from shared.database.tables import emails
from shared.database.times import utc_now
from shared.outbox.conditions import held_by_us, lease_end
from shared.outbox.lease import Lease
from shared.outbox.recipients import KnownRecipient, write_recipients
from shared.outbox.states import Flag


@dataclass(frozen=True, slots=True)
class Mark:
    """One email about to be transmitted; its recipients only where they differ in fate."""

    email_id: int
    recipients: tuple[KnownRecipient, ...] = ()


MARK = PreparedUpdate(
    lambda ids: (
        update(emails)
        .where(held_by_us(ids, Flag.PREPARING), emails.c.dd_LeaseUntil > utc_now())
        .values(dd_SendFlag=literal_column(f"'{Flag.TRANSMITTING}'"), dd_LeaseUntil=lease_end)
        .returning(emails.c.dd_srno)
    )
)


def mark(connection: Connection, marks: Sequence[Mark], lease: Lease) -> set[int]:
    """Mark these emails; answers those that really were ours and now stand in T.

    Their lease runs for its full length from the moment of the mark. Who was refused is written
    with it, so that a crash forgets nobody.
    """
    if not marks:
        return set()
    ids = [one.email_id for one in marks]
    marked = MARK.run(connection, ids, token=lease.token, lease_seconds=lease.seconds)
    for one in marks:
        if one.recipients and one.email_id in marked:
            write_recipients(connection, one.email_id, one.recipients)
    return marked
