"""Rescuing: emails whose sender went silent past its lease."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, case, func, literal_column, null, update

from shared.database.changes import changed
from shared.database.tables import emails
from shared.database.times import utc_now
from shared.limits.reservations import release_orphans
from shared.outbox.conditions import leased
from shared.outbox.confidential import empty_ended
from shared.outbox.states import Flag
from shared.outbox.statistics import Counted, count

MOST_LOST_LEASES = 3
DIED_PREPARING = "sender died while preparing this email"
DIED_TRANSMITTING = (
    "sender died while this email was transmitted: it may have arrived or not; "
    "decide to resend it or to count it as sent"
)


@dataclass(frozen=True, slots=True)
class Rescued:
    """How many emails wait again, were given up, and have an outcome that nobody knows."""

    given_back: int = 0
    failed: int = 0
    unknown: int = 0


_lease_is_over = (emails.c.dd_LeaseToken.is_not(None), emails.c.dd_LeaseUntil < utc_now())
_lost = func.coalesce(emails.c.dd_LostLeases, literal_column("0")) + literal_column("1")
_too_often = _lost >= literal_column(str(MOST_LOST_LEASES))

TO_UNKNOWN = (
    update(emails)
    .where(leased(Flag.TRANSMITTING), *_lease_is_over)
    .values(
        dd_SendFlag=literal_column(f"'{Flag.UNKNOWN}'"),
        dd_BounceReason=DIED_TRANSMITTING,
        dd_LeaseUntil=null(),
    )
)
FROM_PREPARING = (
    update(emails)
    .where(leased(Flag.PREPARING), *_lease_is_over)
    .values(
        dd_SendFlag=case(
            (_too_often, literal_column(f"'{Flag.FAILED}'")),
            else_=literal_column(f"'{Flag.WAITING}'"),
        ),
        dd_BounceReason=case((_too_often, DIED_PREPARING), else_=emails.c.dd_BounceReason),
        dd_EndedDate=case((_too_often, utc_now()), else_=None),
        dd_LostLeases=_lost,
        dd_LeaseToken=null(),
        dd_LeaseUntil=null(),
    )
    .returning(emails.c.dd_srno, emails.c.dd_SendFlag)
)


def rescue(connection: Connection) -> Rescued:
    """Rescue every email whose lease is over.

    In P nothing irrevocable was done: it waits again, or fails if that happened three times. In T
    the final dot may have left: its outcome is unknown, and it keeps the lease's token, so that a
    reply that comes late still tells the truth until somebody has decided. Rows in P or T without
    a lease of ours belong to somebody else. What the dead have reserved of a quota is released.
    """
    unknown = changed(connection, TO_UNKNOWN)
    rows = connection.execute(FROM_PREPARING).all()
    failed = [email_id for email_id, flag in rows if flag == Flag.FAILED]
    empty_ended(connection, failed)
    numbers = {("", Counted.UNKNOWN): unknown, ("", Counted.FAILED): len(failed)}
    count(connection, {key: number for key, number in numbers.items() if number})
    release_orphans(connection)
    return Rescued(len(rows) - len(failed), len(failed), unknown)
