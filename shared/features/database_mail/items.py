"""The emails of Database Mail as sysmail_allitems shows them: what was asked, what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, func, literal_column, or_, select

from shared.database.tables import accounts, attempts, emails, entries, mail_items
from shared.outbox.sending.finish import Outcome
from shared.outbox.states import Flag


class SentStatus(StrEnum):
    """What became of it, in the words of sysmail_allitems."""

    UNSENT = "unsent"
    """It waits, is on its way, or nobody knows whether it has arrived."""
    SENT = "sent"
    FAILED = "failed"
    RETRYING = "retrying"


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


def sent_status(state: str | None, retries: int | None) -> SentStatus:
    """The status of an email that stands so in the ledger; None: it is not there yet. Pure."""
    if state == Flag.SENT:
        return SentStatus.SENT
    if state in (Flag.FAILED, Flag.CANCELLED):
        return SentStatus.FAILED
    waits_again = state in (Flag.WAITING, Flag.PREPARING, Flag.TRANSMITTING) and retries
    return SentStatus.RETRYING if waits_again else SentStatus.UNSENT


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
_ITEMS: Select[Any] = (
    select(
        mail_items,
        entries.c.State,
        entries.c.Retries,
        func.coalesce(entries.c.SentAt, entries.c.EndedAt).label("LeftAt"),
        _by.label("SentBy"),
    )
    .select_from(mail_items.outerjoin(entries, entries.c.Number == mail_items.c.Number))
    # A call whose row was taken away before it was admitted never was.
    .where(
        or_(
            mail_items.c.Number.is_not(None),
            exists(literal_column("1")).where(emails.c.dd_srno == mail_items.c.EmailId),
        )
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
        sent_status=sent_status(row.State, row.Retries),
        sent_date=row.LeftAt,
    )
