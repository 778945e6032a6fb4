"""Emails by the request that stored them: what became of one, and the log of all.

A page of the log reads a range of one index, however long the table is, and nobody's text.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, literal_column, select

from shared.database.tables import accounts, attempts, emails, entries
from shared.outbox.conditions import is_current
from shared.outbox.states import Flag

QUEUED, SENDING, SENT = "queued", "sending", "sent"

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


def page(connection: Connection, before: int | None, limit: int) -> list[LoggedRequest]:
    """Up to `limit` requests whose emails have numbers below `before`, the latest first."""
    below = () if before is None else (entries.c.Number < before,)
    rows = connection.execute(LOG.where(*below).limit(limit)).all()
    senders = _senders(connection) if rows else {}
    return [_logged(row, senders) for row in rows]


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
