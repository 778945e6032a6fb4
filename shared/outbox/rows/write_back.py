"""Writing back: an email's row is told what the ledger knows, soon after the ledger's commit.

Ledger first, row second. So a trigger that fails, a lock, a constraint or a column that is too
narrow can neither undo what is known, nor delay the next email, nor make one go twice. Rows are
told several at once; if that fails, each by itself, and one that fails is left for a while, with
its reason.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, type_coerce
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.types import NullType

from shared.database.columns.times import instant_of, utc_now
from shared.database.database import Database
from shared.database.errors import is_transient
from shared.database.statements.prepared import PreparedUpdate
from shared.database.tables import emails, entries
from shared.outbox import transitions
from shared.outbox.conditions import state_is
from shared.outbox.rows.their_rows import says_new, tell
from shared.outbox.states import ENDED

log = logging.getLogger("rowpost.outbox")

AT_ONCE = 256
_NEW_AGAIN_SECONDS = 5.0
_FIRST_WAIT_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 900.0
_A_MOMENT_SECONDS = 0.05
"""Where several write at once: longer than two changes that carry the same time may be apart."""

# The index alone answers this.
UNWRITTEN = (
    select(entries.c.Number, type_coerce(entries.c.WriteAfter, NullType()))
    .where(
        entries.c.WriteAfter.is_not(None),
        entries.c.WriteAfter <= utc_now(bindparam("moment")),
    )
    .order_by(entries.c.WriteAfter)
    .limit(bindparam("most"))
)
NEW_AGAIN = PreparedUpdate(
    lambda numbers: (
        select(entries.c.Number)
        .join_from(entries, emails, emails.c.dd_srno == entries.c.EmailId)
        .where(entries.c.Number.in_(numbers), state_is(*ENDED), says_new)
    )
)
TRIED = select(entries.c.EmailId, entries.c.WriteTries).where(
    entries.c.Number == bindparam("number")
)
BEHIND = select(func.count(), func.min(entries.c.EndedAt), func.min(entries.c.WriteFault)).where(
    entries.c.WriteAfter.is_not(None), entries.c.WriteFault.is_not(None)
)


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Rows that could not be told for now: how many, since when, and the reason of one of them."""

    number: int
    since: Any
    reason: str | None


def write_back(database: Database, most: int = AT_ONCE) -> int:
    """Tell up to `most` rows; answers how many were looked at, fewer than `most` when none is left.

    Raises DatabaseUnreachable, or what passes by itself.
    """
    moment = 0.0 if database.has_one_writer else -_A_MOMENT_SECONDS
    with database.read() as connection:
        rows = connection.execute(UNWRITTEN, {"most": most, "moment": moment}).all()
    if not rows:
        return 0
    numbers = [number for number, _ in rows]
    seen = instant_of(rows[-1][1])
    assert seen is not None, "a time that the ledger's own statements wrote"
    try:
        database.run(partial(_write, numbers=numbers, seen=seen), seconds=5)
    except DBAPIError as error:
        if is_transient(error) and len(numbers) == 1:
            _put_off(database, numbers[0], "another session holds the row")
        else:
            _one_by_one(database, numbers, seen)
    return len(numbers)


def write_all_back(database: Database, seconds: float) -> None:
    """Tell every row that can be told now, for so many seconds at most. Raises as `write_back`."""
    deadline = time.monotonic() + seconds
    while write_back(database) == AT_ONCE and time.monotonic() < deadline:
        pass
    if not database.has_one_writer and time.monotonic() < deadline:
        time.sleep(_A_MOMENT_SECONDS)
        write_back(database)


def unwritten(connection: Connection) -> Unwritten:
    """The rows that could not be told."""
    return Unwritten(*connection.execute(BEHIND).one())


def everything_is_written(connection: Connection) -> bool:
    """Whether every row has been told what is known."""
    left = select(entries.c.Number).where(entries.c.WriteAfter.is_not(None)).limit(1)
    return connection.scalar(left) is None


def _write(connection: Connection, numbers: Sequence[int], seen: datetime) -> None:
    """As far as the letters allow: another letter than ours stays, and is the last word.

    An N stays, too: admission decides what it means, and writes the end itself if nothing new was
    asked. So the letters are read afterwards: what says N has not been told. What is known only
    since we looked is told the next time.
    """
    tell(connection, numbers)
    new_again = NEW_AGAIN.run(connection, numbers)
    told = [number for number in numbers if number not in new_again] if new_again else numbers
    transitions.written(connection, told, seen=seen)
    for number in new_again:
        transitions.not_written(connection, number, _NEW_AGAIN_SECONDS, None)


def _one_by_one(database: Database, numbers: Sequence[int], seen: datetime) -> None:
    for number in numbers:
        try:
            database.run(partial(_write, numbers=[number], seen=seen), seconds=1)
        except SQLAlchemyError as error:
            email_id = _put_off(database, number, _words(error))
            log.warning(
                "the row of email %d could not be told its end: %s",
                email_id,
                type(error).__name__,
                extra={"email": email_id},
            )


def _put_off(database: Database, number: int, fault: str) -> int:
    """Leave it for a while, longer each time; answers its row's id."""

    def put_off(connection: Connection) -> int:
        email_id, tries = connection.execute(TRIED, {"number": number}).one()
        wait = min(_FIRST_WAIT_SECONDS * 2 ** min(tries, 10), _LONGEST_WAIT_SECONDS)
        transitions.not_written(connection, number, wait, fault)
        return int(email_id)

    return database.run(put_off)


def _words(error: SQLAlchemyError) -> str:
    """The database's own words, which name the constraint or the trigger; no value stands there."""
    said = str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__
    return said[:500]
