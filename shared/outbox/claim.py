"""Claiming: waiting emails of one account become ours (N to P), under a lease.

First the ids, in the one statement that also changes the flag; then what a sender needs to know
of them. Large bodies and documents stay in the table until their email is composed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Row,
    Select,
    Unicode,
    Update,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import ColumnElement

from shared.database.errors import is_transient
from shared.database.sizes import stored_size
from shared.database.tables import AnyText, emails
from shared.outbox.attachments import StoredAttachment, attachments_of
from shared.outbox.conditions import (
    IDS,
    TOKEN,
    flag_is,
    lease_end,
    service_runs,
    time_has_come,
)
from shared.outbox.lease import Lease
from shared.outbox.recipients import KnownRecipient, known_recipients
from shared.outbox.states import Flag, Lane

_LOCKS = "WITH (ROWLOCK, READPAST, UPDLOCK, READCOMMITTEDLOCK)"
_BODY_AT_ONCE = 65_536
_SUSPECTS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which emails to claim: those with one of these account codes, in these lanes.

    `certain`: only those of which no copy may have gone out already.
    """

    codes: tuple[str | None, ...]
    lanes: tuple[Lane, ...]
    most: int
    message_domain: str
    certain: bool = False


class ClaimedEmail(NamedTuple):
    """An email that is ours until its lease ends. `body` is None where it is still to be read.

    A tuple, since a drain makes thousands of them a second.
    """

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

    def __repr__(self) -> str:
        """Without what the email says."""
        return f"ClaimedEmail(id={self.id}, message_id={self.message_id!r})"


@dataclass(frozen=True, slots=True)
class UnreadableEmail:
    """A claimed row that the database cannot give us as text."""

    id: int
    reason: str


def claim(connection: Connection, wanted: Wanted, lease: Lease) -> list[int]:
    """Claim up to `wanted.most` emails, by lane, priority and age; answers their ids.

    None while the service is stopped. An empty answer does not prove an empty queue: rows may be
    locked by somebody else's claim.
    """
    nulls = tuple(code is None for code in wanted.codes)
    statement = claim_statement(nulls, len(wanted.lanes), wanted.most, wanted.certain)
    return _execute(connection, statement, wanted, lease)


def claim_suspects(connection: Connection, wanted: Wanted, lease: Lease) -> list[int]:
    """Claim emails whose sender died while it prepared them, to be tried with nothing beside them.

    A few that were there once, else a single one that was there more often: the email that kills
    its sender ends up alone, and the others are sent.
    """
    for times, most in ((1, _SUSPECTS_AT_ONCE), (2, 1)):
        nulls = tuple(code is None for code in wanted.codes)
        statement = suspects_statement(nulls, len(wanted.lanes), times, most, wanted.certain)
        if ids := _execute(connection, statement, wanted, lease):
            return ids
    return []


def claim_one(connection: Connection, wanted: Wanted, lease: Lease, email_id: int) -> list[int]:
    """Claim this email, if it waits and is one of those wanted; answers its id or nothing."""
    nulls = tuple(code is None for code in wanted.codes)
    statement = claim_one_statement(nulls, len(wanted.lanes), wanted.certain)
    return _execute(connection, statement, wanted, lease, email_id=email_id)


def fetch(connection: Connection, ids: Sequence[int]) -> list[ClaimedEmail | UnreadableEmail]:
    """What is needed of claimed emails, in the order in which they are to be sent."""
    if not ids:
        return []
    known = known_recipients(connection, ids)
    fetched = [
        row if isinstance(row, UnreadableEmail) else _claimed(row, known.get(row[0], ()))
        for row in _rows(connection, ids)
    ]
    return _with_attachments(connection, fetched)


def read_body(connection: Connection, email_id: int) -> str:
    """The body of an email, whatever its length."""
    return str(connection.scalar(_BODY, {"id": email_id}) or "")


def read_document(connection: Connection, email_id: int) -> bytes:
    """The document of an email."""
    content = connection.scalar(_DOCUMENT, {"id": email_id})
    if isinstance(content, bytes):
        return content
    return (_text(content) or "").encode("utf-8", "surrogateescape")


