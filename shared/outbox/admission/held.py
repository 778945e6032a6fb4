"""Held rows: they say N, can't be admitted as they are, and everybody may read why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)

from shared.database.columns.times import utc_now
from shared.database.columns.widths import cut
from shared.database.statements.changes import changed
from shared.database.statements.insert_if_absent import insert_if_absent
from shared.database.tables import emails, held_rows
from shared.events.event import Event, EventType
from shared.events.record import record
from shared.outbox.admission.rules import Held
from shared.outbox.rows.their_rows import IDS, says_new

LOOK_AGAIN_SECONDS = 60.0
BUSY_SECONDS = 5.0
"""A row that somebody else works on is looked at again so soon."""
HELD_BY_OTHERS = "another session holds its row: looked at again in a moment"
_AN_HOUR_AGO = utc_now(literal_column("-3600.0"))
_REASON_WIDTH = 500
_CODE_WIDTH = 50
_BATCH = 500

NOTE_AGAIN = (
    update(held_rows)
    .where(held_rows.c.EmailId == bindparam("email_id"))
    .values(
        Reason=bindparam("reason"),
        AccountCode=bindparam("code"),
        LookAgainAt=utc_now(bindparam("seconds")),
    )
)
LET_GO = delete(held_rows).where(held_rows.c.EmailId.in_(IDS))
CODES_ANSWERED = (
    update(held_rows)
    .where(
        func.lower(held_rows.c.AccountCode).in_(bindparam("codes", expanding=True)),
        held_rows.c.LookAgainAt > utc_now(),
    )
    .values(LookAgainAt=utc_now())
)
CONFIRM = (
    update(held_rows)
    .where(held_rows.c.EmailId.in_(IDS))
    .values(Confirmed=literal_column("1"), LookAgainAt=utc_now())
)
is_still_new: ColumnElement[bool] = (
    # Not joined: SQLite would begin with all rows of the queue.
    select(literal_column("1"))
    .where(emails.c.dd_srno == held_rows.c.EmailId, or_(says_new, emails.c.dd_SendFlag.is_(None)))
    .exists()
)
"""A row that was held is there, and still says N: else its note is out of date."""
# A row that is there has been looked at again by now: an index gives the others.
FORGET_GONE = delete(held_rows).where(
    held_rows.c.EmailId.in_(
        select(held_rows.c.EmailId)
        .where(held_rows.c.LookAgainAt <= _AN_HOUR_AGO, ~is_still_new)
        .order_by(held_rows.c.LookAgainAt)
        .limit(_BATCH)
    )
)


class HeldRow(NamedTuple):
    """A row that is held, why and since when."""

    email_id: int
    reason: str
    account_code: str | None
    since: datetime


def hold(
    connection: Connection, rows: Mapping[int, Held], seconds: float = LOOK_AGAIN_SECONDS
) -> None:
    """Note these rows, by the emails' ids, and look at them again in so many seconds.

    Held from now on, each is an event; not where another session merely works on it.
    """
    first_time = []
    for email_id, held in rows.items():
        reason = cut(held.reason, _REASON_WIDTH)
        code = None if held.account_code is None else cut(held.account_code, _CODE_WIDTH)
        look_again_at = utc_now(literal_column(str(seconds)))
        values = {"Reason": reason, "AccountCode": code, "LookAgainAt": look_again_at}
        if not insert_if_absent(connection, held_rows, {"EmailId": email_id}, values):
            again = {"email_id": email_id, "reason": reason, "code": code, "seconds": seconds}
            connection.execute(NOTE_AGAIN, again)
        elif held.reason != HELD_BY_OTHERS:
            first_time.append(Event(EventType.HELD, email_id, reason=reason))
    record(connection, first_time)


def let_go(connection: Connection, ids: Sequence[int]) -> None:
    """These rows are held no more."""
    if ids:
        connection.execute(LET_GO, {"ids": list(ids)})


def confirm(connection: Connection, ids: Sequence[int]) -> int:
    """Somebody wants these sent though many were reset at once; answers how many were held."""
    return changed(connection, CONFIRM, {"ids": list(ids)}) if ids else 0


def codes_are_answered(connection: Connection, codes: Iterable[str]) -> None:
    """Accounts answer for these codes, given in small letters: look at what was held for want of
    one."""
    if several := list(codes):
        connection.execute(CODES_ANSWERED, {"codes": several})


def forget_gone(connection: Connection) -> int:
    """Forget rows that have been gone for an hour, or say something else; one batch, answers how
    many."""
    return changed(connection, FORGET_GONE)


HELD_ONE = select(
    held_rows.c.EmailId, held_rows.c.Reason, held_rows.c.AccountCode, held_rows.c.Since
)


def held_row(connection: Connection, email_id: int) -> HeldRow | None:
    """Why this row is held, if it is."""
    row = connection.execute(HELD_ONE.where(held_rows.c.EmailId == email_id)).one_or_none()
    return None if row is None else HeldRow(*row)
