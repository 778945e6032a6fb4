"""Looking at stored emails: one of them, or page after page, the latest first.

A page costs the same however long the table is: it reads a range of one index and looks at no more
than LOOKED_AT rows of it. Where few of those match, the page is short and the next one goes on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
)

from shared.database.tables import attempts, emails
from shared.outbox.attachments import StoredAttachment, attachments_of
from shared.outbox.conditions import ended, flag_is, leased
from shared.outbox.recipients import (
    Kind,
    KnownRecipient,
    RecipientState,
    known_recipients,
)
from shared.outbox.resolve import EmailNotFound
from shared.outbox.states import Flag, Lane, Status, status_of

LOOKED_AT = 5_000
_MOST_ATTEMPTS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEmail:
    """What is known of an email, without what it says. Lists of recipients are as they stand."""

    id: int
    status: Status
    subject: str
    to: str
    cc: str
    bcc: str
    reply_to: str | None
    account_code: str | None
    priority: int
    lane: Lane
    retries: int
    created_at: datetime | None
    sent_at: datetime | None
    last_retry_at: datetime | None
    next_attempt_at: datetime | None
    ended_at: datetime | None
    emptied_at: datetime | None
    send_at: datetime | None
    expires_at: datetime | None
    message_id: str | None
    reason: str | None
    tags: tuple[str, ...]
    origin: str | None
    request_id: str | None
    recipients: tuple[KnownRecipient, ...] = ()
    """Those who are known one by one."""
    attachments: tuple[StoredAttachment, ...] = ()

    @property
    def refused(self) -> tuple[KnownRecipient, ...]:
        """Who was refused for good."""
        return tuple([one for one in self.recipients if one.state is RecipientState.REFUSED])

    def mailboxes(self) -> tuple[list[str], list[str], list[str]]:
        """To, Cc and Bcc, each entry as it was written."""
        if self.recipients:
            to, cc, bcc = (
                [one.address for one in self.recipients if one.kind is kind] for kind in Kind
            )
        else:
            to, cc, bcc = (_entries(text) for text in (self.to, self.cc, self.bcc))
        return to, cc, bcc


class KeptAttempt(NamedTuple):
    """One attempt at an email, as it was written down."""

    at: datetime
    account: str | None
    outcome: str
    code: int | None
    enhanced_code: str | None
    reply: str | None
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class Wish:
    """Which emails to show; None and empty is all. `text` is looked for in subject and recipients,
    `stored_by` is whoever stored them."""

    status: Status | None = None
    text: str = ""
    stored_by: str | None = None


class Position(NamedTuple):
    """A place in a list: the time it is sorted by, where it has one, and the email's number."""

    time: datetime | None
    id: int


@dataclass(frozen=True, slots=True)
class Page:
    """`after` is where the next page begins; None: this was the last."""

    emails: tuple[StoredEmail, ...]
    after: Position | None


def find(connection: Connection, email_id: int, stored_by: str | None = None) -> StoredEmail:
    """The email of this number, if it is the caller's to see. Raises EmailNotFound."""
    mine = _stored_by(stored_by)
    row = connection.execute(
        select(*_COLUMNS).where(emails.c.dd_srno == email_id, *mine)
    ).one_or_none()
    if row is None:
        raise EmailNotFound(f"there is no email {email_id}")
    known = known_recipients(connection, [email_id]).get(email_id, ())
    files = attachments_of(connection, [email_id]).get(email_id, ())
    return _email(row, known, files)


def attempts_at(connection: Connection, email_id: int) -> list[KeptAttempt]:
    """The attempts at an email, the first one first, no more than 500."""
    return [KeptAttempt(*row) for row in connection.execute(ATTEMPTS, {"email_id": email_id})]


def page(connection: Connection, wish: Wish, after: Position | None, limit: int) -> Page:
    """Up to `limit` emails beyond the position, the latest first."""
    rows = connection.execute(page_statement(wish, after, limit)).all()
    found = tuple([_email(row) for row in rows[:limit]])
    if len(rows) > limit:
        return Page(found, Position(rows[limit - 1].time, rows[limit - 1].dd_srno))
    return Page(found, _end_of_look(connection, wish, after, _most_looked_at(wish, limit)))


