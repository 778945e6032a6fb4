"""What is left of a scheduled run: which of its emails wait still, and for which accounts.

Of a run are the emails whose rows were in the queue when it began.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    exists,
    literal_column,
    or_,
    select,
    union_all,
)

from shared.database.columns.times import utc_now
from shared.database.statements.locks import skipping_locked
from shared.database.tables import emails, entries, held_rows, service
from shared.outbox.conditions import leased, state_is
from shared.outbox.queries.counts import COUNT_LIMIT
from shared.outbox.states import Flag, Lane, Letter

# Not asked of a row that somebody is still inserting: it is of the next run.
NEWEST_ID = skipping_locked(
    select(emails.c.dd_srno).order_by(emails.c.dd_srno.desc()).limit(1), emails
)


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a run; false: nothing. `codes`: account codes of its emails that are due, in
    small letters, "" for none; None: rows of it are to be admitted, and any code may be among them.
    """

    codes: frozenset[str] | None
    has_more: bool = False
    """Emails of it are on their way, or are tried again later."""

    def __bool__(self) -> bool:
        return self.codes is None or bool(self.codes) or self.has_more


def newest_id(connection: Connection) -> int | None:
    """The last row of the queue, not counting those that are being inserted."""
    newest: int | None = connection.scalar(NEWEST_ID)
    return newest


def left_of_run(connection: Connection, last_id: int, answered: frozenset[str]) -> Left:
    """What is left of the run that `last_id` is the last row of, for the account codes that an
    active account answers for (as in `Left`). What nobody answers for keeps no run open.

    Bounded: of more than COUNT_LIMIT emails the ones that have been due longest are looked at.
    """
    values = {"last_id": last_id}
    if connection.scalar(TO_ADMIT, values):
        return Left(None)
    left = [
        ((code or "").lower(), is_due) for code, is_due in connection.execute(CODES_LEFT, values)
    ]
    due = frozenset(code for code, is_due in left if is_due)
    return Left(answered & due, has_more=any(code in answered for code, _ in left))


_SCHEDULED: ColumnElement[str] = literal_column(f"'{Lane.SCHEDULED}'")
_COLUMNS = (
    entries.c.AccountCode,
    entries.c.EmailId,
    entries.c.State,
    entries.c.Lane,
    entries.c.Retries,
    entries.c.DueSince,
    entries.c.NotBefore,
)


def _some(condition: ColumnElement[bool], *order: ColumnElement[Any]) -> Select[Any]:
    some = select(*_COLUMNS).where(condition).order_by(*order).limit(COUNT_LIMIT).subquery()
    waits = some.c.State == literal_column(f"'{Flag.WAITING}'")
    has_come = or_(some.c.NotBefore.is_(None), some.c.NotBefore <= utc_now())
    is_due = case((and_(waits, has_come), literal_column("1")), else_=literal_column("0"))
    return select(some.c.AccountCode, is_due.label("IsDue")).where(
        some.c.Lane == _SCHEDULED,
        some.c.EmailId <= bindparam("last_id"),
        # An email that its application wants later has not been tried, and is due then.
        or_(
            some.c.NotBefore.is_(None),
            some.c.Retries > literal_column("0"),
            some.c.DueSince < some.c.NotBefore,
        ),
    )


_left = union_all(
    _some(
        and_(
            state_is(Flag.WAITING),
            entries.c.NotBefore.is_(None),
            entries.c.Lane == _SCHEDULED,
        ),
        entries.c.DueSince,
    ),
    _some(and_(state_is(Flag.WAITING), entries.c.NotBefore.is_not(None)), entries.c.NotBefore),
    _some(leased(Flag.PREPARING, Flag.TRANSMITTING), entries.c.LeaseToken),
).subquery()
CODES_LEFT = select(_left.c.AccountCode, _left.c.IsDue).distinct()
_first_id = select(service.c.FirstId).where(service.c.Id == literal_column("1")).scalar_subquery()
TO_ADMIT = (
    select(emails.c.dd_srno)
    .where(
        emails.c.dd_SendFlag == literal_column(f"'{Letter.NEW}'"),
        emails.c.dd_srno <= bindparam("last_id"),
        or_(_first_id.is_(None), emails.c.dd_srno >= _first_id),
        ~exists().where(held_rows.c.EmailId == emails.c.dd_srno),
    )
    .order_by(emails.c.dd_srno)
    .limit(1)
)
