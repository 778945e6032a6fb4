"""Giving back: claimed emails that nothing irrevocable was done with wait again, unharmed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, literal_column, null, update

from shared.database.changes import changed
from shared.database.prepared import PreparedUpdate
from shared.database.tables import emails
from shared.outbox.conditions import TOKEN, held_by_us, leased
from shared.outbox.lease import Lease
from shared.outbox.recipients import RecipientState, settle_attempted
from shared.outbox.states import Flag

_BATCH = 500
_RETURNED = {
    "dd_SendFlag": literal_column(f"'{Flag.WAITING}'"),
    "dd_LeaseToken": null(),
    "dd_LeaseUntil": null(),
}
GIVE_BACK = PreparedUpdate(
    lambda ids: (
        update(emails)
        .where(held_by_us(ids, Flag.PREPARING, Flag.TRANSMITTING))
        .values(_RETURNED)
        .returning(emails.c.dd_srno)
    )
)
RELEASE = (
    update(emails).where(leased(Flag.PREPARING), emails.c.dd_LeaseToken == TOKEN).values(_RETURNED)
)


def give_back(connection: Connection, ids: Sequence[int], lease: Lease) -> int:
    """Give back emails whose final dot was not written, marked or not; answers how many.

    No attempt is used up. Only their own sender knows that no dot left, hence the lease.
    """
    returned = 0
    for start in range(0, len(ids), _BATCH):
        batch = list(ids[start : start + _BATCH])
        ours = GIVE_BACK.run(connection, batch, token=lease.token)
        settle_attempted(connection, sorted(ours), RecipientState.PENDING)
        returned += len(ours)
    return returned


def release(connection: Connection, lease: Lease) -> int:
    """Give back all that is claimed under the lease and not marked; answers how many.

    The end of a sender. It also returns what a claim took whose commit looked like a failure.
    """
    return changed(connection, RELEASE, {"token": lease.token})
