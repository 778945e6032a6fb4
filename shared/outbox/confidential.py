"""Emails that carry a code: their content is removed in the very commit that ends them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Update, func, literal_column, null, update

from shared.database.prepared import PreparedUpdate
from shared.database.tables import emails
from shared.database.times import utc_now
from shared.outbox.conditions import flag_is
from shared.outbox.states import Flag

CONFIDENTIAL = "reset"
"""The `dd_Origin` of these emails."""

_BATCH = 500
_confidential = emails.c.dd_Origin == literal_column(f"'{CONFIDENTIAL}'")

EMPTY = PreparedUpdate(
    lambda ids: (
        update(emails)
        .where(
            emails.c.dd_srno.in_(ids),
            _confidential,
            flag_is(Flag.SENT, Flag.FAILED, Flag.CANCELLED),
        )
        .values(dd_bodyText=null(), dd_TextAlternative=null(), dd_EmptiedDate=utc_now())
        .returning(emails.c.dd_srno)
    )
)


def _cancelling(*flags: Flag) -> Update:
    return (
        update(emails)
        .where(_confidential, flag_is(*flags))
        .values(
            dd_SendFlag=literal_column(f"'{Flag.CANCELLED}'"),
            dd_EndedDate=utc_now(),
            dd_NextAttemptDate=null(),
            dd_LeaseToken=null(),
            dd_LeaseUntil=null(),
        )
    )


TOO_LATE = PreparedUpdate(
    lambda ids: (
        _cancelling(Flag.WAITING)
        .where(
            emails.c.dd_srno.in_(ids),
            emails.c.dd_ExpiresAt <= func.coalesce(emails.c.dd_NextAttemptDate, utc_now()),
        )
        .returning(emails.c.dd_srno)
    )
)
WITHDRAW = PreparedUpdate(
    lambda ids: (
        _cancelling(Flag.WAITING, Flag.PREPARING)
        .where(emails.c.dd_srno.in_(ids))
        .returning(emails.c.dd_srno)
    )
)


def empty_ended(connection: Connection, ids: Sequence[int]) -> None:
    """Remove the content of those of these emails that carry a code and have ended."""
    for start in range(0, len(ids), _BATCH):
        EMPTY.run(connection, ids[start : start + _BATCH])


def settle(connection: Connection, ids: Sequence[int]) -> None:
    """The same, after attempts: a code that would come too late at the next one is cancelled."""
    if ids:
        TOO_LATE.run(connection, ids)
        empty_ended(connection, ids)


def withdraw(connection: Connection, email_id: int) -> bool:
    """Cancel an email with a code, even one that is being prepared; whether that was in time.

    Its sender then finds that it may not mark it, and writes no final dot.
    """
    withdrawn = bool(WITHDRAW.run(connection, [email_id]))
    empty_ended(connection, [email_id])
    return withdrawn
