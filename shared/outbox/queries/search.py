"""Looking at stored emails: one of them, or page after page, the latest first.

A page costs the same however long the table is: it reads a range of one index and looks at no more
than LOOKED_AT rows of it. Where few of those match, the page is short and the next one goes on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
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
)

from shared.database.tables import (
    OPTION_COLUMNS,
    attempts,
    emails,
    entries,
    held_rows,
    options,
    service,
)
from shared.outbox.admission.held import held_row, is_still_new
from shared.outbox.attachments import StoredAttachment, attachments_of
from shared.outbox.conditions import contains, ended, is_current, leased, state_is
from shared.outbox.entries import EmailNotFound, first_number
from shared.outbox.recipients import (
    Kind,
    KnownRecipient,
    RecipientState,
    known_recipients,
)
from shared.outbox.rows.their_table import their_table
from shared.outbox.states import Flag, Lane, Letter, Status, status_of

LOOKED_AT = 5_000
_MOST_ATTEMPTS = 500
_MOST_OF_REQUEST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEmail:
    """What is known of an email, without what it says. Lists of recipients are as they stand."""

    id: int
    status: Status
    subject: str
    to: str
    cc: str
    bcc: str = ""
    reply_to: str | None = None
    account_code: str | None = None
    priority: int = 3
    lane: Lane = Lane.SCHEDULED
    retries: int = 0
    created_at: datetime | None = None
    sent_at: datetime | None = None
    last_retry_at: datetime | None = None
    next_attempt_at: datetime | None = None
    ended_at: datetime | None = None
    emptied_at: datetime | None = None
    send_at: datetime | None = None
    expires_at: datetime | None = None
    message_id: str | None = None
    reason: str | None = None
    tags: tuple[str, ...] = ()
    origin: str | None = None
    request_id: str | None = None
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
                [one.address for one in self.recipients if one.kind is kind]
                for kind in (Kind.TO, Kind.CC, Kind.BCC)
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
    `stored_by` is whoever stored them.

    `account` is a code, "" for those without one; `origin` a way in, "" for rows of SQL; `tag` a
    part of their tags. `since` and `until` bound when they ended, of those that have ended, and
    else when they came in.
    """

    status: Status | None = None
    text: str = ""
    stored_by: str | None = None
    account: str | None = None
    origin: str | None = None
    tag: str = ""
    since: datetime | None = None
    until: datetime | None = None
    from_number: int | None = None
    """What `since` and `until` mean for lists in the order of numbers; `page` works them out."""
    below_number: int | None = None


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
    """The email of this number, if it is the caller's to see: of the ledger, or a row that is not
    Rowpost's yet, or never was. Raises EmailNotFound."""
    mine = _stored_by(stored_by)
    question = select(*_columns(their_table(connection).options)).select_from(_with_row)
    row = connection.execute(
        question.where(entries.c.EmailId == email_id, is_current, *mine)
    ).one_or_none()
    if row is None:
        return _of_row_alone(connection, email_id, stored_by)
    known = known_recipients(connection, [row.Number]).get(row.Number, ())
    files = attachments_of(connection, [row.Number]).get(row.Number, ())
    return _email(row, known, files)


def _of_row_alone(connection: Connection, email_id: int, stored_by: str | None) -> StoredEmail:
    row = None
    if stored_by is None:
        row = connection.execute(ROW_ALONE, {"email_id": email_id}).one_or_none()
    if row is None:
        raise EmailNotFound(f"there is no email {email_id}")
    letter = _text(row.dd_SendFlag).strip().upper()
    status, reason = status_of(letter, 0), row.dd_BounceReason
    if letter in ("", Letter.NEW):
        reason = _why_it_waits(connection, email_id)
        status = Status.QUEUED if reason is None else Status.HELD
    return StoredEmail(
        id=email_id,
        status=status,
        subject=_text(row.dd_subject),
        to=_text(row.dd_toEmailid),
        cc=_text(row.dd_ccEmailid),
        account_code=_text(row.dd_EmailParamCode) or None,
        retries=row.dd_RetryCount if isinstance(row.dd_RetryCount, int) else 0,
        sent_at=row.dd_SentDate,
        last_retry_at=row.dd_LastRetryDate,
        reason=reason,
    )


