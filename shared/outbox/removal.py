"""Removing an email from the queue, with all that is written down about it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete

from shared.database.changes import changed
from shared.database.tables import attempts, contacts, emails, recipients
from shared.errors import RowpostError
from shared.outbox.attachments import release_attachments
from shared.outbox.conditions import IDS, flag_is
from shared.outbox.states import Flag


class NotAtRest(RowpostError):
    """An email can be removed while nobody is sending it and its outcome is known."""


REMOVE = delete(emails).where(
    emails.c.dd_srno == bindparam("email_id"),
    flag_is(Flag.WAITING, Flag.SENT, Flag.FAILED, Flag.CANCELLED),
)
FORGET = tuple(
    delete(table).where(table.c.EmailId.in_(IDS)) for table in (attempts, recipients, contacts)
)


def remove(connection: Connection, email_id: int) -> list[str]:
    """Remove the email; answers the keys of its files, which are due to be deleted now.

    Raises NotAtRest.
    """
    if changed(connection, REMOVE, {"email_id": email_id}) != 1:
        raise NotAtRest("this is being sent, or nobody has decided about its unknown outcome yet")
    keys = release_attachments(connection, [email_id])
    forget(connection, [email_id])
    return keys


def forget(connection: Connection, ids: Sequence[int]) -> None:
    """Remove what is written down beside these emails, their files aside."""
    for statement in FORGET:
        connection.execute(statement, {"ids": ids})
