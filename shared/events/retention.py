"""How long events can be read."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, func, select

from shared.database.columns.times import in_days
from shared.database.statements.changes import changed
from shared.database.tables import events
from shared.events.read import BOUNDS

_BATCH = 1_000

OLD = select(func.max(events.c.Id)).where(
    events.c.Id < bindparam("end"), events.c.At < in_days(bindparam("days"))
)
FORGET = delete(events).where(events.c.Id <= bindparam("last"))


def forget_old_events(connection: Connection, days: float) -> int:
    """Remove events that are older than so many days; one batch, answers how many.

    The latest one stays: the next gets the number after it.
    """
    first, last = connection.execute(BOUNDS).one()
    if first is None:
        return 0
    end = min(first + _BATCH, last)
    old = connection.scalar(OLD, {"end": end, "days": -days})
    return 0 if old is None else changed(connection, FORGET, {"last": old})
