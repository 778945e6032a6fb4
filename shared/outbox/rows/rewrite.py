"""Rewriting: a waiting email says something else from now on."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, insert, literal_column, select, update

from shared.database.statements.changes import changed
from shared.database.tables import emails, entries, options
from shared.outbox.add import NewEmail
from shared.outbox.admission.fingerprint import fingerprint
from shared.outbox.admission.row_content import content_of
from shared.outbox.cancel_retry_resolve import NotWaiting
from shared.outbox.conditions import state_is
from shared.outbox.entries import current_number
from shared.outbox.states import Flag, Letter

_waits = (
    select(entries.c.Number)
    .where(entries.c.Number == bindparam("number"), state_is(Flag.WAITING))
    .exists()
)
_REWRITE = (
    update(emails)
    .where(
        emails.c.dd_srno == bindparam("email_id"),
        emails.c.dd_SendFlag == literal_column(f"'{Letter.TAKEN}'"),
        _waits,
    )
    .values(dd_subject=bindparam("subject"), dd_bodyText=bindparam("body"))
)
_REWRITE_OPTIONS = (
    update(options)
    .where(options.c.Number == bindparam("number"))
    .values(
        TextAlternative=bindparam("text_alternative"),
        IsHtml=bindparam("is_html"),
        ReplyTo=bindparam("reply_to"),
    )
)
_REPRINT = (
    update(entries)
    .where(entries.c.Number == bindparam("number"))
    .values(Fingerprint=bindparam("print"))
)
_ADD_OPTIONS = insert(options).values(
    EmailId=bindparam("email_id"),
    Number=bindparam("number"),
    TextAlternative=bindparam("text_alternative"),
    IsHtml=bindparam("is_html"),
    ReplyTo=bindparam("reply_to"),
)


def rewrite(connection: Connection, email_id: int, email: NewEmail) -> None:
    """Let it say what this one says, to whom it goes already. Raises NotWaiting, EmailNotFound.

    What is claimed is read after its claim, so it is sent as it was or as it is now.
    """
    number = current_number(connection, email_id)
    values = {
        "number": number,
        "email_id": email_id,
        "subject": email.subject,
        "body": email.body,
    }
    if changed(connection, _REWRITE, values) != 1:
        raise NotWaiting("only an email that waits can be changed, and this one does not any more")
    content = content_of(connection, [email_id])[email_id]
    connection.execute(_REPRINT, {"number": number, "print": fingerprint(content)})
    said = {
        "text_alternative": email.text_alternative,
        "is_html": None if email.is_html is None else str(int(email.is_html)),
        "reply_to": email.reply_to,
    }
    if not changed(connection, _REWRITE_OPTIONS, {"number": number, **said}):
        connection.execute(_ADD_OPTIONS, {"number": number, "email_id": email_id, **said})
