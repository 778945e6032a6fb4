"""Retention: what has ended long ago loses its content, and later its record.

Only emails that Rowpost itself has ended, and whose rows have been told so, count here: one that
waits, is under way or unknown, or was ended by somebody else, is never touched. A row in which an
application's own letter stands is left to it, and Rowpost forgets that email. One that says N
asks for it again, and one that says nothing would be taken for new: these are kept.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    exists,
    literal_column,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from shared.database.columns.times import in_days, utc_now
from shared.database.database import Database
from shared.database.errors import is_held_by_others, is_transient
from shared.database.tables import contacts, emails, entries, mail_items, options, service
from shared.outbox.attachments import release_attachments
from shared.outbox.conditions import NUMBERS, ended
from shared.outbox.removal import forget
from shared.outbox.rows import their_rows
from shared.outbox.rows.their_rows import says_new
from shared.outbox.states import Flag

log = logging.getLogger("rowpost.maintenance")

_BATCH = 50
# An hour, longer than any transaction that ends emails: what it dates comes to light late.
_SETTLES_AFTER_DAYS = 1 / 24

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_ENDED = (Flag.SENT, Flag.FAILED, Flag.CANCELLED)
_then = in_days(bindparam("days"))
_emptied_until = select(service.c.EmptiedUntil).where(service.c.Id == 1).scalar_subquery()


_row_asks_again = exists(literal_column("1")).where(
    entries.c.IsCurrent == literal_column("1"),
    emails.c.dd_srno == entries.c.EmailId,
    or_(says_new, emails.c.dd_SendFlag.is_(None)),
)


def _oldest(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Entries of emails that ended long ago, the oldest first: one range of the index a state."""
    found = union_all(
        *(
            select(
                select(entries.c.Number)
                .where(
                    ended(state),
                    entries.c.EndedAt < _then,
                    entries.c.WriteAfter.is_(None),
                    ~_row_asks_again,
                    *conditions,
                )
                .order_by(entries.c.EndedAt)
                .limit(_BATCH)
                .subquery()
                .c.Number
            )
            for state in _ENDED
        )
    ).subquery()
    return select(
        entries.c.Number, entries.c.EmailId, entries.c.State, entries.c.IsCurrent
    ).join_from(found, entries, entries.c.Number == found.c.Number)


WITH_CONTENT = _oldest(entries.c.EndedAt >= bindparam("since"), entries.c.EmptiedAt.is_(None))
WITH_RECORD = _oldest()
EMPTY = (
    update(entries).where(entries.c.Number.in_(NUMBERS), ended(*_ENDED)).values(EmptiedAt=utc_now())
)
EMPTY_OPTIONS = update(options).where(options.c.Number.in_(NUMBERS)).values(TextAlternative=null())
NOTE = update(service).where(service.c.Id == 1).values(EmptiedUntil=_then)
EMPTY_ITEM = update(mail_items).where(mail_items.c.Number.in_(NUMBERS)).values(Query=null())
EMPTY_CONTACT = update(contacts).where(contacts.c.Number.in_(NUMBERS)).values(Message="")


def empty_old(connection: Connection, days: float) -> int:
    """Remove body and document of emails that ended so many days ago; one small batch.

    Answers how many it emptied. Their record stays, with the time in `EmptiedAt`.
    """
    since = connection.scalar(select(_emptied_until)) or _LONG_AGO
    old = connection.execute(WITH_CONTENT, {"days": -days, "since": since}).all()
    if not old:
        connection.execute(NOTE, {"days": -days - _SETTLES_AFTER_DAYS})
        return 0
    for entry in _of_rows(old):
        their_rows.empty(connection, entry.EmailId, entry.State)
    numbers = [entry.Number for entry in old]
    for statement in (EMPTY, EMPTY_OPTIONS, EMPTY_ITEM, EMPTY_CONTACT):
        connection.execute(statement, {"numbers": numbers})
    release_attachments(connection, numbers)
    return len(old)


def remove_old(connection: Connection, days: float) -> int:
    """Remove all that is known of emails that ended so many days ago, and their rows; one small
    batch. A row that another table refers to stays, and one in which another letter stands.

    Answers how many it removed.
    """
    old = connection.execute(WITH_RECORD, {"days": -days}).all()
    for entry in _of_rows(old):
        try:
            their_rows.remove(connection, entry.EmailId, entry.State)
        except IntegrityError:
            continue
    return _forget(connection, [entry.Number for entry in old])


def remove_old_one_by_one(database: Database, days: float) -> int:
    """The same, each row in a transaction of its own. A row that fails stays, and Rowpost forgets
    its email all the same; one that somebody holds is left for another time."""
    with database.read() as connection:
        old = connection.execute(WITH_RECORD, {"days": -days}).all()
    numbers = {entry.Number for entry in old}
    for entry in _of_rows(old):
        remove = partial(their_rows.remove, email_id=entry.EmailId, letter=entry.State)
        try:
            database.run(remove, seconds=0)
        except DBAPIError as error:
            if is_held_by_others(error):
                numbers.discard(entry.Number)
            elif is_transient(error):
                raise
            else:
                log.warning(
                    "the row of email %d could not be removed: %s",
                    entry.EmailId,
                    type(error).__name__,
                    extra={"email": entry.EmailId},
                )
    return database.run(lambda connection: _forget(connection, sorted(numbers)))


def _forget(connection: Connection, numbers: Sequence[int]) -> int:
    if numbers:
        release_attachments(connection, numbers)
        forget(connection, numbers)
    return len(numbers)


def _of_rows(old: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Those that speak of a row: a later entry took the place of the others."""
    return [entry for entry in old if entry.IsCurrent]
