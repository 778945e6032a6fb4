"""How long the queue is: counts that stop at a bound, so that asking costs the same always."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, and_, func, literal_column, select

from shared.database.tables import emails, ready
from shared.outbox.conditions import flag_is
from shared.outbox.states import Flag
from shared.outbox.statistics import Counted, totals

COUNT_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Emails by state, none counted beyond COUNT_LIMIT; sent and failed are all that ever were."""

    waiting: int
    later: int
    """Of those waiting, how many wait for a time: retries and emails with a time to send at."""
    sending: int
    unknown: int
    sent: int
    failed: int
    oldest_waiting: datetime | None


def counts(connection: Connection) -> QueueCounts:
    """The queue at this moment."""
    ever = totals(connection)
    return QueueCounts(
        waiting=waiting(connection),
        later=_number(
            connection,
            and_(flag_is(Flag.WAITING), emails.c.dd_NextAttemptDate.is_not(None)),
            emails.c.dd_NextAttemptDate,
        ),
        sending=sending(connection),
        unknown=unknown(connection),
        sent=ever[Counted.SENT],
        failed=ever[Counted.FAILED],
        oldest_waiting=oldest_waiting(connection),
    )


def waiting(connection: Connection) -> int:
    """How many emails wait, up to COUNT_LIMIT."""
    return _number(connection, flag_is(Flag.WAITING), emails.c.dd_CreatedDate)


def due(connection: Connection) -> int:
    """How many emails wait whose time has come, up to COUNT_LIMIT."""
    return _number(
        connection,
        and_(flag_is(Flag.WAITING), emails.c.dd_NextAttemptDate.is_(None)),
        *ready.columns,
    )


def sending(connection: Connection) -> int:
    """How many emails are claimed or being transmitted, up to COUNT_LIMIT."""
    return _number(connection, flag_is(Flag.PREPARING, Flag.TRANSMITTING))


def unknown(connection: Connection) -> int:
    """Of how many emails nobody knows whether they arrived, up to COUNT_LIMIT."""
    return _number(connection, flag_is(Flag.UNKNOWN))


def oldest_waiting(connection: Connection) -> datetime | None:
    """When the email that waits longest was stored."""
    return connection.scalar(
        select(emails.c.dd_CreatedDate)
        .where(flag_is(Flag.WAITING), emails.c.dd_CreatedDate.is_not(None))
        .order_by(emails.c.dd_CreatedDate)
        .limit(1)
    )


def _number(
    connection: Connection, condition: ColumnElement[bool], *order: ColumnElement[Any]
) -> int:
    """The order names the index to read: another one may hold all that waits."""
    one = literal_column("1", Integer()).label("one")
    rows = select(one).select_from(emails).where(condition).order_by(*order)
    return (
        connection.scalar(select(func.count()).select_from(rows.limit(COUNT_LIMIT).subquery())) or 0
    )