def _why_it_waits(connection: Connection, email_id: int) -> str | None:
    """Why a row that says N is not admitted; None: it will be."""
    held = held_row(connection, email_id)
    if held is not None:
        return held.reason
    bound = connection.execute(BOUND).one()
    if bound.Adopted and bound.StartedAt is None and bound.FirstId is None:
        return NOT_BEGUN
    if bound.FirstId is not None and email_id < bound.FirstId:
        return f"its id is below {bound.FirstId}, the first id to send: it means nothing here"
    return None


def attempts_at(connection: Connection, email_id: int) -> list[KeptAttempt]:
    """The attempts at an email, the first one first, no more than 500."""
    return [KeptAttempt(*row) for row in connection.execute(ATTEMPTS, {"email_id": email_id})]


def page(connection: Connection, wish: Wish, after: Position | None, limit: int) -> Page:
    """Up to `limit` emails beyond the position, the latest first."""
    there = their_table(connection).options
    wish = _with_numbers(connection, wish)
    if wish.status is Status.HELD:
        return _held_page(connection, wish, after, limit)
    rows = connection.execute(page_statement(wish, after, limit, there)).all()
    found = tuple([_email(row) for row in rows[:limit]])
    if len(rows) > limit:
        return Page(found, Position(rows[limit - 1].time, rows[limit - 1].Number))
    return Page(found, _end_of_look(connection, wish, after, _most_looked_at(wish, limit)))


def of_request(connection: Connection, request_id: str) -> list[StoredEmail]:
    """The emails that one request stored, the latest first."""
    question = select(*_columns(their_table(connection).options)).select_from(_with_row)
    rows = connection.execute(
        question.where(entries.c.RequestId == request_id, is_current)
        .order_by(entries.c.Number.desc())
        .limit(_MOST_OF_REQUEST)
    )
    return [_email(row) for row in rows]


def _with_numbers(connection: Connection, wish: Wish) -> Wish:
    """The wish, with the numbers between which emails came in at its times."""
    if (wish.since is None and wish.until is None) or wish.status is Status.HELD:
        return wish
    if _RANGES[wish.status].time is not None:
        return wish
    since, until = (
        None if time is None else first_number_since(connection, time)
        for time in (wish.since, wish.until)
    )
    return replace(wish, from_number=since, below_number=until)


def first_number_since(connection: Connection, time: datetime) -> int:
    """The number of the first entry that was made then or later: numbers grow with the time."""
    low, high = 0, (connection.scalar(_NEWEST) or 0) + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(MADE_AT, {"number": middle}).first()
        if row is None or row.CreatedAt >= time:
            high = middle
        else:
            low = row.Number + 1
    return low


def _held_page(connection: Connection, wish: Wish, after: Position | None, limit: int) -> Page:
    """Rows that can't be admitted as they are: those of SQL alone, and without tags that are known.

    They are nobody's who stored by the API.
    """
    if wish.stored_by is not None or wish.origin or wish.tag:
        return Page((), None)
    below = after.id if after is not None else _LAST_NUMBER
    ids = list(connection.scalars(held_statement(wish).limit(limit + 1), {"below": below}))
    found = tuple([_of_row_alone(connection, email_id, None) for email_id in ids[:limit]])
    return Page(found, Position(None, ids[limit - 1]) if len(ids) > limit else None)


def held_statement(wish: Wish) -> Select[Any]:
    """What reads the ids of held rows `below` one, the latest first."""
    question = HELD_IDS
    if wish.since is not None:
        question = question.where(held_rows.c.Since >= wish.since)
    if wish.until is not None:
        question = question.where(held_rows.c.Since < wish.until)
    of_row: list[ColumnElement[bool]] = []
    if wish.text:
        texts = (emails.c.dd_subject, emails.c.dd_toEmailid, emails.c.dd_ccEmailid)
        of_row.append(contains(wish.text, texts))
    if wish.account is not None:
        of_row.append(func.coalesce(emails.c.dd_EmailParamCode, "") == wish.account)
    if not of_row:
        return question
    its_row = emails.c.dd_srno == held_rows.c.EmailId
    return question.where(select(literal_column("1")).where(its_row, *of_row).exists())


