"""Emails by the request that stored them: what became of one, and the log of all.

A page of the log reads a range of one index, however long the table is, and nobody's text.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, literal_column, select

from shared.database.tables import accounts, attempts, emails, entries
from shared.outbox.conditions import contains, is_current, state_is
from shared.outbox.states import Flag

QUEUED, SENDING, SENT, FAILED = "queued", "sending", "sent", "failed"
LOOKED_AT = 5_000
_BEYOND_ALL = 2**31 - 1
_FLAGS: dict[str, tuple[Flag, ...]] = {
    QUEUED: (Flag.WAITING,),
    SENDING: (Flag.PREPARING, Flag.TRANSMITTING, Flag.UNKNOWN),
    SENT: (Flag.SENT,),
    FAILED: (Flag.FAILED, Flag.CANCELLED),
}

_CLASSES = {4: "temporary", 5: "permanent"}
_STATUS: dict[str | None, str] = {
    Flag.WAITING: QUEUED,
    Flag.PREPARING: SENDING,
    Flag.TRANSMITTING: SENDING,
    # On its way or there: somebody decides, and it is sent or queued again then.
    Flag.UNKNOWN: SENDING,
    Flag.SENT: SENT,
    Flag.CANCELLED: "failed (cancelled)",
}


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One line of the log. `number` is the entry's, `id` the request's."""

    number: int
    id: str
    sender: str
    recipient: str
    date: datetime | None
    status: str


def status_of(flag: str | None, code: int | None, enhanced_code: str | None) -> str:
    """The status in the words of keyed sending, a failure with reply code and class.

    The class is that of the code's first digit (RFC 5321, 4.2.1): temporary (retried in vain) or
    permanent. What the server said besides may be about its own affairs and is left out.
    """
    if flag != Flag.FAILED:
        return _STATUS.get(flag, SENDING)
    if code is None:
        return "failed (no reply code)"
    words = (str(code), enhanced_code, _CLASSES.get(code // 100))
    return f"failed ({' '.join(word for word in words if word)})"


def find(connection: Connection, request_id: str) -> str | None:
    """What became of the email that this request stored; None: there is no such request."""
    row = connection.execute(STATUS, {"request_id": request_id}).first()
    return None if row is None else status_of(row.State, row.Code, row.EnhancedCode)


@dataclass(frozen=True, slots=True)
class Wish:
    """Which requests to show: those for a recipient that contains `text`, in this state (queued,
    sending, sent or failed); None and empty is all."""

    text: str = ""
    state: str | None = None


_ALL = Wish()


@dataclass(frozen=True, slots=True)
class Page:
    """Some requests, the latest first; `after`: where the next page begins, None: nowhere."""

    requests: tuple[LoggedRequest, ...]
    after: int | None


def page(connection: Connection, before: int | None, limit: int, wish: Wish = _ALL) -> Page:
    """Up to `limit` requests whose emails have numbers below `before`, the latest first.

    With a wish no more than LOOKED_AT of them are looked at: a page may be short, or empty.
    """
    if wish == _ALL:
        below = () if before is None else (entries.c.Number < before,)
        rows = connection.execute(LOG.where(*below).limit(limit + 1)).all()
        further = rows[limit - 1].Number if len(rows) > limit else None
    else:
        looked_at = list(connection.scalars(LOOK, {"before": before or _BEYOND_ALL}))
        if not looked_at:
            return Page((), None)
        rows = connection.execute(
            wished_statement(wish).limit(limit + 1),
            {"first": looked_at[-1], "last": looked_at[0]},
        ).all()
        further = looked_at[-1] if len(looked_at) == LOOKED_AT else None
        further = rows[limit - 1].Number if len(rows) > limit else further
    senders = _senders(connection) if rows else {}
    return Page(tuple([_logged(row, senders) for row in rows[:limit]]), further)


def wished_statement(wish: Wish) -> Select[Any]:
    """What reads those requests between two numbers that are wished for."""
    question = LOG.where(entries.c.Number.between(bindparam("first"), bindparam("last")))
    if wish.state is not None:
        question = question.where(state_is(*_FLAGS[wish.state]))
    if wish.text:
        question = question.where(contains(wish.text, [emails.c.dd_toEmailid]))
    return question


# As intake.Origin.KEY, in the words of the index.
_is_keyed = entries.c.Origin == literal_column("'key'")
_of_email = attempts.alias("of_email")
_last_attempt = (
    select(func.max(_of_email.c.Id))
    .where(_of_email.c.Number == entries.c.Number)
    .correlate(entries)
    .scalar_subquery()
)
_with_attempt = entries.outerjoin(attempts, attempts.c.Id == _last_attempt)
STATUS = (
    select(entries.c.State, attempts.c.Code, attempts.c.EnhancedCode)
    .select_from(_with_attempt)
    .where(entries.c.RequestId == bindparam("request_id"), _is_keyed, is_current)
)
LOOK = (
    select(entries.c.Number)
    .where(_is_keyed, is_current, entries.c.Number < bindparam("before"))
    .order_by(entries.c.Number.desc())
    .limit(LOOKED_AT)
)
LOG: Select[Any] = (
    select(
        entries.c.Number,
        entries.c.EmailId,
        entries.c.RequestId,
        entries.c.AccountCode,
        emails.c.dd_toEmailid,
        entries.c.CreatedAt,
        entries.c.State,
        attempts.c.Code,
        attempts.c.EnhancedCode,
    )
    .select_from(_with_attempt.outerjoin(emails, emails.c.dd_srno == entries.c.EmailId))
    .where(_is_keyed, is_current)
    .order_by(entries.c.Number.desc())
)


def _senders(connection: Connection) -> dict[str, str]:
    """The address that each account sends from, by its code."""
    rows = connection.execute(
        select(accounts.c.ParamCode, accounts.c.SMTPMailId, accounts.c.SMTPAccountName)
    )
    return {
        row.ParamCode: row.SMTPMailId or row.SMTPAccountName or row.ParamCode
        for row in rows
        if row.ParamCode
    }


def _logged(row: Row[Any], senders: dict[str, str]) -> LoggedRequest:
    code = row.AccountCode or ""
    return LoggedRequest(
        number=row.Number,
        id=row.RequestId or "",
        sender=senders.get(code, code),
        recipient=row.dd_toEmailid or "",
        date=row.CreatedAt,
        status=status_of(row.State, row.Code, row.EnhancedCode),
    )
