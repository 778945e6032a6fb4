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
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from shared.database.database import Database
from shared.database.errors import is_transient
from shared.database.tables import emails, entries
from shared.database.times import utc_now
from shared.outbox import transitions
from shared.outbox.states import ENDED, Flag, Letter
from shared.outbox.their_rows import IDS, says_new, write_ends, write_progress

log = logging.getLogger("rowpost.outbox")

AT_ONCE = 64
_NEW_AGAIN_SECONDS = 5.0
_FIRST_WAIT_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 900.0
_ENDED = tuple(state.value for state in ENDED)
# What may follow where the row says U already: by a decision, or a reply that came late.
_SETTLED = (Flag.SENT, Flag.FAILED, Flag.UNKNOWN)

UNWRITTEN: Select[Any] = (
    select(
        entries.c.Number,
        entries.c.EmailId,
        entries.c.State,
        entries.c.SentAt,
        entries.c.Reason,
        entries.c.Retries,
        entries.c.LastTriedAt,
        entries.c.WriteAfter,
        entries.c.WriteTries,
    )
    .where(entries.c.WriteAfter.is_not(None), entries.c.WriteAfter <= utc_now())
    .order_by(entries.c.WriteAfter)
    .limit(bindparam("most"))
)
SAYS_NEW = select(emails.c.dd_srno).where(emails.c.dd_srno.in_(IDS), says_new)
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
    with database.read() as connection:
        rows = connection.execute(UNWRITTEN, {"most": most}).all()
    if rows:
        try:
            database.run(lambda connection: _write(connection, rows), seconds=5)
        except DBAPIError as error:
            if is_transient(error) and len(rows) == 1:
                _put_off(database, rows[0], "another session holds the row")
            else:
                _one_by_one(database, rows)
    return len(rows)


def write_all_back(database: Database, seconds: float) -> None:
    """Tell every row that can be told now, for so many seconds at most. Raises as `write_back`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and write_back(database) == AT_ONCE:
        pass


def unwritten(connection: Connection) -> Unwritten:
    """The rows that could not be told."""
    return Unwritten(*connection.execute(BEHIND).one())


def everything_is_written(connection: Connection) -> bool:
    """Whether every row has been told what is known."""
    left = select(entries.c.Number).where(entries.c.WriteAfter.is_not(None)).limit(1)
    return connection.scalar(left) is None


def _write(connection: Connection, rows: Sequence[Row[Any]]) -> None:
    """As far as the letters allow: another letter than ours stays, and is the last word.

    An N stays, too: admission decides what it means, and writes the end itself if nothing new was
    asked. So the letters are read again: what says N has not been told.
    """
    if ends := [_values(row) for row in rows if row.State in _ENDED]:
        write_ends(connection, ends)
    if tries := [_values(row) for row in rows if row.State not in _ENDED]:
        write_progress(connection, tries)
    found = connection.execute(SAYS_NEW, {"ids": [row.EmailId for row in rows]})
    new_again = {email_id for (email_id,) in found}
    transitions.written(
        connection,
        (
            {"number": row.Number, "seen_state": row.State, "seen_after": row.WriteAfter}
            for row in rows
            if row.EmailId not in new_again or row.State not in _ENDED
        ),
    )
    for row in rows:
        if row.EmailId in new_again and row.State in _ENDED:
            transitions.not_written(connection, row.Number, _NEW_AGAIN_SECONDS, None)


def _values(row: Row[Any]) -> dict[str, Any]:
    return {
        "email_id": row.EmailId,
        "letter": row.State,
        "former": Letter.UNKNOWN.value if row.State in _SETTLED else Letter.TAKEN.value,
        "sent_at": row.SentAt,
        "reason": row.Reason,
        "retries": row.Retries,
        "last_tried_at": row.LastTriedAt,
    }


def _one_by_one(database: Database, rows: Sequence[Row[Any]]) -> None:
    for row in rows:
        try:
            database.run(partial(_write, rows=[row]), seconds=1)
        except SQLAlchemyError as error:
            log.warning(
                "the row of email %d could not be told its end: %s",
                row.EmailId,
                type(error).__name__,
                extra={"email": row.EmailId},
            )
            _put_off(database, row, _words(error))


def _put_off(database: Database, row: Row[Any], fault: str) -> None:
    wait = min(_FIRST_WAIT_SECONDS * 2 ** min(row.WriteTries, 10), _LONGEST_WAIT_SECONDS)
    database.run(lambda connection: transitions.not_written(connection, row.Number, wait, fault))


def _words(error: SQLAlchemyError) -> str:
    """The database's own words, which name the constraint or the trigger; no value stands there."""
    said = str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__
    return said[:500]
