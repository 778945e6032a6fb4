"""Beginning to transmit: from P to T, committed before the final dot of an email may leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from shared.outbox import transitions
from shared.outbox.recipients import KnownRecipient, write_recipients
from shared.outbox.sending.lease import Lease


@dataclass(frozen=True, slots=True)
class Mark:
    """One email about to be transmitted: its entry's number and the fingerprint of what goes; its
    recipients only where they differ in fate."""

    number: int
    fingerprint: str
    recipients: tuple[KnownRecipient, ...] = ()


def mark(connection: Connection, marks: Sequence[Mark], lease: Lease) -> set[int]:
    """Mark these emails; answers those that really were ours and now stand in T.

    Their lease runs for its full length from the moment of the mark. Who was refused is written
    with it, so that a crash forgets nobody.
    """
    prints = {one.number: one.fingerprint for one in marks}
    marked = transitions.mark(connection, prints, lease)
    for one in marks:
        if one.recipients and one.number in marked:
            write_recipients(connection, one.number, one.recipients)
    return marked
