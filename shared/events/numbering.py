"""Numbering: events that are committed get the numbers by which they are read.

One at a time numbers, in a transaction of its own that goes on where the last one ended, so that a
number is visible only when all below it are: nothing is filled in later. What is not committed yet
is passed over, so that a transaction that stays open keeps back no events but its own.
"""

from __future__ import annotations

import time

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, insert, select
from sqlalchemy.sql.elements import ColumnElement

from shared.database.database import Database
from shared.database.dialects.dialect_of import dialect_of
from shared.database.statements.locks import skipping_locked
from shared.database.tables import events, new_events

AT_ONCE = 1_000
_LOCK = "Rowpost_Events"
_COPIED = ("At", "Type", "EmailId", "Recipient", "Account", "Code", "EnhancedCode", "Reason")
_WRITTEN: BindParameter[int] = bindparam("written", expanding=True)

LAST_WRITTEN = skipping_locked(select(func.max(new_events.c.Id)), new_events)
WRITTEN = skipping_locked(
    select(new_events.c.Id)
    .where(new_events.c.Id <= bindparam("last_written"))
    .order_by(new_events.c.Id)
    .limit(AT_ONCE),
    new_events,
)
LAST_NUMBER = select(func.max(events.c.Id))
_number: ColumnElement[int] = bindparam("last_number", type_=events.c.Id.type) + func.row_number(
    type_=events.c.Id.type
).over(order_by=new_events.c.Id)
NUMBER = insert(events).from_select(
    ["Id", *_COPIED],
    select(_number, *(new_events.c[name] for name in _COPIED)).where(new_events.c.Id.in_(_WRITTEN)),
    include_defaults=False,
)
FORGET = delete(new_events).where(new_events.c.Id.in_(_WRITTEN))


def number_events(database: Database, seconds: float) -> int:
    """Number what is committed, batch by batch for so many seconds; answers how many events.

    Nothing where a row's own number will do, or while somebody else numbers. Raises
    DatabaseUnreachable.
    """
    if database.has_one_writer:
        return 0
    deadline, numbered = time.monotonic() + seconds, 0
    while True:
        batch = database.run(number_batch, seconds=0)
        numbered += batch
        if batch < AT_ONCE or time.monotonic() > deadline:
            return numbered


def number_batch(connection: Connection) -> int:
    """The same for one batch, in the caller's transaction, which ends at once.

    What an event follows from was committed before it was written, and has the lower `Id` in
    `Rowpost_NewEvents`. Looked for up to the last one that was committed before the search began,
    it can't be passed over and the event be found.
    """
    if not dialect_of(connection).take_turn(connection, _LOCK):
        return 0
    last_written = connection.scalar(LAST_WRITTEN)
    if last_written is None:
        return 0
    written = list(connection.scalars(WRITTEN, {"last_written": last_written}))
    if written:
        last_number = connection.scalar(LAST_NUMBER) or 0
        connection.execute(NUMBER, {"last_number": last_number, "written": written})
        connection.execute(FORGET, {"written": written})
    return len(written)
