"""Giving back: claimed emails that nothing irrevocable was done with wait again, unharmed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from shared.outbox import transitions
from shared.outbox.recipients import RecipientState, settle_attempted
from shared.outbox.sending.lease import Lease

_BATCH = 500


def give_back(connection: Connection, numbers: Sequence[int], lease: Lease) -> int:
    """Give back emails whose final dot was not written, marked or not; answers how many.

    No attempt is used up. Only their own sender knows that no dot left, hence the lease.
    """
    returned = 0
    for start in range(0, len(numbers), _BATCH):
        ours = transitions.give_back(connection, numbers[start : start + _BATCH], lease)
        if ours:
            settle_attempted(connection, sorted(ours), RecipientState.PENDING)
        returned += len(ours)
    return returned


def release(connection: Connection, lease: Lease) -> int:
    """Give back all that is claimed under the lease and not marked; answers how many.

    The end of a sender. It also returns what a claim took whose commit looked like a failure.
    """
    return transitions.release(connection, lease)