def page_statement(wish: Wish, after: Position | None, limit: int) -> Select[Any]:
    """What reads a page, and one row more."""
    looked_at = look(wish, after).limit(_most_looked_at(wish, limit)).subquery()
    return (
        select(*_COLUMNS, looked_at.c.time)
        .join_from(looked_at, emails, emails.c.dd_srno == looked_at.c.id)
        .where(*_filters(wish))
        .order_by(looked_at.c.time.desc(), looked_at.c.id.desc())
        .limit(limit + 1)
    )


def look(wish: Wish, after: Position | None) -> Select[Any]:
    """Numbers and times beyond the position, in the order of one index."""
    chosen = _RANGES[wish.status]
    time = chosen.time
    order = (chosen.number.desc(),) if time is None else (time.desc(), chosen.number.desc())
    return (
        select(emails.c.dd_srno.label("id"), (null() if time is None else time).label("time"))
        .where(chosen.condition, *(() if after is None else (chosen.beyond(after),)))
        .order_by(*order)
    )


_COLUMNS = (
    emails.c.dd_srno,
    emails.c.dd_toEmailid,
    emails.c.dd_ccEmailid,
    emails.c.dd_bccEmailid,
    emails.c.dd_subject,
    emails.c.dd_SendFlag,
    emails.c.dd_EmailParamCode,
    emails.c.dd_RetryCount,
    emails.c.dd_SentDate,
    emails.c.dd_BounceReason,
    emails.c.dd_LastRetryDate,
    emails.c.dd_Priority,
    emails.c.dd_Lane,
    emails.c.dd_SendAt,
    emails.c.dd_ExpiresAt,
    emails.c.dd_NextAttemptDate,
    emails.c.dd_MessageId,
    emails.c.dd_CreatedDate,
    emails.c.dd_ReplyTo,
    emails.c.dd_Tags,
    emails.c.dd_Origin,
    emails.c.dd_RequestId,
    emails.c.dd_EndedDate,
    emails.c.dd_EmptiedDate,
)
ATTEMPTS = (
    select(
        attempts.c.At,
        attempts.c.Account,
        attempts.c.Outcome,
        attempts.c.Code,
        attempts.c.EnhancedCode,
        attempts.c.Reply,
        attempts.c.DurationMs,
    )
    .where(attempts.c.EmailId == bindparam("email_id"))
    .order_by(attempts.c.Id)
    .limit(_MOST_ATTEMPTS)
)
_ENTRY = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^;,])+')
_LAST_NUMBER = 2**31 - 1
# What LIKE does not take as it stands; on SQL Server [abc] is one letter of three.
_LIKE = re.compile(r"[%_\[/]")


class _Range(NamedTuple):
    """A range of one index, in its own order: by `time`, where it has one, then by `number`."""

    condition: ColumnElement[bool]
    time: ColumnElement[Any] | None = None
    number: ColumnElement[int] = emails.c.dd_srno

    def beyond(self, after: Position) -> ColumnElement[bool]:
        """What comes after the position; what has no time is a range of its own, the last."""
        further = self.number < after.id
        if self.time is None:
            return further
        if after.time is None:
            return and_(self.time.is_(None), further)
        return and_(self.time <= after.time, or_(self.time < after.time, further))


