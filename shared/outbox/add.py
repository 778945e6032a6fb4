"""Adding an email to the queue, in the caller's transaction: its row and its entry together."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypedDict

from sqlalchemy import Connection, insert

from shared.database.columns.sizes import size_once_stored
from shared.database.columns.widths import width
from shared.database.dialects.dialect_of import dialect_of
from shared.database.tables import options
from shared.errors import RowpostError
from shared.outbox.admission.fingerprint import Content, fingerprint
from shared.outbox.attachments import MOST_FILES, StoredAttachment, write_attachments
from shared.outbox.confidential import CONFIDENTIAL, CONFIDENTIAL_SUBJECT, keep_apart
from shared.outbox.one_trip_add import added_in_one_trip
from shared.outbox.recipients import KnownRecipient, write_recipients
from shared.outbox.relocation_mark import DatabaseMoved, require_not_moved
from shared.outbox.rows.their_rows import insert_row
from shared.outbox.states import Importance, Lane, Sensitivity, profile_code
from shared.outbox.transitions import enter_one, supersede_former

__all__ = ["PRIORITIES", "BadValue", "DatabaseMoved", "NewEmail", "add", "check"]

_WIDTHS = {
    "to": 500,
    "cc": 500,
    "bcc": 500,
    "subject": 500,
    "filename": 255,
    "account_code": 50,
    "reply_to": 500,
    "sender": 500,
    "unsubscribe": 50,
    "origin": 20,
    "stored_by": 150,
    "request_id": 36,
}
_TAGS_WIDTH = 1100
PRIORITIES = range(1, 6)


class BadValue(RowpostError):
    """A value does not fit the queue; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEmail:
    """An email to be sent. Lists of recipients are split at `;` and `,`.

    `priority` is 1 (first) to 5. `is_html` None: HTML if the body begins like a page. Times are
    aware; None is at once, and never. `recipients` instead of the lists where those are longer
    than their columns. `headers` are further header fields, `sender` is a mailbox in place of the
    account's own, `profile_id` a mail profile that sends it in place of an account. `origin` is the
    way it came in, `stored_by` and `request_id` who stored it and with which request. `unsubscribe`
    is the list that its one recipient may leave with a click. `attachments`: files that are kept
    for this email, beside its document.
    """

    to: str
    subject: str
    body: str = field(repr=False)
    cc: str | None = None
    bcc: str | None = None
    account_code: str | None = None
    profile_id: int | None = None
    importance: Importance = Importance.NORMAL
    sensitivity: Sensitivity = Sensitivity.NORMAL
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
    unsubscribe: str | None = None
    attachments: tuple[StoredAttachment, ...] = ()

    @property
    def confidential(self) -> bool:
        """Whether what it says must not stand in the queue's own table."""
        return self.origin == CONFIDENTIAL


def add(connection: Connection, email: NewEmail) -> int:
    """Store the email; answers its number. It is in the queue when the caller commits.

    Raises BadValue for what does not fit, DatabaseMoved when the queue lives elsewhere now,
    FileNotKept when a file waited too long for its email.
    """
    check(email)
    email_id, number = _added(connection, email)
    if email.confidential:
        keep_apart(connection, number, email.subject, email.body, email.text_alternative)
    if email.recipients:
        write_recipients(connection, number, email.recipients)
    if email.attachments:
        write_attachments(connection, number, email.attachments)
    return email_id


def _added(connection: Connection, email: NewEmail) -> tuple[int, int]:
    """Row, entry and options; answers the row's id and the entry's number."""
    row, own = _row(email), _options(email)
    entry = {**_entry(email), "Fingerprint": _fingerprint(connection, row)}
    if not dialect_of(connection).has_one_writer:
        return added_in_one_trip(connection, row, entry, own)
    require_not_moved(connection)
    email_id = insert_row(connection, row)
    supersede_former(connection, email_id)
    number = enter_one(connection, {"EmailId": email_id, **entry})
    if own:
        connection.execute(insert(options), {"EmailId": email_id, "Number": number, **own})
    return email_id, number


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


def _fingerprint(connection: Connection, row: _Row) -> str:
    """Of a table without creation dates; elsewhere it is the date that tells rows apart."""
    body, document = row["dd_bodyText"], row["dd_document"]
    return fingerprint(
        Content(
            row["dd_toEmailid"],
            row["dd_ccEmailid"],
            row["dd_subject"],
            row["dd_filename"],
            size_once_stored(connection, body),
            None if document is None else size_once_stored(connection, document),
            None,
        )
    )


class _Row(TypedDict):
    dd_toEmailid: str
    dd_ccEmailid: str | None
    dd_subject: str
    dd_bodyText: str
    dd_document: bytes | None
    dd_filename: str | None
    dd_EmailParamCode: str | None


def _row(email: NewEmail) -> _Row:
    says = not email.confidential
    return {
        "dd_toEmailid": email.to,
        "dd_ccEmailid": email.cc,
        "dd_subject": email.subject if says else CONFIDENTIAL_SUBJECT,
        "dd_bodyText": email.body if says else "",
        "dd_document": email.document,
        "dd_filename": email.filename,
        "dd_EmailParamCode": email.account_code,
    }


def _entry(email: NewEmail) -> dict[str, object]:
    later = email.send_at is not None and email.send_at > datetime.now(UTC)
    profile = email.profile_id
    return {
        "AccountCode": email.account_code if profile is None else profile_code(profile),
        "Lane": email.lane.value,
        "Priority": email.priority or 3,
        "NotBefore": email.send_at if later else None,
        "ExpiresAt": email.expires_at,
        "Origin": email.origin,
        "StoredBy": email.stored_by,
        "RequestId": email.request_id,
    }


def _options(email: NewEmail) -> dict[str, object]:
    """What goes into `Rowpost_Options`; nothing for most emails."""
    given: dict[str, object] = {
        "bccEmailid": email.bcc,
        "SendAt": email.send_at,
        "IsHtml": None if email.is_html is None else str(int(email.is_html)),
        "TextAlternative": None if email.confidential else email.text_alternative,
        "ReplyTo": email.reply_to,
        "Headers": json.dumps(dict(email.headers)) if email.headers else None,
        "Tags": _tags(email),
        "Sender": email.sender,
        "ProfileId": email.profile_id,
        "Importance": _unless_normal(email.importance),
        "Sensitivity": _unless_normal(email.sensitivity),
        "Unsubscribe": email.unsubscribe,
    }
    return given if any(value is not None for value in given.values()) else {}


def _tags(email: NewEmail) -> str | None:
    return json.dumps(email.tags, ensure_ascii=False) if email.tags else None


def _unless_normal(word: Importance | Sensitivity) -> str | None:
    return None if word == "normal" else word.value
