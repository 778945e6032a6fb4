"""Hourly counters: what was sent, failed, retried or is unknown, account by account."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from shared.database.prepared import PreparedStatement
from shared.database.tables import statistics
from shared.database.times import this_hour


class Counted(StrEnum):
    """What is counted; the values are those of `Outcome`."""

    SENT = "sent"
    RETRY = "retry"
    FAILED = "failed"
    UNKNOWN = "unknown"


_COLUMN = {
    Counted.SENT: "Sent",
    Counted.RETRY: "Retried",
    Counted.FAILED: "Failed",
    Counted.UNKNOWN: "Unknown",
}
_this_hour_of_account = (
    statistics.c.Hour == this_hour(),
    statistics.c.Account == bindparam("account"),
)
ADD = {
    what: PreparedStatement(
        update(statistics)
        .where(*_this_hour_of_account)
        .values({name: statistics.c[name] + bindparam("number")})
    )
    for what, name in _COLUMN.items()
}
OPEN = insert(statistics).values(Hour=this_hour(), Account=bindparam("account"))
_TOTALS = select(*(func.coalesce(func.sum(statistics.c[name]), 0) for name in _COLUMN.values()))


def count(connection: Connection, numbers: Mapping[tuple[str, Counted], int]) -> None:
    """Add to the counters of the current hour, as part of the caller's transaction."""
    for (account, what), number in numbers.items():
        if not ADD[what].run(connection, account=account, number=number):
            _open_hour(connection, account)
            ADD[what].run(connection, account=account, number=number)


def totals(connection: Connection) -> dict[Counted, int]:
    """All that was ever counted."""
    return dict(zip(_COLUMN, connection.execute(_TOTALS).one(), strict=True))


def _open_hour(connection: Connection, account: str) -> None:
    try:
        with connection.begin_nested():
            connection.execute(OPEN, {"account": account})
    except IntegrityError:
        return  # Another sender opened it a moment ago.
