"""Sending one stored email while its caller waits, with the drain's own steps."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from shared.app import Application
from shared.background import NoAnswerYet, Work
from shared.database.tables import emails
from shared.delivery.dispatcher import Order, drain
from shared.outbox.entries import current_entry
from shared.outbox.rows.their_rows import says_new
from shared.outbox.states import Flag

_LOOK_SECONDS = 0.05
_SAYS_NEW = select(emails.c.dd_srno).where(emails.c.dd_srno == bindparam("email_id"), says_new)


@dataclass(frozen=True, slots=True)
class Fate:
    """Where an email stands, and the last that was said of it. Flag None: its row is gone."""

    flag: Flag | None
    reason: str | None

    @property
    def is_open(self) -> bool:
        """Somebody is sending it."""
        return self.flag in (Flag.PREPARING, Flag.TRANSMITTING)


def send_at_once(application: Application, email_id: int, seconds: float) -> Fate:
    """Send this email; answers where it stands when that is done, or after so many seconds.

    One that another sender has claimed is waited for. One that is still on its way then goes on by
    itself. Stopped services and resting accounts leave it waiting. Raises DatabaseUnreachable.
    """
    deadline = time.monotonic() + seconds
    order = Order(seconds=seconds, only=email_id)
    # No daemon: a process that ends lets it finish what is being sent.
    work = Work(lambda: drain(application, order), f"email {email_id}", daemon=False)
    with suppress(NoAnswerYet):
        work.result(seconds)
    application.waker.tell()
    while (fate := _looked_up(application, email_id)).is_open and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return fate


def _looked_up(application: Application, email_id: int) -> Fate:
    with application.database().read() as connection:
        return fate_of(connection, email_id)


def fate_of(connection: Connection, email_id: int) -> Fate:
    """Where this email stands now."""
    entry = current_entry(connection, email_id)
    if entry is None:
        is_new = connection.scalar(_SAYS_NEW, {"email_id": email_id}) is not None
        return Fate(Flag.WAITING, None) if is_new else Fate(None, "its row is gone")
    return Fate(Flag(entry.State), entry.Reason)
