"""Whose turn it is to be read, the lease of whoever reads, and how it went."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, literal_column, null, or_, select, update

from shared.bounces.mailboxes.mailbox import Brought, Position
from shared.database.columns.times import utc_now
from shared.database.columns.widths import cut
from shared.database.statements.changes import changed
from shared.database.tables import bounce_mailboxes as mailboxes
from shared.errors import RowpostError

LEASE_SECONDS = 180.0
"""More than a turn takes, so that nobody has to renew it."""
SECONDS_BETWEEN = 60.0
_FIRST_REST = 60.0
_LONGEST_REST = 1_800.0
_MOST_DOUBLINGS = 10
_FAULT_WIDTH = 500

_this = mailboxes.c.Id == bindparam("mailbox_id")
_ours = mailboxes.c.LeaseToken == bindparam("token")
_is_on = mailboxes.c.Enabled == literal_column("1")
_is_free = or_(mailboxes.c.LeaseUntil.is_(None), mailboxes.c.LeaseUntil <= utc_now())
DUE = (
    select(mailboxes.c.Id)
    .where(_is_on, _is_free, mailboxes.c.NextAt <= utc_now())
    .order_by(mailboxes.c.NextAt)
)
TAKE = (
    update(mailboxes)
    .where(_this, _is_on, _is_free, mailboxes.c.NextAt <= utc_now())
    .values(LeaseToken=bindparam("token"), LeaseUntil=utc_now(bindparam("seconds")))
)
HURRY = update(mailboxes).where(_this, _is_on).values(NextAt=utc_now())
READ_ON = (
    update(mailboxes)
    .where(_this, _ours)
    .values(
        Validity=bindparam("validity"),
        LastRead=bindparam("last"),
        Bounced=mailboxes.c.Bounced + bindparam("bounced"),
        Complained=mailboxes.c.Complained + bindparam("complained"),
        Unclear=mailboxes.c.Unclear + bindparam("unclear"),
        Others=mailboxes.c.Others + bindparam("others"),
    )
)
READ = (
    update(mailboxes)
    .where(_this, _ours)
    .values(
        Failures=literal_column("0"),
        FailingSince=null(),
        LastFault=null(),
        LastReadAt=utc_now(),
        NextAt=utc_now(bindparam("seconds")),
        LeaseToken=null(),
        LeaseUntil=null(),
    )
)
FAILED = (
    update(mailboxes)
    .where(_this, _ours)
    .values(
        Failures=mailboxes.c.Failures + literal_column("1"),
        FailingSince=func.coalesce(mailboxes.c.FailingSince, utc_now()),
        LastFault=bindparam("fault"),
        NextAt=utc_now(bindparam("seconds")),
        LeaseToken=null(),
        LeaseUntil=null(),
    )
)


class LeaseLost(RowpostError):
    """Somebody else reads this mailbox by now."""


def due(connection: Connection) -> list[int]:
    """The mailboxes that are to be read now and that nobody reads, those first that waited
    longest."""
    return list(connection.scalars(DUE))


def take(connection: Connection, mailbox_id: int, token: str) -> bool:
    """Be the one that reads it; False: somebody else is, or has been a moment ago."""
    values = {"mailbox_id": mailbox_id, "token": token, "seconds": LEASE_SECONDS}
    return changed(connection, TAKE, values) == 1


def hurry(connection: Connection, mailbox_id: int) -> None:
    """Let it be read as soon as may be, if it is turned on."""
    connection.execute(HURRY, {"mailbox_id": mailbox_id})


def read_on(
    connection: Connection, mailbox_id: int, token: str, reached: Position, brought: Brought
) -> None:
    """All up to here has been read, and brought so much. Raises LeaseLost."""
    values = {
        "mailbox_id": mailbox_id,
        "token": token,
        "validity": reached.validity,
        "last": reached.last,
        **brought._asdict(),
    }
    if changed(connection, READ_ON, values) != 1:
        raise LeaseLost("somebody else reads this mailbox by now")


def note_read(connection: Connection, mailbox_id: int, token: str, seconds: float) -> None:
    """It was read, and is read again in so many seconds."""
    values = {"mailbox_id": mailbox_id, "token": token, "seconds": seconds}
    connection.execute(READ, values)


def note_failed(
    connection: Connection, mailbox_id: int, token: str, fault: str, seconds: float
) -> None:
    """It could not be read, and is tried again in so many seconds."""
    values = {"mailbox_id": mailbox_id, "token": token, "seconds": seconds}
    connection.execute(FAILED, {**values, "fault": cut(fault, _FAULT_WIDTH)})


def rest_after(failures: int, retry_after: float | None) -> float:
    """Seconds until it is tried again after so many failures in a row, this one included: a minute,
    twice as long each time up to half an hour, and no sooner than its server asks for. Pure."""
    doublings = min(max(failures - 1, 0), _MOST_DOUBLINGS)
    rest = min(_FIRST_REST * float(1 << doublings), _LONGEST_REST)
    return max(rest, retry_after or 0.0)
