"""Rewriting: a waiting email says something else from now on."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, update

from shared.database.changes import changed
from shared.database.tables import emails
from shared.outbox.add import NewEmail
from shared.outbox.conditions import flag_is
from shared.outbox.decide import NotWaiting
from shared.outbox.states import Flag

_REWRITE = (
    update(emails)
    .where(emails.c.dd_srno == bindparam("email_id"), flag_is(Flag.WAITING))
    .values(
        dd_subject=bindparam("subject"),
        dd_bodyText=bindparam("body"),
        dd_TextAlternative=bindparam("text_alternative"),
        dd_IsHtml=bindparam("is_html"),
        dd_ReplyTo=bindparam("reply_to"),
    )
)


def rewrite(connection: Connection, email_id: int, email: NewEmail) -> None:
    """Let it say what this one says, to whom it goes already. Raises NotWaiting.

    What is claimed is read after its claim, so it is sent as it was or as it is now.
    """
    rewritten = changed(
        connection,
        _REWRITE,
        {
            "email_id": email_id,
            "subject": email.subject,
            "body": email.body,
            "text_alternative": email.text_alternative,
            "is_html": None if email.is_html is None else int(email.is_html),
            "reply_to": email.reply_to,
        },
    )
    if rewritten != 1:
        raise NotWaiting("only an email that waits can be changed, and this one does not any more")
