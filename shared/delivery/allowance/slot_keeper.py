"""Connections at most: a drain's slots of the accounts that may have only so many over all senders.

Accounts that name no number have no slots, and cost no statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection

from shared.delivery.account_queue import AccountQueue
from shared.limits.connection_slots import renew_slots, return_all_slots, return_slot, take_slot
from shared.outbox.sending.lease import Lease


class Write(Protocol):
    """A write transaction, away from the loop; None when it came to nothing."""

    async def __call__(self, work: Callable[[Connection], Any]) -> Any: ...


class SlotKeeper:
    """Takes a slot before a worker begins, and returns those that nobody needs."""

    def __init__(self, lease: Lease, write: Write) -> None:
        self._lease = lease
        self._write = write
        self._holds_some = False

    @staticmethod
    def has_room(queue: AccountQueue) -> bool:
        """Whether one worker more may begin with the slots that are ours."""
        return queue.account.max_connections is None or queue.slots > queue.workers

    async def ask(self, queue: AccountQueue) -> None:
        """Ask for one slot more; its queue notes whether it was granted."""
        account = queue.account
        take = partial(take_slot, account_id=account.id, most=account.max_connections or 0)
        self._holds_some = True
        if await self._write(partial(take, lease=self._lease)):
            queue.slots += 1
        else:
            queue.refuse_slot()

    async def return_spare(self, queues: Iterable[AccountQueue]) -> None:
        """Return the slots of queues with nothing to send: somebody else may want them."""
        for queue in list(queues):
            while queue.slots > queue.workers and queue.idle:
                queue.slots -= 1
                await self._write(
                    partial(return_slot, account_id=queue.account.id, lease=self._lease)
                )

    def renew(self, connection: Connection) -> None:
        """Keep what we hold."""
        if self._holds_some:
            renew_slots(connection, self._lease)

    def return_all(self, connection: Connection) -> None:
        """The drain is over."""
        if self._holds_some:
            return_all_slots(connection, self._lease)
