"""Adding an email to the queue, in the caller's transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, insert, select

from shared.database.tables import emails, service
from shared.database.widths import width
from shared.errors import RowpostError
from shared.outbox.attachments import MOST_FILES, StoredAttachment, write_attachments
from shared.outbox.recipients import KnownRecipient, write_recipients
from shared.outbox.states import Lane

_WIDTHS = {
    "to": 500,
    "cc": 500,
    "bcc": 500,
    "subject": 500,
    "filename": 255,
    "account_code": 50,
    "reply_to": 500,
    "sender": 500,
    "origin": 20,
    "stored_by": 150,
    "request_id": 36,
}
_TAGS_WIDTH = 1100
PRIORITIES = range(1, 6)

_MOVED = select(service.c.MovedAt).where(service.c.Id == 1)
_ADD = insert(emails).returning(emails.c.dd_srno)


class BadValue(RowpostError):
    """A value does not fit the queue; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field
        self.message = message


class DatabaseMoved(RowpostError):
    """The queue has moved to another database: nothing is added to this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEmail:
    """An email to be sent. Lists of recipients are split at `;` and `,`.

    `priority` is 1 (first) to 5. `is_html` None: HTML if the body begins like a page. Times are
    aware; None is at once, and never. `recipients` instead of the lists where those are longer
    than their columns. `headers` are further header fields, `sender` is a mailbox in place of the
    account's own. `origin` is the way it came in, `stored_by` and `request_id` who stored it and
    with which request. `attachments`: files that are kept for this email, beside its document.
    """

    to: str
    subject: str
    body: str = field(repr=False)
    cc: str | None = None
    bcc: str | None = None
    account_code: str | None = None
    text_alternative: str | None = field(default=None, repr=False)
    document: bytes | None = field(default=None, repr=False)
    filename: str | None = None
    priority: int | None = None
    lane: Lane = Lane.SCHEDULED
    is_html: bool | None = None
    send_at: datetime | None = None
    expires_at: datetime | None = None
    recipients: tuple[KnownRecipient, ...] = ()
    reply_to: str | None = None
    sender: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    origin: str | None = None
    stored_by: str | None = None
    request_id: str | None = None
    attachments: tuple[StoredAttachment, ...] = ()


def add(connection: Connection, email: NewEmail) -> int:
    """Store the email; answers its number. It is in the queue when the caller commits.

    Raises BadValue for what does not fit, DatabaseMoved when the queue lives elsewhere now,
    FileNotKept when a file waited too long for its email.
    """
    check(email)
    if connection.scalar(_MOVED) is not None:
        raise DatabaseMoved("the queue has moved to another database")
    email_id = connection.scalar(_ADD, _values(email))
    if email_id is None:
        raise LookupError("the database gave no number for the new row")
    if email.recipients:
        write_recipients(connection, email_id, email.recipients)
    if email.attachments:
        write_attachments(connection, email_id, email.attachments)
    return int(email_id)


def check(email: NewEmail) -> None:
    """Raise BadValue for what does not fit the queue."""
    for name, most in _WIDTHS.items():
        if _width(name, getattr(email, name) or "") > most:
            raise BadValue(name, f"is longer than {most} characters")
    for name in ("body", "text_alternative"):
        _width(name, getattr(email, name) or "")
    if _width("tags", _tags(email) or "") > _TAGS_WIDTH:
        raise BadValue("tags", f"take more than {_TAGS_WIDTH} characters together")
    if email.priority is not None and email.priority not in PRIORITIES:
        raise BadValue("priority", "is not between 1 (first) and 5")
    if not email.recipients and not (email.to or email.cc or email.bcc or "").strip():
        raise BadValue("to", "is empty: an email needs a recipient")
    if len(email.attachments) > MOST_FILES:
        raise BadValue("attachments", f"are more than {MOST_FILES}")


def _width(name: str, text: str) -> int:
    try:
        return width(text)
    except UnicodeEncodeError as error:
        raise BadValue(name, "holds half a character (a lone surrogate)") from error


def _values(email: NewEmail) -> dict[str, object]:
    return {
        "dd_toEmailid": email.to,
        "dd_ccEmailid": email.cc,
        "dd_bccEmailid": email.bcc,
        "dd_subject": email.subject,
        "dd_bodyText": email.body,
        "dd_TextAlternative": email.text_alternative,
        "dd_document": email.document,
        "dd_filename": email.filename,
        "dd_EmailParamCode": email.account_code,
        "dd_Priority": email.priority or 3,
        "dd_Lane": email.lane.value,
        "dd_IsHtml": None if email.is_html is None else int(email.is_html),
        "dd_SendAt": email.send_at,
        "dd_ExpiresAt": email.expires_at,
        "dd_ReplyTo": email.reply_to,
        "dd_Sender": email.sender,
        "dd_Headers": json.dumps(dict(email.headers)) if email.headers else None,
        "dd_Tags": _tags(email),
        "dd_Origin": email.origin,
        "dd_StoredBy": email.stored_by,
        "dd_RequestId": email.request_id,
    }


def _tags(email: NewEmail) -> str | None:
    return json.dumps(email.tags, ensure_ascii=False) if email.tags else None