def page_statement(
    wish: Wish,
    after: Position | None,
    limit: int,
    there: frozenset[str] = frozenset(OPTION_COLUMNS),
) -> Select[Any]:
    """What reads a page, and one row more."""
    looked_at = look(wish, after).limit(_most_looked_at(wish, limit)).subquery()
    return (
        select(*_columns(there), looked_at.c.time)
        .select_from(looked_at.join(_with_row, entries.c.Number == looked_at.c.id))
        .where(*_filters(wish, there))
        .order_by(looked_at.c.time.desc(), looked_at.c.id.desc())
        .limit(limit + 1)
    )


def look(wish: Wish, after: Position | None) -> Select[Any]:
    """Numbers and times beyond the position, in the order of one index."""
    chosen = _RANGES[wish.status]
    time = chosen.time
    order = (chosen.number.desc(),) if time is None else (time.desc(), chosen.number.desc())
    return (
        select(entries.c.Number.label("id"), (null() if time is None else time).label("time"))
        .where(
            chosen.condition,
            *chosen.within(wish),
            *(() if after is None else (chosen.beyond(after),)),
        )
        .order_by(*order)
    )


@lru_cache(maxsize=16)
def _columns(there: frozenset[str]) -> tuple[ColumnElement[Any], ...]:
    """What is shown of an email, of a table that has these option columns."""

    def option(name: str) -> ColumnElement[Any]:
        ours, theirs = options.c[name], f"dd_{name}"
        return (func.coalesce(ours, emails.c[theirs]) if theirs in there else ours).label(name)

    return (
        *entries.columns,
        emails.c.dd_toEmailid,
        emails.c.dd_ccEmailid,
        emails.c.dd_subject,
        option("bccEmailid"),
        option("ReplyTo"),
        option("SendAt"),
        option("Tags"),
    )


_with_row = entries.outerjoin(emails, emails.c.dd_srno == entries.c.EmailId).outerjoin(
    options, options.c.Number == entries.c.Number
)
_OF_EMAIL = select(first_number).where(entries.c.EmailId == bindparam("email_id"), is_current)
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
    .join_from(attempts, entries, entries.c.Number == attempts.c.Number)
    .where(
        entries.c.EmailId == bindparam("email_id"),
        first_number == _OF_EMAIL.scalar_subquery(),
    )
    .order_by(attempts.c.Id)
    .limit(_MOST_ATTEMPTS)
)
BOUND = select(service.c.FirstId, service.c.Adopted, service.c.StartedAt).where(
    service.c.Id == literal_column("1")
)
_NEWEST = select(func.max(entries.c.Number))
MADE_AT = (
    select(entries.c.Number, entries.c.CreatedAt)
    .where(entries.c.Number >= bindparam("number"))
    .order_by(entries.c.Number)
    .limit(1)
)
NOT_BEGUN = "nobody has said yet which id of this adopted queue is the first to send"
ROW_ALONE = select(
    emails.c.dd_toEmailid,
    emails.c.dd_ccEmailid,
    emails.c.dd_subject,
    emails.c.dd_SendFlag,
    emails.c.dd_EmailParamCode,
    emails.c.dd_RetryCount,
    emails.c.dd_SentDate,
    emails.c.dd_BounceReason,
    emails.c.dd_LastRetryDate,
).where(emails.c.dd_srno == bindparam("email_id"))
HELD_IDS = (
    select(held_rows.c.EmailId)
    .where(held_rows.c.EmailId < bindparam("below"), is_still_new)
    .order_by(held_rows.c.EmailId.desc())
)
_ENTRY = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^;,])+')
_LAST_NUMBER = 2**31 - 1


