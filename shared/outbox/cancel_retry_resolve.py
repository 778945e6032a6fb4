"""Decisions by hand about emails that nobody is sending: cancel, try again, resolve.

What is decided stands in the ledger and in the email's row with the same commit.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, bindparam, null, or_, select, update

from shared.database.columns.times import utc_now
from shared.database.tables import emails, entries, recipients
from shared.errors import RowpostError
from shared.outbox import transitions
from shared.outbox.conditions import is_current, state_is
from shared.outbox.confidential import CONFIDENTIAL, forget_ended
from shared.outbox.entries import EmailNotFound, current_entry, current_number, pass_on
from shared.outbox.recipients import RecipientState, settle_attempted, somebody_pending
from shared.outbox.rows.their_rows import give_letter
from shared.outbox.sending.operations import still_asked
from shared.outbox.states import Flag, Letter, Status, status_of


class NotWaiting(RowpostError):
    """Only an email that waits can be cancelled."""


class NotEnded(RowpostError):
    """Only an email that failed or was cancelled can be tried again."""


class ContentRemoved(RowpostError):
    """The email's content was removed after it had ended: there is nothing left to send."""


class NotUnknown(RowpostError):
    """Only an email whose outcome is unknown can be resolved."""


class Decision(StrEnum):
    """`resend`: it goes out again to whoever may not have had it. `sent`: count it as sent."""

    RESEND = "resend"
    SENT = "sent"


# Whoever was refused, or may not have had it, is asked again.
ASK_AGAIN = (
    update(recipients)
    .where(
        recipients.c.Number == bindparam("number"),
        or_(
            recipients.c.State == RecipientState.REFUSED.value,
            recipients.c.State == RecipientState.ATTEMPTED.value,
        ),
    )
    .values(State=RecipientState.PENDING.value, Reply=null(), ChangedAt=utc_now())
)
_LETTER = select(emails.c.dd_SendFlag).where(emails.c.dd_srno == bindparam("email_id"))
UNKNOWN_IDS = (
    select(entries.c.EmailId)
    .where(state_is(Flag.UNKNOWN), is_current, ~still_asked)
    .order_by(entries.c.Number)
    .limit(bindparam("most"))
)


def cancel(connection: Connection, email_id: int) -> None:
    """Let a waiting email not be sent. Raises EmailNotFound or NotWaiting."""
    entry = current_entry(connection, email_id)
    if entry is None:
        # Not admitted yet: its row alone says that it waits.
        if give_letter(connection, email_id, Letter.NEW, Letter.CANCELLED):
            return
        raise NotWaiting(f"{_of_somebody_else(connection, email_id)}, so it is not cancelled here")
    if not transitions.cancel(connection, entry.Number):
        raise NotWaiting(
            f"email {email_id} does not wait (it is {_status(connection, email_id)}): "
            "only a waiting one can be cancelled"
        )
    give_letter(connection, email_id, Letter.TAKEN, Letter.CANCELLED)
    forget_ended(connection, [entry.Number])


def try_again(connection: Connection, email_id: int) -> None:
    """Let an email that failed or was cancelled wait again, with all its retries before it.

    Who has had it does not get it again. Raises EmailNotFound, NotEnded or ContentRemoved.
    """
    entry = current_entry(connection, email_id)
    if entry is None:
        raise NotEnded(f"{_of_somebody_else(connection, email_id)}, so it is not tried again here")
    if entry.State not in (Flag.FAILED, Flag.CANCELLED):
        raise NotEnded(
            f"email {email_id} is {status_of(entry.State, entry.Retries)}: only one that failed, "
            "or was cancelled by Rowpost, can be tried again"
        )
    if entry.EmptiedAt is not None:
        raise ContentRemoved(f"the content of email {email_id} has been removed")
    letter = connection.scalar(_LETTER, {"email_id": email_id})
    if letter not in (entry.State, Letter.TAKEN):
        raise NotEnded(
            f"the row of email {email_id} is gone, or says something else since: "
            "an application has decided about it"
        )
    number = begin_anew(connection, entry)
    pass_on(connection, entry.Number, number, who_had_it=True)
    give_letter(connection, email_id, Letter(entry.State), Letter.TAKEN)
    connection.execute(ASK_AGAIN, {"number": number})


