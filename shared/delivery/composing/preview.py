"""An email as somebody looks at it: what it says, its files, and the message that it goes as.

Nobody is asked for a lease: it is read as it stands, before it is sent, meanwhile and afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection

from shared.accounts.directory import sender_of
from shared.attachments.store import AttachmentStore
from shared.database.database import Database
from shared.delivery.composing.attached_files import read_file, require_whole
from shared.delivery.composing.prepare import draft_of, further_headers, recipients_of
from shared.errors import RowpostError
from shared.mime.address_form import domain_of
from shared.mime.addresses import Mailbox
from shared.mime.allowed_recipients import RecipientRule
from shared.mime.attachment_type import content_type, filename
from shared.mime.bad_email import BadEmail
from shared.mime.compose import compose
from shared.mime.looks_like_html import looks_like_html
from shared.mime.message import Attachment
from shared.outbox.cancel_retry_resolve import ContentRemoved
from shared.outbox.confidential import CONFIDENTIAL
from shared.outbox.queries.search import StoredEmail, attempts_at, find
from shared.outbox.sending.fetch import (
    ClaimedEmail,
    look_at,
    look_at_body,
    look_at_document,
    look_at_size,
)
from shared.outbox.states import Status
from shared.settings import settings

MOST_TEXT = 32 * 1024 * 1024
"""Bytes of a body that may be looked at."""


class ContentConfidential(RowpostError):
    """What the email says is shown to nobody: it carries a code."""


class ContentTooLarge(RowpostError):
    """The email's body is too large to be shown; the text says how large it is."""


class NoMessage(RowpostError):
    """No message can be made of the email as it stands; the text says why."""


class NoSuchFile(RowpostError):
    """The email has no file in this place."""


class ShownFile(NamedTuple):
    """A file that goes with an email. `size` in bytes; `content_id`: where the HTML shows it."""

    filename: str
    content_type: str | None
    size: int
    content_id: str | None


@dataclass(frozen=True, slots=True)
class Content:
    """What an email says. `headers` are decoded, in their order, as the reader of the email sees
    them and with Bcc; the document of its row is the first of its `files`."""

    html: str | None = field(repr=False)
    text: str | None = field(repr=False)
    headers: tuple[tuple[str, str], ...]
    files: tuple[ShownFile, ...]


class _Identity(NamedTuple):
    sender: Mailbox
    reply_to: tuple[Mailbox, ...]
    recipient_rules: tuple[RecipientRule, ...]
    stands_in_for: int | None = None


@dataclass(frozen=True, slots=True)
class _Looked:
    """An email as it was read, and the account that has sent it or would; None: no account would.

    `document`: None where it was not asked for.
    """

    known: StoredEmail
    email: ClaimedEmail
    body: str
    document: bytes | None
    identity: _Identity | None


def content_of(database: Database, email_id: int) -> Content:
    """What the email says.

    Raises EmailNotFound, ContentConfidential, ContentRemoved, ContentTooLarge.
    """
    looked = _look(database, email_id)
    email, body = looked.email, looked.body
    is_html = looks_like_html(body) if email.is_html is None else email.is_html
    return Content(
        html=body if is_html else None,
        text=email.text_alternative if is_html else body,
        headers=_headers(looked),
        files=_files(email),
    )


def raw_of(database: Database, store: AttachmentStore, email_id: int, most_mb: int) -> bytes:
    """The message as it was composed for its last attempt, or as it would be composed now.

    `most_mb`: how much all files of one email may have together. Before its first attempt an email
    has no Message-ID: a stand-in says so. Raises what `content_of` raises, NoMessage,
    AttachmentStoreUnavailable.
    """
    looked = _look(database, email_id, most_mb=most_mb)
    if looked.identity is None:
        raise NoMessage("no active account answers for it, so nobody can say who it would be from")
    email = looked.email
    if not email.message_id:
        domain = domain_of(looked.identity.sender.address)
        email = email._replace(message_id=f"<not-sent-yet.{email_id}@{domain}>")
    try:
        files = [read_file(store, file) for file in email.attachments]
        if looked.document is not None:
            files.insert(0, Attachment(email.filename, looked.document))
        draft = draft_of(
            email,
            looked.body,
            looked.identity,
            recipients_of(email),
            tuple(files),
            _date_of(looked.known),
        )
        return compose(draft).content
    except BadEmail as error:
        raise NoMessage(str(error)) from None


