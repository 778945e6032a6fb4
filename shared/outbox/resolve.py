"""Resolving: somebody decides about an email whose outcome is unknown."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Connection, bindparam, literal_column, null, select, update

from shared.database.changes import changed
from shared.database.tables import emails
from shared.database.times import utc_now
from shared.errors import RowpostError
from shared.outbox.conditions import flag_is
from shared.outbox.confidential import empty_ended
from shared.outbox.recipients import RecipientState, settle_attempted, somebody_pending
from shared.outbox.states import Flag


class Decision(StrEnum):
    """`resend`: it goes out again to whoever may not have had it. `sent`: count it as sent."""

    RESEND = "resend"
    SENT = "sent"


class EmailNotFound(RowpostError):
    """No email has this number."""


class NotUnknown(RowpostError):
    """Only an email whose outcome is unknown can be resolved."""


_STATE = select(emails.c.dd_SendFlag, emails.c.dd_LeaseToken).where(
    emails.c.dd_srno == bindparam("email_id")
)
_ours_and_unknown = (
    emails.c.dd_srno == bindparam("email_id"),
    flag_is(Flag.UNKNOWN),
    emails.c.dd_LeaseToken.is_not(None),
)
RESEND = (
    update(emails)
    .where(*_ours_and_unknown)
    .values(
        dd_SendFlag=literal_column(f"'{Flag.WAITING}'"),
        dd_LeaseToken=null(),
        dd_NextAttemptDate=null(),
        dd_LostLeases=null(),
        dd_Uncertain=literal_column("1"),
    )
)
COUNT_AS_SENT = (
    update(emails)
    .where(*_ours_and_unknown)
    .values(
        dd_SendFlag=literal_column(f"'{Flag.SENT}'"),
        dd_SentDate=utc_now(),
        dd_EndedDate=utc_now(),
        dd_BounceReason="counted as sent by decision, its outcome was unknown",
        dd_LeaseToken=null(),
    )
)


def resolve(connection: Connection, email_id: int, decision: Decision) -> Flag:
    """Carry out the decision; answers where the email stands now.

    Recipients who certainly have not had it get it in either case: counted as sent, the email
    still goes to those who were refused for the time being.

    Raises EmailNotFound or NotUnknown.
    """
    resends = decision is Decision.RESEND
    state = RecipientState.PENDING if resends else RecipientState.SENT
    again = resends or somebody_pending(connection, email_id)
    statement = RESEND if again else COUNT_AS_SENT
    if changed(connection, statement, {"email_id": email_id}) != 1:
        raise _refusal(connection, email_id)
    settle_attempted(connection, [email_id], state)
    empty_ended(connection, [email_id])
    return Flag.WAITING if again else Flag.SENT


def unknown_ids(connection: Connection, most: int) -> list[int]:
    """The oldest emails that wait for a decision."""
    return list(
        connection.execute(
            select(emails.c.dd_srno)
            .where(flag_is(Flag.UNKNOWN), emails.c.dd_LeaseToken.is_not(None))
            .order_by(emails.c.dd_srno)
            .limit(most)
        ).scalars()
    )


def _refusal(connection: Connection, email_id: int) -> RowpostError:
    row = connection.execute(_STATE, {"email_id": email_id}).one_or_none()
    if row is None:
        return EmailNotFound(f"there is no email {email_id}")
    return NotUnknown(
        f"email {email_id} stands in {row.dd_SendFlag}: only emails in U, with a lease of "
        "Rowpost's own, are to be decided about"
    )