_ORDER = (emails.c.dd_Lane, emails.c.dd_Priority, emails.c.dd_srno)
_BODY = select(cast(emails.c.dd_bodyText, AnyText)).where(emails.c.dd_srno == bindparam("id"))
_DOCUMENT = select(emails.c.dd_document).where(emails.c.dd_srno == bindparam("id"))
_FETCH = (
    select(
        emails.c.dd_srno,
        emails.c.dd_toEmailid,
        emails.c.dd_ccEmailid,
        emails.c.dd_bccEmailid,
        emails.c.dd_subject,
        case(
            (
                func.coalesce(stored_size(emails.c.dd_bodyText), 0) <= _BODY_AT_ONCE,
                func.coalesce(cast(emails.c.dd_bodyText, AnyText), ""),
            )
        ).label("body"),
        emails.c.dd_TextAlternative,
        emails.c.dd_IsHtml,
        emails.c.dd_filename,
        stored_size(emails.c.dd_document).label("document_size"),
        emails.c.dd_MessageId,
        emails.c.dd_RetryCount,
        emails.c.dd_ReplyTo,
        emails.c.dd_Sender,
        emails.c.dd_Headers,
        emails.c.dd_AttachmentCount,
    )
    .where(emails.c.dd_srno.in_(IDS))
    .order_by(*_ORDER)
)


def _execute(
    connection: Connection, statement: Update, wanted: Wanted, lease: Lease, **more: int
) -> list[int]:
    values: dict[str, Any] = {
        **more,
        "token": lease.token,
        "lease_seconds": lease.seconds,
        "message_id_end": f".{lease.token[:8]}@{wanted.message_domain}>",
    }
    values.update((f"code{n}", code) for n, code in enumerate(wanted.codes) if code is not None)
    values.update((f"lane{n}", lane.value) for n, lane in enumerate(wanted.lanes))
    return list(connection.execute(statement, values).scalars())


@lru_cache(maxsize=256)
def claim_statement(
    nulls: tuple[bool, ...], lanes: int, most: int, certain: bool = False
) -> Update:
    """A branch for each code and lane, since each is one range of the index."""
    branches = [
        select(*_ORDER)
        .with_hint(emails, _LOCKS, "mssql")
        .where(
            flag_is(Flag.WAITING),
            emails.c.dd_NextAttemptDate.is_(None),
            _code_is(number, null),
            emails.c.dd_Lane == bindparam(f"lane{lane}"),
            emails.c.dd_LostLeases.is_(None),
            time_has_come,
            *_certainty(certain),
        )
        .order_by(emails.c.dd_Priority, emails.c.dd_srno)
        .limit(most)
        for number, null in enumerate(nulls)
        for lane in range(lanes)
    ]
    if len(branches) == 1:
        return _taking(select(branches[0].subquery().c.dd_srno))
    each = union_all(*(select(branch.subquery()) for branch in branches)).subquery()
    return _taking(
        select(each.c.dd_srno)
        .order_by(each.c.dd_Lane, each.c.dd_Priority, each.c.dd_srno)
        .limit(most)
    )


@lru_cache(maxsize=64)
def suspects_statement(
    nulls: tuple[bool, ...], lanes: int, times: int, most: int, certain: bool = False
) -> Update:
    lost = emails.c.dd_LostLeases
    often = lost >= literal_column("2") if times > 1 else lost == literal_column("1")
    return _taking(
        select(emails.c.dd_srno)
        .with_hint(emails, _LOCKS, "mssql")
        .where(
            flag_is(Flag.WAITING),
            often,
            emails.c.dd_NextAttemptDate.is_(None),
            or_(*(_code_is(number, null) for number, null in enumerate(nulls))),
            emails.c.dd_Lane.in_([bindparam(f"lane{lane}") for lane in range(lanes)]),
            time_has_come,
            *_certainty(certain),
        )
        # Ordered by the bare number, SQLite would walk through the whole table in that order.
        .order_by(emails.c.dd_srno + literal_column("0"))
        .limit(most)
    )


