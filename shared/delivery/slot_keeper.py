"""Connections at most: a drain's slots of the accounts that may have only so many over all senders.

Accounts that name no number have no slots, and cost no statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection

from shared.delivery.line import Line
from shared.limits.connection_slots import renew_slots, return_all_slots, return_slot, take_slot
from shared.outbox.lease import Lease


class Write(Protocol):
    """A write transaction; None when it came to nothing."""

    def __call__(self, work: Callable[[Connection], Any]) -> Any: ...


class SlotKeeper:
    """Takes a slot before a connection opens, and returns those that nobody needs."""

    def __init__(self, lease: Lease, write: Write) -> None:
        self._lease = lease
        self._write = write
        self._holds_some = False

    def allows(self, line: Line, connected: int) -> bool:
        """Whether one connection more may open beside those that are `connected`."""
        account = line.account
        if account.max_connections is None or line.slots > connected:
            return True
        if not line.may_ask_for_slot:
            return False
        take = partial(take_slot, account_id=account.id, most=account.max_connections)
        if not self._write(partial(take, lease=self._lease)):
            line.refuse_slot()
            return False
        self._holds_some = True
        line.slots += 1
        return True

    def return_spare(self, lines: Iterable[Line], connected: Callable[[Line], int]) -> None:
        """Return the slots of lines with nothing to send: somebody else may want them."""
        for line in lines:
            while line.slots and line.idle and line.slots > connected(line):
                line.slots -= 1
                self._write(partial(return_slot, account_id=line.account.id, lease=self._lease))

    def renew(self, connection: Connection) -> None:
        """Keep what we hold."""
        if self._holds_some:
            renew_slots(connection, self._lease)

    def return_all(self, connection: Connection) -> None:
        """The drain is over."""
        if self._holds_some:
            return_all_slots(connection, self._lease)
