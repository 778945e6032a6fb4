"""The requests of all instances, counted in the database: one row a caller and window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, select, update

from shared.database.columns.times import utc_now
from shared.database.statements.insert_if_absent import insert_if_absent
from shared.database.tables import request_counts

_REMOVED_AT_ONCE = 500

ADD = (
    update(request_counts)
    .where(
        request_counts.c.KeyHash == bindparam("key"),
        request_counts.c.WindowEnd == bindparam("end"),
    )
    .values(Requests=request_counts.c.Requests + bindparam("number"))
    .returning(request_counts.c.Requests)
)
REMOVE = delete(request_counts).where(
    request_counts.c.Id.in_(
        select(request_counts.c.Id)
        .where(request_counts.c.WindowEnd < utc_now())
        .limit(_REMOVED_AT_ONCE)
    )
)


class Portion(NamedTuple):
    """Requests of one caller in one window that are not in the table yet."""

    key: str
    end: datetime
    number: int


def add(connection: Connection, portions: Sequence[Portion]) -> list[int]:
    """Add each portion to its row; answers what all instances have counted there so far."""
    # In one order everywhere, so that two instances do not lock each other out.
    order = sorted(range(len(portions)), key=lambda place: portions[place][:2])
    totals = {place: _add(connection, portions[place]) for place in order}
    return [totals[place] for place in range(len(portions))]


def remove_ended(connection: Connection) -> None:
    """Take away windows that are over, a few hundred at most."""
    connection.execute(REMOVE)


def _add(connection: Connection, portion: Portion) -> int:
    values = portion._asdict()
    total = connection.scalar(ADD, values)
    if total is None:
        key = {"KeyHash": portion.key, "WindowEnd": portion.end}
        insert_if_absent(connection, request_counts, key, {"Requests": 0})
        total = connection.scalar(ADD, values)
    return int(total or 0)
