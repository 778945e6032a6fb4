"""What a sender needs to know of the emails that it has claimed, as their rows say it now.

The letter P says that a row is the one that was admitted, edited or not. Any other letter takes the
email back; N is left to admission. Large bodies and documents are read when their email is
composed, and only if the row still says P and the entry is still ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
)
from sqlalchemy.exc import DBAPIError

from shared.database.columns.sizes import stored_size
from shared.database.errors import is_transient
from shared.database.tables import AnyText, confidential, emails, entries, options
from shared.errors import RowpostError
from shared.outbox import transitions
from shared.outbox.admission.fingerprint import Content, fingerprint
from shared.outbox.admission.row_content import creation_date
from shared.outbox.attachments import StoredAttachment, attachments_of
from shared.outbox.conditions import TOKEN, is_current, number_among, state_is
from shared.outbox.recipients import KnownRecipient, known_recipients
from shared.outbox.rows.their_table import their_table
from shared.outbox.sending.lease import Lease
from shared.outbox.states import NEW_LETTERS, Flag, Letter

_BODY_AT_ONCE = 65_536
_UNTIL_ADMITTED_SECONDS = 2.0


class NoLongerOurs(RowpostError):
    """The row was taken back or is gone, or the email is not ours to send any more."""


class ClaimedEmail(NamedTuple):
    """An email that is ours until its lease ends. `body` is None where it is still to be read.

    `number` is its entry's, `id` its row's. A tuple, since a drain makes thousands of them a
    second.
    """

    number: int
    id: int
    to: str | None
    cc: str | None
    bcc: str | None
    subject: str | None
    body: str | None
    text_alternative: str | None
    is_html: bool | None
    filename: str | None
    document_size: int
    message_id: str
    retries: int
    recipients: tuple[KnownRecipient, ...] = ()
    """Recipients who are known one by one; empty where the row's own lists say it all."""
    reply_to: str | None = None
    sender: str | None = None
    """A mailbox in place of the account's own."""
    headers: str | None = None
    """Further header fields, as a JSON object."""
    attachment_count: int = 0
    attachments: tuple[StoredAttachment, ...] = ()
    """Its files in the attachment store; fewer than there should be once they were removed."""
    fingerprint: str = ""
    """Of what the row says now; kept with the mark."""
    unsubscribe: str | None = None
    """The list that its recipient may unsubscribe from, as the email's option says."""
    importance: str | None = None
    sensitivity: str | None = None
    by_profile: bool = False
    """A mail profile sends it, whose settings say when it is tried again."""

    def __repr__(self) -> str:
        """Without what the email says."""
        return f"ClaimedEmail(id={self.id}, message_id={self.message_id!r})"


@dataclass(frozen=True, slots=True)
class UnreadableEmail:
    """A claimed row that the database cannot give us as text."""

    number: int
    id: int
    reason: str


Fetched = ClaimedEmail | UnreadableEmail


@dataclass(slots=True)
class Claimed:
    """What a claim came to: emails in the order in which they are to be sent; and the numbers of
    those that were `taken_back` by their rows, or whose rows say N again."""

    emails: list[Fetched] = field(default_factory=list)
    taken_back: list[int] = field(default_factory=list)
    new_again: list[int] = field(default_factory=list)


def fetch(connection: Connection, numbers: Sequence[int]) -> Claimed:
    """What is needed of claimed emails."""
    if not numbers:
        return Claimed()
    known = known_recipients(connection, numbers)
    claimed = sorted_out(_rows(connection, numbers), known)
    claimed.emails = _with_attachments(connection, claimed.emails)
    return claimed


def sorted_out(rows: Iterable[Any], known: Mapping[int, tuple[KnownRecipient, ...]]) -> Claimed:
    """What rows of `fetch_statement` say, by the letters that stand in them."""
    claimed = Claimed()
    for row in rows:
        if isinstance(row, UnreadableEmail):
            claimed.emails.append(row)
        elif row.dd_SendFlag == Letter.TAKEN:
            claimed.emails.append(_claimed(row, known.get(row.Number, ())))
        elif row.dd_SendFlag in NEW_LETTERS:
            claimed.new_again.append(row.Number)
        else:
            claimed.taken_back.append(row.Number)
    return claimed


def collect(connection: Connection, numbers: Sequence[int], lease: Lease) -> list[Fetched]:
    """What is needed of claimed emails, in the order in which they are to be sent; those whose
    rows say otherwise are not among them, and wait or are cancelled by this."""
    claimed = fetch(connection, numbers)
    settle(connection, claimed, lease)
    return claimed.emails


def settle(connection: Connection, claimed: Claimed, lease: Lease) -> None:
    """What was taken back is cancelled; what says N again waits for admission."""
    transitions.take_back(connection, claimed.taken_back, lease)
    for number in claimed.new_again:
        values = {"number": number, "reason": None, "retries": 0, "wait": _UNTIL_ADMITTED_SECONDS}
        transitions.end_attempt(connection, transitions.POSTPONED, values, lease)


