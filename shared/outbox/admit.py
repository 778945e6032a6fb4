"""Admitting: rows as applications insert them become rows as a claim needs them.

A plain `INSERT` may leave lane, priority and date empty, or name a time to send at. A claim reads
one index in which all of that is settled; what is not settled yet stands in filtered indexes of
its own, which are nearly always empty, so that looking costs the same however long the queue is.
"""

from __future__ import annotations

from sqlalchemy import (
    Connection,
    and_,
    case,
    func,
    literal_column,
    select,
    union_all,
    update,
)

from shared.database.changes import changed
from shared.database.tables import emails
from shared.database.times import as_stored, utc_now
from shared.outbox.conditions import flag_is
from shared.outbox.confidential import empty_ended
from shared.outbox.states import Flag, Lane

_BATCH = 500

_waiting = flag_is(Flag.WAITING)
_send_at = as_stored(emails.c.dd_SendAt)
_postponed = and_(_waiting, emails.c.dd_NextAttemptDate.is_(None), emails.c.dd_SendAt > utc_now())
_time_has_come = and_(_waiting, emails.c.dd_NextAttemptDate <= utc_now())

_unsettled = union_all(
    *(
        select(select(emails.c.dd_srno).where(condition).limit(_BATCH).subquery().c.dd_srno)
        for condition in (
            and_(_waiting, emails.c.dd_Lane.is_(None)),
            and_(_waiting, emails.c.dd_Priority.is_(None)),
            _postponed,
            _time_has_come,
        )
    )
).subquery()

ADMIT = (
    update(emails)
    .where(emails.c.dd_srno.in_(select(_unsettled.c.dd_srno)), _waiting)
    .values(
        dd_Lane=func.coalesce(emails.c.dd_Lane, Lane.SCHEDULED.value),
        dd_Priority=func.coalesce(emails.c.dd_Priority, 3),
        dd_CreatedDate=func.coalesce(emails.c.dd_CreatedDate, utc_now()),
        dd_SendAt=_send_at,
        dd_NextAttemptDate=case(
            (emails.c.dd_NextAttemptDate > utc_now(), emails.c.dd_NextAttemptDate),
            (_send_at > utc_now(), _send_at),
            else_=None,
        ),
    )
)

EXPIRE = (
    update(emails)
    .where(
        emails.c.dd_srno.in_(
            select(emails.c.dd_srno)
            .where(
                _waiting,
                emails.c.dd_ExpiresAt <= utc_now(),
                as_stored(emails.c.dd_ExpiresAt) <= utc_now(),
            )
            .limit(_BATCH)
        ),
        _waiting,
    )
    .values(
        dd_SendFlag=literal_column(f"'{Flag.FAILED}'"),
        dd_EndedDate=utc_now(),
        dd_BounceReason="expired before it could be sent",
    )
    .returning(emails.c.dd_srno)
)


def admit(connection: Connection) -> int:
    """Complete new rows, put off those that name a later time, and call up those whose time came.

    One batch; answers how many rows it settled, so that a caller can go on until there are none.
    """
    return changed(connection, ADMIT)


def expire(connection: Connection) -> int:
    """Give up emails whose `dd_ExpiresAt` has passed; one batch, answers how many."""
    ids = list(connection.execute(EXPIRE).scalars())
    empty_ended(connection, ids)
    return len(ids)
