"""What was sent and failed, hour by hour. Hours that are over are read once and remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from shared.database.columns.times import this_hour
from shared.database.tables import statistics

REMEMBERED = timedelta(days=31)
_MOST_ACCOUNTS = 100
# Longer than any transaction that counts.
_SETTLES_AFTER = timedelta(hours=2)
_SENT, _FAILED = func.sum(statistics.c.Sent), func.sum(statistics.c.Failed)
_NOW = select(this_hour())
BY_HOUR = (
    select(statistics.c.Hour, _SENT.label("sent"), _FAILED.label("failed"))
    .where(statistics.c.Hour >= bindparam("since"))
    .group_by(statistics.c.Hour)
)
BY_ACCOUNT = (
    select(statistics.c.Account, _SENT.label("sent"), _FAILED.label("failed"))
    .where(statistics.c.Hour >= bindparam("since"))
    .group_by(statistics.c.Account)
    .order_by((_SENT + _FAILED).desc(), statistics.c.Account)
    .limit(_MOST_ACCOUNTS)
)


class Ended(NamedTuple):
    """Emails that ended in a span of time: sent, and given up."""

    sent: int = 0
    failed: int = 0

    def plus(self, other: Ended) -> Ended:
        return Ended(self.sent + other.sent, self.failed + other.failed)


class OfAccount(NamedTuple):
    """The same of one account, by its code."""

    code: str
    ended: Ended


class History:
    """The hours of the last 31 days. For one thread at a time, and always the same database."""

    def __init__(self) -> None:
        self._settled: dict[datetime, Ended] = {}
        self._until: datetime | None = None

    def hours(self, connection: Connection) -> Mapping[datetime, Ended]:
        """What ended in each hour that has anything, by its beginning in UTC."""
        this = connection.execute(_NOW).scalar_one()
        oldest, settles = this - REMEMBERED, this - _SETTLES_AFTER
        rows = connection.execute(BY_HOUR, {"since": self._until or oldest})
        read = {row.Hour: Ended(row.sent or 0, row.failed or 0) for row in rows}
        hours = {**self._settled, **read}
        self._settled = {hour: ended for hour, ended in hours.items() if oldest <= hour < settles}
        self._until = settles
        return {hour: ended for hour, ended in hours.items() if hour >= oldest}


def by_account(connection: Connection, since: datetime) -> Sequence[OfAccount]:
    """What ended of each account since then, the busiest first, no more than 100 accounts."""
    rows = connection.execute(BY_ACCOUNT, {"since": since})
    return [OfAccount(row.Account, Ended(row.sent or 0, row.failed or 0)) for row in rows]