def look_at(connection: Connection, email_id: int) -> ClaimedEmail | None:
    """An email as a claim would bring it now, for somebody who only looks; None: it has no row.

    Its body and document may be left out, as at a claim: `look_at_body`, `look_at_document`.
    """
    statement = look_statement(their_table(connection).options)
    row = connection.execute(statement, {"email_id": email_id}).one_or_none()
    if row is None:
        return None
    if row.Number is None:
        return _claimed(row, ())._replace(
            number=0, id=email_id, message_id="", retries=0, attachment_count=0
        )
    email = _claimed(row, known_recipients(connection, [row.Number]).get(row.Number, ()))
    files = attachments_of(connection, [row.Number]).get(row.Number, ())
    return email._replace(message_id=email.message_id or "", attachments=files)


def look_at_body(connection: Connection, email_id: int) -> str:
    """The body of a row, whatever its length and whoever has it."""
    return _text(connection.scalar(LOOK_AT_BODY, {"email_id": email_id})) or ""


def look_at_size(connection: Connection, email_id: int) -> int:
    """How many bytes the body of a row takes."""
    return int(connection.scalar(LOOK_AT_SIZE, {"email_id": email_id}) or 0)


def look_at_document(connection: Connection, email_id: int) -> bytes:
    """The document of a row, whoever has it."""
    return _octets(connection.scalar(LOOK_AT_DOCUMENT, {"email_id": email_id}))


def read_body(connection: Connection, number: int, lease: Lease) -> str:
    """The body of an email, whatever its length. Raises NoLongerOurs."""
    return str(_read(connection, _BODY, number, lease) or "")


def read_document(connection: Connection, number: int, lease: Lease) -> bytes:
    """The document of an email. Raises NoLongerOurs."""
    return _octets(_read(connection, _DOCUMENT, number, lease))


LOOK_AT_BODY = select(cast(emails.c.dd_bodyText, AnyText).label("body")).where(
    emails.c.dd_srno == bindparam("email_id")
)
LOOK_AT_SIZE = select(stored_size(emails.c.dd_bodyText)).where(
    emails.c.dd_srno == bindparam("email_id")
)
LOOK_AT_DOCUMENT = select(emails.c.dd_document).where(emails.c.dd_srno == bindparam("email_id"))
_ORDER = (entries.c.Lane, entries.c.Priority, entries.c.Number)
_ours = and_(
    entries.c.Number == bindparam("number"),
    entries.c.LeaseToken == TOKEN,
    state_is(Flag.PREPARING),
    is_current,
    emails.c.dd_srno == entries.c.EmailId,
    emails.c.dd_SendFlag == literal_column(f"'{Letter.TAKEN}'"),
)
_BODY = (
    select(
        case(
            (confidential.c.Number.is_not(None), confidential.c.Body),
            else_=cast(emails.c.dd_bodyText, AnyText),
        )
    )
    .select_from(
        entries.join(emails, emails.c.dd_srno == entries.c.EmailId).outerjoin(
            confidential, confidential.c.Number == entries.c.Number
        )
    )
    .where(_ours)
)
_DOCUMENT = (
    select(emails.c.dd_document)
    .select_from(entries.join(emails, emails.c.dd_srno == entries.c.EmailId))
    .where(_ours)
)


def _read(connection: Connection, question: Select[Any], number: int, lease: Lease) -> Any:
    row = connection.execute(question, {"number": number, "token": lease.token}).one_or_none()
    if row is None:
        raise NoLongerOurs("its row was taken back, or is gone")
    return row[0]


@lru_cache(maxsize=32)
def fetch_statement(there: frozenset[str], among: str | None = None) -> Select[Any]:
    """What reads claimed emails, of a table that has these option columns: those of `numbers`, or
    those that are `among` what a piece of SQL selects."""

    return (
        select(*_columns(there))
        .select_from(
            entries.outerjoin(emails, emails.c.dd_srno == entries.c.EmailId)
            .outerjoin(options, options.c.Number == entries.c.Number)
            .outerjoin(confidential, confidential.c.Number == entries.c.Number)
        )
        .where(number_among(entries.c.Number, among))
        .order_by(*_ORDER)
    )


@lru_cache(maxsize=32)
def look_statement(there: frozenset[str]) -> Select[Any]:
    """What reads the same of one row (`email_id`), admitted or not, whoever has it."""
    its_own = and_(
        options.c.EmailId == emails.c.dd_srno,
        or_(
            options.c.Number == entries.c.Number,
            and_(options.c.Number.is_(None), entries.c.Number.is_(None)),
        ),
    )
    return (
        select(*_columns(there))
        .select_from(
            emails.outerjoin(entries, and_(entries.c.EmailId == emails.c.dd_srno, is_current))
            .outerjoin(options, its_own)
            .outerjoin(confidential, confidential.c.Number == entries.c.Number)
        )
        .where(emails.c.dd_srno == bindparam("email_id"))
        .order_by(options.c.Id.desc())
        .limit(1)
    )