class _Range(NamedTuple):
    """A range of one index, in its own order: by `time`, where it has one, then by `number`."""

    condition: ColumnElement[bool]
    time: ColumnElement[Any] | None = None
    number: ColumnElement[int] = entries.c.Number

    def beyond(self, after: Position) -> ColumnElement[bool]:
        """What comes after the position; what has no time is a range of its own, the last."""
        further = self.number < after.id
        if self.time is None:
            return further
        if after.time is None:
            return and_(self.time.is_(None), further)
        return and_(self.time <= after.time, or_(self.time < after.time, further))

    def within(self, wish: Wish) -> list[ColumnElement[bool]]:
        """The part of the range that is between the wish's times."""
        low: Any = wish.from_number
        high: Any = wish.below_number
        column: ColumnElement[Any] = self.number
        if self.time is not None:
            column, low, high = self.time, wish.since, wish.until
        from_low = [] if low is None else [column >= low]
        return from_low if high is None else [*from_low, column < high]


_RANGES: dict[Status | None, _Range] = {
    None: _Range(is_current),
    Status.QUEUED: _Range(state_is(Flag.WAITING)),
    Status.RETRY: _Range(and_(state_is(Flag.WAITING), entries.c.Retries > literal_column("0"))),
    # Few, and sorted by their leases; ordered by the bare number, SQLite would read all emails.
    Status.SENDING: _Range(
        leased(Flag.PREPARING, Flag.TRANSMITTING), number=entries.c.Number + literal_column("0")
    ),
    Status.UNKNOWN: _Range(and_(state_is(Flag.UNKNOWN), is_current)),
    Status.SENT: _Range(and_(ended(Flag.SENT), is_current), entries.c.EndedAt),
    Status.FAILED: _Range(and_(ended(Flag.FAILED), is_current), entries.c.EndedAt),
    Status.CANCELLED: _Range(and_(ended(Flag.CANCELLED), is_current), entries.c.EndedAt),
}


def _most_looked_at(wish: Wish, limit: int) -> int:
    return LOOKED_AT if _filters(wish) else limit + 1


def _filters(wish: Wish, there: frozenset[str] = frozenset()) -> list[ColumnElement[bool]]:
    filters = list(_stored_by(wish.stored_by))
    if wish.status is Status.QUEUED:
        filters.append(entries.c.Retries == literal_column("0"))
    if wish.text:
        texts = (emails.c.dd_subject, emails.c.dd_toEmailid, emails.c.dd_ccEmailid)
        filters.append(contains(wish.text, (*texts, options.c.bccEmailid)))
    if wish.account is not None:
        code = entries.c.AccountCode
        filters.append(code == wish.account if wish.account else code.is_(None))
    if wish.origin is not None:
        origin = entries.c.Origin
        filters.append(origin == wish.origin if wish.origin else origin.is_(None))
    if wish.tag:
        tags = [options.c.Tags, *([emails.c.dd_Tags] if "dd_Tags" in there else ())]
        filters.append(contains(wish.tag, tags))
    return filters


def _stored_by(caller: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if caller is None else (entries.c.StoredBy == caller,)


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
        id=row.EmailId,
        status=status_of(row.State, row.Retries),
        subject=_text(row.dd_subject),
        to=_text(row.dd_toEmailid),
        cc=_text(row.dd_ccEmailid),
        bcc=_text(row.bccEmailid),
        reply_to=_text(row.ReplyTo) or None,
        account_code=row.AccountCode,
        priority=row.Priority,
        lane=Lane(row.Lane),
        retries=row.Retries,
        created_at=row.RowCreatedAt or row.CreatedAt,
        sent_at=row.SentAt,
        last_retry_at=row.LastTriedAt,
        next_attempt_at=row.NotBefore,
        ended_at=row.EndedAt,
        emptied_at=row.EmptiedAt,
        send_at=row.SendAt,
        expires_at=row.ExpiresAt,
        message_id=row.MessageId,
        reason=row.Reason,
        tags=_tags(row.Tags),
        origin=row.Origin,
        request_id=row.RequestId,
        recipients=known,
        attachments=files,
    )


def _tags(written: Any) -> tuple[str, ...]:
    """The tags that a JSON array names; what is none names one."""
    if not written:
        return ()
    try:
        tags = json.loads(_text(written))
    except ValueError:
        return (_text(written),)
    return tuple([str(tag) for tag in tags]) if isinstance(tags, list) else (_text(written),)


def _text(value: Any) -> str:
    """SQLite columns hold whatever an application put there."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return "" if value is None else str(value)
