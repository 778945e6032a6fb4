"""Emails that carry a code: what they say is kept apart, and gone when they have ended."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from shared.database.columns.times import utc_now
from shared.database.statements.prepared import PreparedUpdate
from shared.database.tables import confidential, entries
from shared.outbox.conditions import is_current, state_is
from shared.outbox.states import Flag
from shared.outbox.transitions import cancel_too_late

CONFIDENTIAL = "reset"
"""The `Origin` of these emails."""
CONFIDENTIAL_SUBJECT = "(confidential)"
"""What stands in the queue's own table in place of the subject."""

_BATCH = 500

KEEP = insert(confidential)
_ended = select(entries.c.Number).where(
    state_is(Flag.SENT, Flag.FAILED, Flag.CANCELLED),
    entries.c.Number == confidential.c.Number,
)
FORGET = PreparedUpdate(
    lambda numbers: (
        delete(confidential)
        .where(confidential.c.Number.in_(numbers), _ended.exists())
        .returning(confidential.c.Number)
    )
)
ORIGIN = select(entries.c.Origin).where(entries.c.EmailId == bindparam("email_id"), is_current)
NOTE = update(entries).where(entries.c.Number == bindparam("number")).values(EmptiedAt=utc_now())


def keep_apart(
    connection: Connection, number: int, subject: str, body: str, text_alternative: str | None
) -> None:
    """Keep what an email says for its sender alone."""
    connection.execute(
        KEEP,
        {"Number": number, "Subject": subject, "Body": body, "TextAlternative": text_alternative},
    )


def carries_code(connection: Connection, email_id: int) -> bool:
    """Whether an email is one of these, ended or not."""
    return connection.scalar(ORIGIN, {"email_id": email_id}) == CONFIDENTIAL


def forget_ended(connection: Connection, numbers: Sequence[int]) -> None:
    """Remove what those of these emails say that have ended."""
    for start in range(0, len(numbers), _BATCH):
        gone = FORGET.run(connection, numbers[start : start + _BATCH])
        if gone:
            connection.execute(NOTE, [{"number": number} for number in sorted(gone)])


def settle(connection: Connection, numbers: Sequence[int]) -> None:
    """The same, after attempts: a code that would come too late at the next one is cancelled."""
    if numbers:
        cancel_too_late(connection, numbers)
        forget_ended(connection, numbers)
