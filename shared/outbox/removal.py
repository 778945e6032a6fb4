"""Removing an email from the queue, with all that is written down about it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select

from shared.database.statements.changes import changed
from shared.database.tables import (
    attempts,
    confidential,
    contacts,
    emails,
    entries,
    mail_items,
    operations,
    options,
    recipients,
)
from shared.errors import RowpostError
from shared.outbox.attachments import release_attachments
from shared.outbox.conditions import NUMBERS, is_current, state_is
from shared.outbox.entries import EmailNotFound, current_entry
from shared.outbox.rows import their_rows
from shared.outbox.rows.their_rows import says_new
from shared.outbox.states import Flag, Letter


class NotAtRest(RowpostError):
    """An email can be removed while nobody is sending it, its outcome is known, and its row does
    not ask for it again."""


REMOVE = delete(entries).where(
    entries.c.Number == bindparam("number"),
    is_current,
    state_is(Flag.WAITING, Flag.SENT, Flag.FAILED, Flag.CANCELLED),
)
ASKED_AGAIN = select(emails.c.dd_srno).where(emails.c.dd_srno == bindparam("email_id"), says_new)
FORGET = tuple(
    delete(table).where(table.c.Number.in_(NUMBERS))
    for table in (
        attempts,
        recipients,
        contacts,
        options,
        confidential,
        mail_items,
        operations,
        entries,
    )
)


def remove(connection: Connection, email_id: int) -> list[str]:
    """Remove the email and its row; answers the keys of its files, which are due to be deleted now.

    Raises NotAtRest or EmailNotFound.
    """
    entry = current_entry(connection, email_id)
    if entry is None:
        raise EmailNotFound(f"there is no email {email_id}")
    if connection.scalar(ASKED_AGAIN, {"email_id": email_id}) is not None:
        raise NotAtRest("its row says N again: it can be cancelled once it is in the queue")
    if changed(connection, REMOVE, {"number": entry.Number}) != 1:
        raise NotAtRest("this is being sent, or nobody has decided about its unknown outcome yet")
    for letter in (Letter.TAKEN.value, entry.State):
        their_rows.remove(connection, email_id, letter)
    keys = release_attachments(connection, [entry.Number])
    forget(connection, [entry.Number])
    return keys


def forget(connection: Connection, numbers: Sequence[int]) -> None:
    """Remove what is written down of these entries, their files aside."""
    for statement in FORGET:
        connection.execute(statement, {"numbers": list(numbers)})