@lru_cache(maxsize=64)
def claim_one_statement(nulls: tuple[bool, ...], lanes: int, certain: bool = False) -> Update:
    return _taking(
        select(emails.c.dd_srno)
        .with_hint(emails, _LOCKS, "mssql")
        .where(
            emails.c.dd_srno == bindparam("email_id"),
            flag_is(Flag.WAITING),
            or_(*(_code_is(number, null) for number, null in enumerate(nulls))),
            emails.c.dd_Lane.in_([bindparam(f"lane{lane}") for lane in range(lanes)]),
            time_has_come,
            *_certainty(certain),
        )
    )


def _certainty(certain: bool) -> tuple[ColumnElement[bool], ...]:
    return (emails.c.dd_Uncertain.is_(None),) if certain else ()


def _code_is(number: int, null: bool) -> ColumnElement[bool]:
    code = emails.c.dd_EmailParamCode
    return code.is_(None) if null else code == bindparam(f"code{number}")


def _taking(ids: Select[Any]) -> Update:
    """The outer condition repeats the flag: without it a server that ignores lock hints lets two
    claims take the same row."""
    message_id = (
        literal_column("'<'", Unicode())
        + cast(emails.c.dd_srno, Unicode(12))
        + cast(bindparam("message_id_end"), Unicode(200))
    )
    return (
        update(emails)
        .where(emails.c.dd_srno.in_(ids), flag_is(Flag.WAITING), service_runs)
        .values(
            dd_SendFlag=literal_column(f"'{Flag.PREPARING}'"),
            dd_LeaseToken=TOKEN,
            dd_LeaseUntil=lease_end,
            dd_MessageId=func.coalesce(emails.c.dd_MessageId, message_id),
        )
        .returning(emails.c.dd_srno)
    )


def _rows(connection: Connection, ids: Sequence[int]) -> list[Row[Any] | UnreadableEmail]:
    """All rows at once; if one of them cannot be decoded, each by itself."""
    try:
        return list(connection.execute(_FETCH, {"ids": ids}))
    except (UnicodeError, DBAPIError) as error:
        if isinstance(error, DBAPIError) and (len(ids) == 1 or is_transient(error)):
            raise
    return [_row(connection, email_id) for email_id in ids]


def _row(connection: Connection, email_id: int) -> Row[Any] | UnreadableEmail:
    try:
        row = connection.execute(_FETCH, {"ids": [email_id]}).one_or_none()
    except UnicodeError as error:
        return UnreadableEmail(email_id, f"its text cannot be read: {error}")
    return row or UnreadableEmail(email_id, "its row is gone")


def _claimed(row: Any, recipients: tuple[KnownRecipient, ...]) -> ClaimedEmail:
    number, to, cc, bcc, subject, body, text, html, filename, size, message_id, *rest = row
    retries, reply_to, sender, headers, files = rest
    return ClaimedEmail(
        number,
        _text(to),
        _text(cc),
        _text(bcc),
        _text(subject),
        _text(body),
        _text(text),
        None if html is None else bool(html),
        _text(filename),
        size or 0,
        message_id,
        retries if isinstance(retries, int) else 0,
        recipients,
        _text(reply_to),
        _text(sender),
        _text(headers),
        files if isinstance(files, int) else 0,
    )


def _with_attachments(
    connection: Connection, fetched: list[ClaimedEmail | UnreadableEmail]
) -> list[ClaimedEmail | UnreadableEmail]:
    """The same emails, those that have files in the store with them."""
    ids = [one.id for one in fetched if isinstance(one, ClaimedEmail) and one.attachment_count]
    if not ids:
        return fetched
    found = attachments_of(connection, ids)
    return [
        one._replace(attachments=found.get(one.id, ())) if isinstance(one, ClaimedEmail) else one
        for one in fetched
    ]


def _text(value: Any) -> str | None:
    """SQLite columns hold whatever was put there; what is not text is read as such."""
    if value is None or isinstance(value, str):
        return value
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
