"""The emails of Database Mail as sysmail_allitems shows them: what was asked, what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, func, literal_column, select

from shared.database.tables import accounts, attempts, emails, entries, held_rows, mail_items
from shared.outbox.queries.explain import Known, explain
from shared.outbox.sending.finish import Outcome
from shared.outbox.states import NEW_LETTERS, Flag, Letter, Status, status_of


class SentStatus(StrEnum):
    """What became of it, in the words of sysmail_allitems."""

    UNSENT = "unsent"
    SENT = "sent"
    FAILED = "failed"
    RETRYING = "retrying"
    UNKNOWN = "unknown"
    """The mail server may have it: what Database Mail never told."""


@dataclass(frozen=True, slots=True)
class Item:
    """One of them. `id` is a place in the list, `mailitem_id` the email's number."""

    id: int
    mailitem_id: int
    profile_id: int
    recipients: str | None
    copy_recipients: str | None
    blind_copy_recipients: str | None
    subject: str | None
    body_format: str | None
    importance: str | None
    sensitivity: str | None
    from_address: str | None
    reply_to: str | None
    query: str | None
    send_request_date: datetime
    send_request_user: str
    sent_account_id: int | None
    sent_status: SentStatus
    sent_date: datetime | None
    explanation: str
    """The same in a sentence."""


def sent_status(state: str | None, retries: int | None, letter: str | None) -> SentStatus:
    """The status of an email that stands so in the ledger; None: it is not there yet, and its row
    has this letter, or is gone. Pure."""
    match state:
        case Flag.SENT:
            return SentStatus.SENT
        case Flag.FAILED | Flag.CANCELLED:
            return SentStatus.FAILED
        case Flag.UNKNOWN:
            return SentStatus.UNKNOWN
        case None:
            waits = letter in (*NEW_LETTERS, Letter.TAKEN)
            return SentStatus.UNSENT if waits else SentStatus.FAILED
    return SentStatus.RETRYING if retries else SentStatus.UNSENT


_by = (
    select(func.max(accounts.c.Rowpost_Id))
    .join(attempts, attempts.c.Account == accounts.c.ParamCode)
    .where(
        attempts.c.Number == entries.c.Number,
        attempts.c.Outcome == Outcome.SENT.value,
        entries.c.State == literal_column(f"'{Flag.SENT}'"),
    )
    .correlate(entries)
    .scalar_subquery()
)
_of_entry = attempts.alias("of_entry")
_last_reply = (
    select(_of_entry.c.Reply)
    .where(_of_entry.c.Number == entries.c.Number)
    .order_by(_of_entry.c.Id.desc())
    .limit(1)
    .correlate(entries)
    .scalar_subquery()
)
_ITEMS: Select[Any] = (
    select(
        mail_items,
        entries.c.State,
        entries.c.Retries,
        entries.c.EndedAt,
        entries.c.NotBefore,
        entries.c.Reason,
        held_rows.c.Reason.label("HeldFor"),
        _last_reply.label("LastReply"),
        emails.c.dd_srno,
        func.coalesce(emails.c.dd_SendFlag, literal_column(f"'{Letter.NEW}'")).label("Letter"),
        _by.label("SentBy"),
    )
    .select_from(
        mail_items.outerjoin(entries, entries.c.Number == mail_items.c.Number)
        .outerjoin(emails, emails.c.dd_srno == mail_items.c.EmailId)
        .outerjoin(held_rows, held_rows.c.EmailId == mail_items.c.EmailId)
    )
    .order_by(mail_items.c.Id.desc())
)


def items(
    connection: Connection, before: int | None, limit: int, requested_by: str | None = None
) -> list[Item]:
    """Up to so many of them, the latest first, below the place `before`; `requested_by`: of this
    caller alone."""
    conditions = () if before is None else (mail_items.c.Id < before,)
    own = () if requested_by is None else (mail_items.c.RequestedBy == requested_by,)
    statement = _ITEMS.where(*conditions, *own).limit(limit)
    return [_item(row) for row in connection.execute(statement)]


def _item(row: Row[Any]) -> Item:
    return Item(
        id=row.Id,
        mailitem_id=row.EmailId,
        profile_id=row.ProfileId,
        recipients=row.Recipients,
        copy_recipients=row.CopyRecipients,
        blind_copy_recipients=row.BlindCopyRecipients,
        subject=row.Subject,
        body_format=row.BodyFormat,
        importance=row.Importance,
        sensitivity=row.Sensitivity,
        from_address=row.FromAddress,
        reply_to=row.ReplyTo,
        query=row.Query,
        send_request_date=row.RequestedAt,
        send_request_user=row.RequestedBy,
        sent_account_id=row.SentBy,
        sent_status=sent_status(
            row.State, row.Retries, None if row.dd_srno is None else row.Letter
        ),
        sent_date=row.EndedAt,
        explanation=explain(row.EmailId, _known(row)),
    )


def _known(row: Row[Any]) -> Known:
    if row.State is None:
        held = row.HeldFor is not None
        waits = sent_status(None, None, row.Letter if row.dd_srno else None) is SentStatus.UNSENT
        status = Status.HELD if held else Status.QUEUED if waits else Status.CANCELLED
        return Known(status, reason=row.HeldFor)
    return Known(
        status_of(row.State, row.Retries),
        row.EndedAt,
        row.Retries,
        row.NotBefore,
        row.Reason or row.LastReply,
    )
