"""Hourly counters: what was sent, failed, retried or is unknown, account by account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, update

from shared.database.columns.times import this_hour, utc_now
from shared.database.statements.insert_if_absent import insert_if_absent
from shared.database.statements.prepared import PreparedStatement
from shared.database.tables import statistics


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
        .values(
            {name: statistics.c[name] + bindparam("number")}
            | ({"LastSent": utc_now()} if what is Counted.SENT else {})
        )
    )
    for what, name in _COLUMN.items()
}
_SUMS = select(*(func.coalesce(func.sum(statistics.c[name]), 0) for name in _COLUMN.values()))
_THIS_HOUR = select(this_hour())
# Longer than any transaction that counts.
_SETTLES_AFTER = timedelta(hours=2)


def count(connection: Connection, numbers: Mapping[tuple[str, Counted], int]) -> None:
    """Add to the counters of the current hour, as part of the caller's transaction."""
    for (account, what), number in numbers.items():
        if not ADD[what].run(connection, account=account, number=number):
            _open_hour(connection, account)
            ADD[what].run(connection, account=account, number=number)


class Totals:
    """All that was ever counted. Hours that are over are summed up once and remembered.

    For one thread at a time, and always the same database.
    """

    def __init__(self) -> None:
        self._settled: Sequence[int] = _NOTHING
        self._until: datetime | None = None

    def read(self, connection: Connection) -> dict[Counted, int]:
        """The sums at this moment."""
        until = connection.execute(_THIS_HOUR).scalar_one() - _SETTLES_AFTER
        if self._until is None or self._until < until:
            passed = _sums(connection, statistics.c.Hour < until, *_from(self._until))
            self._settled, self._until = _added(self._settled, passed), until
        recent = _sums(connection, *_from(self._until))
        return dict(zip(_COLUMN, _added(self._settled, recent), strict=True))


class SentSoFar(NamedTuple):
    """Emails that an account has sent: since the day and the hour began (UTC), and when last."""

    today: int = 0
    this_hour: int = 0
    last: datetime | None = None


def sent_by_account(connection: Connection) -> dict[str, SentSoFar]:
    """What each account has sent, by its code."""
    hour = connection.execute(_THIS_HOUR).scalar_one()
    last = connection.execute(_LAST_SENT)
    return {
        account: SentSoFar(
            _sent_since(connection, account, hour.replace(hour=0)),
            _sent_since(connection, account, hour),
            at,
        )
        for account, at in last
    }


def totals(connection: Connection) -> dict[Counted, int]:
    """All that was ever counted, read anew."""
    return Totals().read(connection)


_NOTHING = (0,) * len(_COLUMN)
_LAST_SENT = select(statistics.c.Account, func.max(statistics.c.LastSent)).group_by(
    statistics.c.Account
)


def _sent_since(connection: Connection, account: str, begin: datetime) -> int:
    since = (statistics.c.Hour >= begin, statistics.c.Account == account)
    return connection.scalar(select(func.sum(statistics.c.Sent)).where(*since)) or 0


def _sums(connection: Connection, *conditions: ColumnElement[bool]) -> Sequence[int]:
    return connection.execute(_SUMS.where(*conditions)).one()


def _from(hour: datetime | None) -> tuple[ColumnElement[bool], ...]:
    return () if hour is None else (statistics.c.Hour >= hour,)


def _added(some: Sequence[int], more: Sequence[int]) -> Sequence[int]:
    return [one + other for one, other in zip(some, more, strict=True)]


def _open_hour(connection: Connection, account: str) -> None:
    insert_if_absent(connection, statistics, {"Hour": this_hour(), "Account": account})
