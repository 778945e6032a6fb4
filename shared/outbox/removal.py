"""Removing an email from the queue, with all that is written down about it."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete

from shared.database.tables import attempts, emails, recipients
from shared.errors import RowpostError
from shared.outbox.attachments import release_attachments
from shared.outbox.conditions import flag_is
from shared.outbox.states import Flag


class NotAtRest(RowpostError):
    """An email can be removed while nobody is sending it and its outcome is known."""


_REMOVE = delete(emails).where(
    emails.c.dd_srno == bindparam("email_id"),
    flag_is(Flag.WAITING, Flag.SENT, Flag.FAILED, Flag.CANCELLED),
)


def remove(connection: Connection, email_id: int) -> list[str]:
    """Remove the email; answers the keys of its files, which are due to be deleted now.

    Raises NotAtRest.
    """
    if connection.execute(_REMOVE, {"email_id": email_id}).rowcount != 1:
        raise NotAtRest("this is being sent, or nobody has decided about its unknown outcome yet")
    for table in (recipients, attempts):
        connection.execute(delete(table).where(table.c.EmailId == email_id))
    return release_attachments(connection, [email_id])