def file_of(database: Database, store: AttachmentStore, email_id: int, place: int) -> Attachment:
    """One of the email's files, by its place (from 0) among those of `content_of`; its name and
    type are filled in.

    Raises NoSuchFile, and what `raw_of` raises.
    """
    with database.read() as connection:
        _, email = _find(connection, email_id)
        if email.document_size and place == 0:
            found = Attachment(email.filename, look_at_document(connection, email_id))
            return _named(found)
    place -= 1 if email.document_size else 0
    if not 0 <= place < len(email.attachments):
        raise NoSuchFile(f"email {email_id} has no such file")
    try:
        return _named(read_file(store, email.attachments[place]))
    except BadEmail as error:
        raise NoMessage(str(error)) from None


def _named(file: Attachment) -> Attachment:
    return Attachment(filename(file), file.content, content_type(file), file.content_id)


def _find(connection: Connection, email_id: int) -> tuple[StoredEmail, ClaimedEmail]:
    """The email, if there is something of it that may be shown."""
    known = find(connection, email_id)
    if known.origin == CONFIDENTIAL:
        raise ContentConfidential(f"email {email_id} carries a code, which is shown to nobody")
    email = None if known.emptied_at else look_at(connection, email_id)
    if email is None:
        raise ContentRemoved(f"the content of email {email_id} has been removed")
    return known, email


def _look(database: Database, email_id: int, *, most_mb: int | None = None) -> _Looked:
    """`most_mb`: its document, too, if all its files have no more than that together."""
    with database.read() as connection:
        known, email = _find(connection, email_id)
        document = None
        if most_mb is not None:
            try:
                require_whole(email, most_mb)
            except BadEmail as error:
                raise NoMessage(str(error)) from None
            if email.document_size:
                document = look_at_document(connection, email_id)
        body = _long_body(connection, email_id) if email.body is None else email.body
        return _Looked(known, email, body, document, _identity(connection, known))


def _long_body(connection: Connection, email_id: int) -> str:
    size = look_at_size(connection, email_id)
    if size > MOST_TEXT:
        raise ContentTooLarge(
            f"the body of email {email_id} has {size / 1e6:.0f} MB: read it in the queue's table"
        )
    return look_at_body(connection, email_id)


def _identity(connection: Connection, known: StoredEmail) -> _Identity | None:
    """Who it was from at its last attempt, or would be now."""
    own = sender_of(connection, known.account_code, settings())
    if own is None:
        return None
    made = attempts_at(connection, known.id)
    last = made[-1].account if made else None
    deputy = None
    if last and last != known.account_code:
        deputy = sender_of(connection, last, settings())
    if deputy is None or deputy.account_id == own.account_id:
        return _Identity(own.mailbox, own.reply_to, own.recipient_rules)
    answers = own.reply_to or (own.mailbox,)
    rules = (*own.recipient_rules, *deputy.recipient_rules)
    return _Identity(deputy.mailbox, answers, rules, stands_in_for=own.account_id)


def _date_of(known: StoredEmail) -> datetime:
    """Of the message: of its last attempt, or now."""
    tried = known.sent_at if known.status is Status.SENT else known.last_retry_at
    return tried or known.sent_at or datetime.now(UTC)


def _headers(looked: _Looked) -> tuple[tuple[str, str], ...]:
    known, email = looked.known, looked.email
    to, cc, bcc = email.to, email.cc, email.bcc
    if known.recipients:
        to, cc, bcc = (", ".join(several) for several in known.mailboxes())
    sender = email.sender or (_written(looked.identity.sender) if looked.identity else "")
    reply_to = email.reply_to or (
        ", ".join(map(_written, looked.identity.reply_to)) if looked.identity else ""
    )
    own = (
        ("From", sender),
        ("To", to),
        ("Cc", cc),
        ("Bcc", bcc),
        ("Reply-To", reply_to),
        ("Subject", email.subject or ""),
        ("Date", known.sent_at.isoformat(timespec="seconds") if known.sent_at else ""),
        ("Message-ID", email.message_id),
    )
    return (*[(name, value) for name, value in own if value], *_further(email))


def _further(email: ClaimedEmail) -> Sequence[tuple[str, str]]:
    """Of a row whose header fields can't be read nothing is sent: nor is it shown."""
    try:
        return further_headers(email.headers) if email.headers else ()
    except BadEmail:
        return ()


def _files(email: ClaimedEmail) -> tuple[ShownFile, ...]:
    kept = [
        ShownFile(file.filename, file.content_type, file.size, file.content_id)
        for file in email.attachments
    ]
    if email.document_size:
        document = Attachment(email.filename, b"")
        name, kind = filename(document), content_type(document)
        kept.insert(0, ShownFile(name, kind, email.document_size, None))
    return tuple(kept)


def _written(mailbox: Mailbox) -> str:
    return f"{mailbox.name} <{mailbox.address}>" if mailbox.name else mailbox.address