def _columns(there: frozenset[str]) -> tuple[ColumnElement[Any], ...]:
    """What is read of an email, of a table that has these option columns."""

    def option(name: str) -> ColumnElement[Any]:
        ours = options.c[name.removeprefix("dd_")]
        return func.coalesce(ours, emails.c[name]) if name in there else ours

    apart = confidential.c.Number.is_not(None)
    body = case((apart, confidential.c.Body), else_=cast(emails.c.dd_bodyText, AnyText))
    size = stored_size(emails.c.dd_bodyText)
    created = emails.c.dd_CreatedDate if "dd_CreatedDate" in there else null()
    return (
        entries.c.Number,
        entries.c.EmailId,
        emails.c.dd_srno,
        emails.c.dd_SendFlag,
        emails.c.dd_toEmailid,
        emails.c.dd_ccEmailid,
        option("dd_bccEmailid").label("bcc"),
        emails.c.dd_subject,
        confidential.c.Subject,
        case((or_(apart, func.coalesce(size, 0) <= _BODY_AT_ONCE), func.coalesce(body, ""))).label(
            "body"
        ),
        size.label("body_size"),
        func.coalesce(confidential.c.TextAlternative, option("dd_TextAlternative")).label("text"),
        option("dd_IsHtml").label("is_html"),
        emails.c.dd_filename,
        stored_size(emails.c.dd_document).label("document_size"),
        entries.c.MessageId,
        entries.c.Retries,
        option("dd_ReplyTo").label("reply_to"),
        option("dd_Sender").label("sender"),
        option("dd_Headers").label("headers"),
        entries.c.AttachmentCount,
        created.label("created"),
        options.c.Unsubscribe.label("unsubscribe"),
        options.c.Importance.label("importance"),
        options.c.Sensitivity.label("sensitivity"),
        options.c.ProfileId.label("profile"),
    )


def _rows(connection: Connection, numbers: Sequence[int]) -> list[Row[Any] | UnreadableEmail]:
    """All rows at once; if one of them cannot be decoded, each by itself."""
    statement = fetch_statement(their_table(connection).options)
    try:
        return list(connection.execute(statement, {"numbers": list(numbers)}).all())
    except (UnicodeError, DBAPIError) as error:
        if isinstance(error, DBAPIError) and (len(numbers) == 1 or is_transient(error)):
            raise
    return [_row(connection, statement, number) for number in numbers]


def _row(connection: Connection, statement: Select[Any], number: int) -> Row[Any] | UnreadableEmail:
    try:
        return connection.execute(statement, {"numbers": [number]}).one()
    except UnicodeError as error:
        email_id = connection.scalar(_EMAIL_ID, {"number": number}) or 0
        return UnreadableEmail(number, email_id, f"its text cannot be read: {error}")


_EMAIL_ID = select(entries.c.EmailId).where(entries.c.Number == bindparam("number"))


def _claimed(row: Any, recipients: tuple[KnownRecipient, ...]) -> ClaimedEmail:
    (
        number,
        email_id,
        _,
        _,
        to,
        cc,
        bcc,
        subject,
        own_subject,
        body,
        body_size,
        text,
        html,
        filename,
        document_size,
        message_id,
        retries,
        reply_to,
        sender,
        headers,
        files,
        created,
        unsubscribe,
        importance,
        sensitivity,
        profile,
    ) = row
    to, cc, bcc, subject, body, text, filename = _texts(to, cc, bcc, subject, body, text, filename)
    reply_to, sender, headers, unsubscribe, importance, sensitivity = _texts(
        reply_to, sender, headers, unsubscribe, importance, sensitivity
    )
    return ClaimedEmail(
        number,
        email_id,
        to,
        cc,
        bcc,
        subject if own_subject is None else own_subject,
        body,
        text,
        yes_or_no(html),
        filename,
        document_size or 0,
        message_id,
        retries,
        recipients,
        reply_to,
        sender,
        headers,
        files,
        (),
        fingerprint(
            Content(to, cc, subject, filename, body_size, document_size, creation_date(created))
        ),
        unsubscribe,
        importance,
        sensitivity,
        profile is not None,
    )


def yes_or_no(flag: Any) -> bool | None:
    """What `dd_IsHtml` says; None where it says nothing."""
    if flag is None:
        return None
    word = str(flag).strip().lower()
    return None if not word else word in ("1", "y", "yes", "t", "true")


def _with_attachments(connection: Connection, fetched: list[Fetched]) -> list[Fetched]:
    """The same emails, those that have files in the store with them."""
    numbers = [
        email.number
        for email in fetched
        if isinstance(email, ClaimedEmail) and email.attachment_count
    ]
    if not numbers:
        return fetched
    found = attachments_of(connection, numbers)
    return [
        email._replace(attachments=found.get(email.number, ()))
        if isinstance(email, ClaimedEmail)
        else email
        for email in fetched
    ]


def _octets(content: Any) -> bytes:
    if isinstance(content, bytes):
        return content
    return (_text(content) or "").encode("utf-8", "surrogateescape")


def _texts(*values: Any) -> tuple[str | None, ...]:
    """Each as text; nearly always they are."""
    for value in values:
        if value is not None and value.__class__ is not str:
            return tuple([_text(each) for each in values])
    return values


def _text(value: Any) -> str | None:
    """SQLite columns hold whatever was put there; what is not text is read as such."""
    if value is None or isinstance(value, str):
        return value
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