_RANGES: dict[Status | None, _Range] = {
    None: _Range(true()),
    Status.QUEUED: _Range(flag_is(Flag.WAITING), emails.c.dd_CreatedDate),
    Status.RETRY: _Range(and_(flag_is(Flag.WAITING), emails.c.dd_RetryCount > literal_column("0"))),
    # Few, and sorted by their leases; ordered by the bare number, SQLite would read all emails.
    Status.SENDING: _Range(
        leased(Flag.PREPARING, Flag.TRANSMITTING), number=emails.c.dd_srno + literal_column("0")
    ),
    Status.UNKNOWN: _Range(flag_is(Flag.UNKNOWN)),
    Status.SENT: _Range(ended(Flag.SENT), emails.c.dd_EndedDate),
    Status.FAILED: _Range(ended(Flag.FAILED), emails.c.dd_EndedDate),
    Status.CANCELLED: _Range(ended(Flag.CANCELLED), emails.c.dd_EndedDate),
}


def _most_looked_at(wish: Wish, limit: int) -> int:
    return LOOKED_AT if _filters(wish) else limit + 1


def _filters(wish: Wish) -> list[ColumnElement[bool]]:
    filters = list(_stored_by(wish.stored_by))
    if wish.status is Status.QUEUED:
        filters.append(func.coalesce(emails.c.dd_RetryCount, 0) == literal_column("0"))
    if wish.text:
        pattern = "%" + _LIKE.sub(r"/\g<0>", wish.text) + "%"
        filters.append(
            or_(
                *(
                    column.like(pattern, escape="/")
                    for column in (
                        emails.c.dd_subject,
                        emails.c.dd_toEmailid,
                        emails.c.dd_ccEmailid,
                        emails.c.dd_bccEmailid,
                    )
                )
            )
        )
    return filters


def _stored_by(caller: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if caller is None else (emails.c.dd_StoredBy == caller,)


def _end_of_look(
    connection: Connection, wish: Wish, after: Position | None, looked_at: int
) -> Position | None:
    """Where to look on: at the last row looked at, at what has no time, or (None) nowhere."""
    rest = look(wish, after).offset(looked_at - 1).limit(2)
    rows: Sequence[Row[Any]] = connection.execute(rest).all()
    if len(rows) == 2:
        return Position(rows[0].time, rows[0].id)
    if after is None or after.time is None:
        return None
    timeless = Position(None, _LAST_NUMBER)
    without = connection.execute(look(wish, timeless).limit(1)).first()
    return None if without is None else timeless


def _entries(text: str) -> list[str]:
    """A list's entries as they stand: cut at `;` and `,`, but not inside quotes."""
    return [found for one in _ENTRY.findall(text) if (found := one.strip())]


def _email(
    row: Any,
    known: tuple[KnownRecipient, ...] = (),
    files: tuple[StoredAttachment, ...] = (),
) -> StoredEmail:
    return StoredEmail(
        id=row.dd_srno,
        status=status_of(row.dd_SendFlag, row.dd_RetryCount),
        subject=_text(row.dd_subject),
        to=_text(row.dd_toEmailid),
        cc=_text(row.dd_ccEmailid),
        bcc=_text(row.dd_bccEmailid),
        reply_to=row.dd_ReplyTo,
        account_code=_text(row.dd_EmailParamCode) or None,
        priority=row.dd_Priority if isinstance(row.dd_Priority, int) else 3,
        lane=Lane.IMMEDIATE if row.dd_Lane == Lane.IMMEDIATE else Lane.SCHEDULED,
        retries=row.dd_RetryCount if isinstance(row.dd_RetryCount, int) else 0,
        created_at=row.dd_CreatedDate,
        sent_at=row.dd_SentDate,
        last_retry_at=row.dd_LastRetryDate,
        next_attempt_at=row.dd_NextAttemptDate,
        ended_at=row.dd_EndedDate,
        emptied_at=row.dd_EmptiedDate,
        send_at=row.dd_SendAt,
        expires_at=row.dd_ExpiresAt,
        message_id=row.dd_MessageId,
        reason=row.dd_BounceReason,
        tags=tuple(json.loads(row.dd_Tags)) if row.dd_Tags else (),
        origin=row.dd_Origin,
        request_id=row.dd_RequestId,
        recipients=known,
        attachments=files,
    )


def _text(value: Any) -> str:
    """SQLite columns hold whatever an application put there."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return "" if value is None else str(value)