def begin_anew(connection: Connection, entry: Row[Any]) -> int:
    """A new entry for the same email, in place of one that has ended; answers its number.

    What had passed its time is wanted all the same.
    """
    transitions.supersede(connection, [entry.Number])
    transitions.enter(connection, [following(entry)])
    connection.execute(FORGET_EXPIRY, {"email_id": entry.EmailId})
    return current_number(connection, entry.EmailId)


def following(entry: Row[Any]) -> dict[str, Any]:
    """The values of an email's next entry."""
    return {
        "EmailId": entry.EmailId,
        "FirstNumber": entry.FirstNumber or entry.Number,
        "AccountCode": entry.AccountCode,
        "Lane": entry.Lane,
        "Priority": entry.Priority,
        "ExpiresAt": entry.ExpiresAt,
        "MessageId": entry.MessageId,
        "Origin": entry.Origin,
        "StoredBy": entry.StoredBy,
        "RequestId": entry.RequestId,
        "AttachmentCount": entry.AttachmentCount,
        "CreatedAt": entry.CreatedAt,
        "RowCreatedAt": entry.RowCreatedAt,
        "Uncertain": entry.Uncertain,
        "Fingerprint": entry.Fingerprint,
    }


FORGET_EXPIRY = (
    update(entries)
    .where(
        entries.c.EmailId == bindparam("email_id"),
        is_current,
        state_is(Flag.WAITING),
        entries.c.ExpiresAt <= utc_now(),
    )
    .values(ExpiresAt=null())
)


def resolve(connection: Connection, email_id: int, decision: Decision) -> Flag:
    """Carry out the decision; answers where the email stands now.

    Recipients who certainly have not had it get it in either case: counted as sent, the email
    still goes to those who were refused for the time being.

    Raises EmailNotFound or NotUnknown.
    """
    entry = current_entry(connection, email_id)
    if entry is None:
        raise NotUnknown(
            f"{_of_somebody_else(connection, email_id)}, so there is nothing to decide"
        )
    resends = decision is Decision.RESEND
    state = RecipientState.PENDING if resends else RecipientState.SENT
    again = resends or somebody_pending(connection, entry.Number)
    decide = transitions.resend_unknown if again else transitions.count_as_sent
    if not decide(connection, entry.Number):
        raise NotUnknown(
            f"email {email_id} is {status_of(entry.State, entry.Retries)}: "
            "only emails whose outcome is unknown are to be decided about"
        )
    settle_attempted(connection, [entry.Number], state)
    forget_ended(connection, [entry.Number])
    letter = Letter.TAKEN if again else Letter.SENT
    give_letter(connection, email_id, Letter.UNKNOWN, letter)
    return Flag.WAITING if again else Flag.SENT


def withdraw(connection: Connection, email_id: int) -> bool:
    """Cancel an email with a code, even one that is being prepared; whether that was in time.

    Its sender then finds that it may not mark it, and writes no final dot.
    """
    entry = _entry(connection, email_id)
    if entry.Origin != CONFIDENTIAL:
        return False
    withdrawn = transitions.withdraw(connection, entry.Number)
    if withdrawn:
        give_letter(connection, email_id, Letter.TAKEN, Letter.CANCELLED)
    forget_ended(connection, [entry.Number])
    return withdrawn


def unknown_ids(connection: Connection, most: int) -> list[int]:
    """The oldest emails that wait for a decision, and whose mail service is asked no more."""
    return list(connection.execute(UNKNOWN_IDS, {"most": most}).scalars())


def _of_somebody_else(connection: Connection, email_id: int) -> str:
    """Raises EmailNotFound where there is not even a row."""
    row = connection.execute(_LETTER, {"email_id": email_id}).one_or_none()
    if row is None:
        raise EmailNotFound(f"there is no email {email_id}")
    return f"the row {email_id} says {row.dd_SendFlag!r}, and Rowpost has never had it"


def _entry(connection: Connection, email_id: int) -> Row[Any]:
    entry = current_entry(connection, email_id)
    if entry is None:
        raise EmailNotFound(f"there is no email {email_id}")
    return entry


def _status(connection: Connection, email_id: int) -> Status:
    entry = _entry(connection, email_id)
    return status_of(entry.State, entry.Retries)
