"""What a drain has reserved of its accounts' limits and not spent yet.

Most accounts have no limits: then nothing is in here, and nothing is asked of the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from shared.delivery.allowance.ration import Ration, Take, claim_ration
from shared.limits import reservations
from shared.limits.sending_limits import Limits
from shared.outbox.sending.begin import Mark
from shared.outbox.sending.claim import Wanted
from shared.outbox.sending.lease import Lease


class Quotas:
    """The emails of one lease that have units reserved, and whose limits those are."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._reserved: dict[int, Limits] = {}
        self._by_account: Counter[int] = Counter()
        self._ever = False

    def spare_share(self, limits: Limits) -> int:
        """How many emails more we may hold reserved; none while we hold half of our share."""
        spare = limits.share - self._by_account[limits.account_id]
        return spare if spare > limits.share // 2 else 0

    def claim(self, connection: Connection, take: Take, wanted: Wanted, limits: Limits) -> Ration:
        """Claim as much as the limits allow; to be noted when that is committed."""
        self._ever = True
        return claim_ration(connection, take, wanted, self._lease, limits)

    def note(self, ids: Iterable[int], limits: Limits) -> None:
        """These emails were claimed and have their units reserved."""
        for number in ids:
            self._reserved[number] = limits
            self._by_account[limits.account_id] += 1

    def allowed(self, connection: Connection, marks: Sequence[Mark]) -> list[Mark]:
        """Those of the emails that may be marked now, as far as limits are concerned."""
        limited = {
            one.number: self._reserved[one.number] for one in marks if one.number in self._reserved
        }
        if not limited:
            return list(marks)
        refused = limited.keys() - reservations.confirm(connection, limited, self._lease)
        return [one for one in marks if one.number not in refused]

    def are_untouched(self, numbers: Sequence[int]) -> bool:
        """Whether none of these has anything reserved."""
        return not self._limited(numbers)

    def spend(self, connection: Connection, marked: Iterable[int]) -> None:
        """These were marked: what they have reserved is used."""
        if ids := self._limited(marked):
            reservations.spend(connection, ids, self._lease)

    def release(self, connection: Connection, ended: Iterable[int]) -> None:
        """These are ours no longer: what they have not spent is there for others."""
        if ids := self._limited(ended):
            reservations.release(connection, ids, self._lease)

    def release_all(self, connection: Connection) -> None:
        """The end: nothing stays reserved, also of a claim whose commit looked like a failure."""
        if self._ever:
            reservations.release_all(connection, self._lease)

    def forget(self, *several: Iterable[int]) -> None:
        """What was done with these has been committed."""
        for ids in several if self._reserved else ():
            for number in self._limited(ids):
                self._by_account[self._reserved.pop(number).account_id] -= 1

    def _limited(self, ids: Iterable[int]) -> list[int]:
        return [one for one in ids if one in self._reserved] if self._reserved else []
