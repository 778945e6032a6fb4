"""Connection slots: of an account that may have so many connections, each sender takes its own.

A slot is a row under a lease, as an email is: a sender that dies loses it when that is over.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, null, or_, select, update

from shared.database.columns.times import utc_now
from shared.database.statements.changes import changed
from shared.database.statements.insert_if_absent import insert_if_absent
from shared.database.tables import slots
from shared.outbox.conditions import TOKEN, lease_end
from shared.outbox.sending.lease import Lease

_TRIES = 3

_account = slots.c.AccountId == bindparam("account_id")
_within = slots.c.Number < bindparam("most")
_free = or_(slots.c.Token.is_(None), slots.c.Until < utc_now())
# The outer condition again: of two that chose the same slot one finds it taken.
TAKE = (
    update(slots)
    .where(
        _account,
        slots.c.Number.in_(
            select(slots.c.Number).where(_account, _within, _free).order_by(slots.c.Number).limit(1)
        ),
        _free,
    )
    .values(Token=TOKEN, Until=lease_end)
)
RENEW_SLOTS = update(slots).where(slots.c.Token == TOKEN).values(Until=lease_end)
RETURN_ONE = (
    update(slots)
    .where(
        _account,
        slots.c.Number.in_(
            select(slots.c.Number)
            .where(_account, slots.c.Token == TOKEN)
            .order_by(slots.c.Number.desc())
            .limit(1)
        ),
        slots.c.Token == TOKEN,
    )
    .values(Token=null(), Until=null())
)
RETURN_ALL = update(slots).where(slots.c.Token == TOKEN).values(Token=null(), Until=null())
_OPEN = select(func.count()).select_from(slots).where(_account, _within)
_FIRST_UNOPENED = select(func.coalesce(func.max(slots.c.Number) + 1, 0)).where(_account)


def take_slot(connection: Connection, account_id: int, most: int, lease: Lease) -> bool:
    """Take one of the account's `most` slots, if one is free; it is ours as long as the lease."""
    values = {
        "account_id": account_id,
        "most": most,
        "token": lease.token,
        "lease_seconds": lease.seconds,
    }
    for _ in range(_TRIES):
        if changed(connection, TAKE, values) == 1:
            return True
        if (connection.scalar(_OPEN, values) or 0) >= most:
            return False
        _open(connection, account_id)
    return False


def renew_slots(connection: Connection, lease: Lease) -> None:
    """Let all slots of the lease be ours for its full length from now."""
    connection.execute(RENEW_SLOTS, {"token": lease.token, "lease_seconds": lease.seconds})


def return_slot(connection: Connection, account_id: int, lease: Lease) -> None:
    """One connection less."""
    connection.execute(RETURN_ONE, {"account_id": account_id, "token": lease.token})


def return_all_slots(connection: Connection, lease: Lease) -> None:
    """No connection any more."""
    connection.execute(RETURN_ALL, {"token": lease.token})


def _open(connection: Connection, account_id: int) -> None:
    """Make the row of one more slot."""
    number = connection.scalar(_FIRST_UNOPENED, {"account_id": account_id}) or 0
    insert_if_absent(connection, slots, {"AccountId": account_id, "Number": number})
