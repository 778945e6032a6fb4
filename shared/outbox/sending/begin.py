"""Beginning to transmit: from P to T, committed before the final dot of an email may leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from shared.outbox import transitions
from shared.outbox.recipients import KnownRecipient, write_recipients
from shared.outbox.sending.lease import Lease
from shared.outbox.sending.operations import note_operation


class Started(NamedTuple):
    """The name by which a mail service knows what is about to be done, and the account's code."""

    operation: str
    account: str


@dataclass(frozen=True, slots=True)
class Mark:
    """One email about to be transmitted: its entry's number and the fingerprint of what goes; its
    recipients only where they differ in fate; and the operation that a mail service can be asked
    about, where it can."""

    number: int
    fingerprint: str
    recipients: tuple[KnownRecipient, ...] = ()
    started: Started | None = None


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
        if one.started is not None and one.number in marked:
            note_operation(connection, one.number, *one.started)
    return marked
