"""Decisions by hand about emails that nobody is sending: cancel one, or try one again."""

from __future__ import annotations

from sqlalchemy import (
    Connection,
    Update,
    and_,
    bindparam,
    literal_column,
    null,
    or_,
    select,
    update,
)

from shared.database.changes import changed
from shared.database.tables import emails, recipients
from shared.database.times import utc_now
from shared.errors import RowpostError
from shared.outbox.conditions import flag_is
from shared.outbox.confidential import empty_ended
from shared.outbox.recipients import RecipientState
from shared.outbox.resolve import EmailNotFound
from shared.outbox.states import Flag, Status, status_of


class NotWaiting(RowpostError):
    """Only an email that waits can be cancelled."""


class NotEnded(RowpostError):
    """Only an email that failed or was cancelled can be tried again."""


class ContentRemoved(RowpostError):
    """The email's content was removed after it had ended: there is nothing left to send."""


_STATE = select(emails.c.dd_SendFlag, emails.c.dd_RetryCount, emails.c.dd_EmptiedDate).where(
    emails.c.dd_srno == bindparam("email_id")
)
CANCEL = (
    update(emails)
    .where(emails.c.dd_srno == bindparam("email_id"), flag_is(Flag.WAITING))
    .values(dd_SendFlag=literal_column(f"'{Flag.CANCELLED}'"), dd_EndedDate=utc_now())
)
_has_ended = and_(
    emails.c.dd_srno == bindparam("email_id"),
    # Cancelled without our date: somebody else's doing, which is left alone.
    or_(flag_is(Flag.FAILED), and_(flag_is(Flag.CANCELLED), emails.c.dd_EndedDate.is_not(None))),
    emails.c.dd_EmptiedDate.is_(None),
)
TRY_AGAIN = (
    update(emails)
    .where(_has_ended)
    .values(
        dd_SendFlag=literal_column(f"'{Flag.WAITING}'"),
        dd_RetryCount=literal_column("0"),
        dd_BounceReason=null(),
        dd_EndedDate=null(),
        dd_NextAttemptDate=null(),
        dd_LostLeases=null(),
        dd_LeaseToken=null(),
    )
)
# Somebody wants it sent although its time had passed.
FORGET_EXPIRY = (
    update(emails).where(_has_ended, emails.c.dd_ExpiresAt <= utc_now()).values(dd_ExpiresAt=null())
)
ASK_AGAIN = (
    update(recipients)
    .where(
        recipients.c.EmailId == bindparam("email_id"),
        or_(
            recipients.c.State == RecipientState.REFUSED.value,
            recipients.c.State == RecipientState.ATTEMPTED.value,
        ),
    )
    .values(State=RecipientState.PENDING.value, Reply=null(), ChangedAt=utc_now())
)


def cancel(connection: Connection, email_id: int) -> None:
    """Let a waiting email not be sent. Raises EmailNotFound or NotWaiting."""
    if not _changes(connection, CANCEL, email_id):
        raise NotWaiting(
            f"email {email_id} does not wait (it is {_state(connection, email_id)[0]}): "
            "only a waiting one can be cancelled"
        )
    empty_ended(connection, [email_id])


def try_again(connection: Connection, email_id: int) -> None:
    """Let an email that failed or was cancelled wait again, with all its retries before it.

    Who has had it does not get it again. Raises EmailNotFound, NotEnded or ContentRemoved.
    """
    _changes(connection, FORGET_EXPIRY, email_id)
    if not _changes(connection, TRY_AGAIN, email_id):
        status, emptied = _state(connection, email_id)
        if emptied and status in (Status.FAILED, Status.CANCELLED):
            raise ContentRemoved(f"the content of email {email_id} has been removed")
        raise NotEnded(
            f"email {email_id} is {status}: only one that failed, or was cancelled by Rowpost, "
            "can be tried again"
        )
    connection.execute(ASK_AGAIN, {"email_id": email_id})


def _changes(connection: Connection, statement: Update, email_id: int) -> bool:
    return changed(connection, statement, {"email_id": email_id}) == 1


def _state(connection: Connection, email_id: int) -> tuple[Status, bool]:
    row = connection.execute(_STATE, {"email_id": email_id}).one_or_none()
    if row is None:
        raise EmailNotFound(f"there is no email {email_id}")
    return status_of(row.dd_SendFlag, row.dd_RetryCount), row.dd_EmptiedDate is not None
