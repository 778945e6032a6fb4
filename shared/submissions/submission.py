"""Taking an email in: the one call in which every way in ends.

It judges the email, writes its row (with the answer that a repeated request is to get, in the same
transaction), and wakes a sender. A plain INSERT by an application needs none of this.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Connection, select

from shared.app import Application
from shared.attachments.keeper import Upload
from shared.attachments.pending import PendingFiles, TooMuchAttached
from shared.database.tables import accounts
from shared.database.widths import width
from shared.delivery.tokens import DrainToken, TokenNotPut
from shared.errors import RowpostError
from shared.mime.addresses import BadAddress, Mailbox, parse_recipients, unique
from shared.outbox.add import BadValue, DatabaseMoved, NewEmail, add, check
from shared.outbox.attachments import MOST_FILES
from shared.outbox.recipients import Kind, KnownRecipient
from shared.outbox.states import Lane
from shared.scheduling import relocation
from shared.submissions.templates import MissingVariable, TemplateRefused, render

log = logging.getLogger("rowpost.intake")

T = TypeVar("T")

MOST_RECIPIENTS = 1_000
MOST_HEADERS = 20
MOST_HEADER_CHARACTERS = 998
LIST_WIDTH = 500
ADDRESS_WIDTH = 320
_WAKE_UP = DrainToken((Lane.IMMEDIATE,))
_HEADER = re.compile(r"(?:X-|List-)[!-9;-~]{1,70}|References|In-Reply-To", re.IGNORECASE)
_UNPRINTABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]*")


class Origin(StrEnum):
    """The way an email came in."""

    API = "api"
    CONTACT = "contact"
    KEY = "key"
    RESET = "reset"


class InvalidEmail(RowpostError):
    """It can't be sent as it is; `faults` names every field that is wrong, and why."""

    def __init__(self, *faults: BadValue) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


class UnknownAccount(RowpostError):
    """The account that an email names is not there, or can't be named by emails."""


class ExpiresTooSoon(RowpostError):
    """The email could never be sent: it expires before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """An email as a way in has it. At least one recipient and one of `html` and `text`, or else
    a template with its variables, which says all of `subject`, `html` and `text`.

    Each recipient is one mailbox, with or without a name; `reply_to` may be a list of them.
    `account` is an account's number or code, None the default one; `sender` is who it is from in
    place of that. Times are aware; None is at once, and never. `stored_by` is the caller, who may
    read it again.
    """

    recipients: Sequence[str]
    subject: str | None = None
    html: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    account: int | str | None = None
    reply_to: str | None = None
    sender: Mailbox | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    priority: int = 3
    lane: Lane = Lane.IMMEDIATE
    send_at: datetime | None = None
    expires_at: datetime | None = None
    tags: Sequence[str] = ()
    template: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict, repr=False)
    attachments: Sequence[Upload] = ()
    origin: Origin
    stored_by: str | None = None
    request_id: str | None = None


Stored = int | RowpostError
"""What became of one of several emails: its number, or why it was not stored."""

Afterwards = Callable[[Connection, list[T]], None]
"""What is written in the transaction that stores the emails, once it is known what became of
them."""


def store(
    application: Application,
    submission: Submission,
    afterwards: Afterwards[int] | None = None,
    *,
    wakes: bool = True,
) -> int:
    """Store one email; answers its number. When this returns it is safe, and on its way.

    `wakes` False: the caller sends it at once himself.

    Raises InvalidEmail, UnknownTemplate, UnknownAccount, ExpiresTooSoon, TooMuchAttached,
    AttachmentStoreUnavailable, FileNotKept, DatabaseUnreachable, or CommitUncertain.
    """
    judged = judge(submission)
    with _pending_files(application) as files:
        email = replace(judged, attachments=files.keep(submission.attachments))

        def write(connection: Connection) -> int:
            email_id = _add(connection, email, submission)
            if afterwards is not None:
                afterwards(connection, [email_id])
            return email_id

        email_id = _write(application, write)
        files.taken(email.attachments)
    if wakes and _is_due(submission):
        wake(application)
    return email_id


def store_each(
    application: Application,
    submissions: Sequence[Submission | RowpostError],
    afterwards: Afterwards[Stored] | None = None,
) -> list[Stored]:
    """Store those of them that can be sent, together or none; answers what became of each.

    What is an error already is answered as it is. Raises AttachmentStoreUnavailable, FileNotKept,
    DatabaseUnreachable, or CommitUncertain.
    """
    with _pending_files(application) as files:
        judged = [_judged(one, files) for one in submissions]

        def write(connection: Connection) -> list[Stored]:
            stored = [_added(connection, one) for one in judged]
            if afterwards is not None:
                afterwards(connection, stored)
            return stored

        stored = _write(application, write)
        for one, number in zip(judged, stored, strict=True):
            if isinstance(one, tuple) and isinstance(number, int):
                files.taken(one[0].attachments)
    if any(isinstance(one, Submission) and _is_due(one) for one in submissions):
        wake(application)
    return stored


_Judged = tuple[NewEmail, Submission] | RowpostError


def _judged(submission: Submission | RowpostError, files: PendingFiles) -> _Judged:
    if isinstance(submission, RowpostError):
        return submission
    try:
        email = judge(submission)
    except RowpostError as error:
        return error
    try:
        return replace(email, attachments=files.keep(submission.attachments)), submission
    except TooMuchAttached as error:
        return error


def _pending_files(application: Application) -> PendingFiles:
    return PendingFiles(lambda: application.attachments, application.settings.most_attached_mb)


def _added(connection: Connection, judged: _Judged) -> Stored:
    if isinstance(judged, RowpostError):
        return judged
    try:
        return _add(connection, *judged)
    except UnknownAccount as error:
        return error


def _add(connection: Connection, email: NewEmail, submission: Submission) -> int:
    return add(connection, replace(email, account_code=_code(connection, submission.account)))


def wake(application: Application) -> None:
    """Let a sender look for immediate emails now. Should that fail, the next tick does."""
    try:
        application.tokens.put(_WAKE_UP)
    except TokenNotPut as error:
        log.warning("%s; the timer sends what was stored", error)


def judge(submission: Submission) -> NewEmail:
    """The email as the queue takes it, its account and its files aside.

    Raises InvalidEmail, UnknownTemplate or ExpiresTooSoon.
    """
    if submission.template is not None:
        submission = _from_template(submission, submission.template)
    faults: list[BadValue] = []
    to, cc, bcc = unique(
        _mailboxes("recipients", submission.recipients, faults),
        _mailboxes("cc", submission.cc, faults),
        _mailboxes("bcc", submission.bcc, faults),
    )
    faults += _faults(submission)
    if faults:
        raise InvalidEmail(*faults)
    _require_time_to_send(submission)
    lists = [_written(mailboxes) for mailboxes in (to, cc, bcc)]
    fits = all(whole for _, whole in lists)
    email = NewEmail(
        to=lists[0][0],
        cc=lists[1][0] or None,
        bcc=lists[2][0] or None,
        subject=submission.subject or "",
        body=submission.html if submission.html is not None else submission.text or "",
        text_alternative=submission.text if submission.html is not None else None,
        is_html=submission.html is not None,
        priority=submission.priority,
        lane=submission.lane,
        send_at=submission.send_at,
        expires_at=submission.expires_at,
        recipients=() if fits else _one_by_one(to, cc, bcc),
        reply_to=_reply_to(submission),
        sender=_mailbox(submission.sender) if submission.sender else None,
        headers=tuple(submission.headers.items()),
        tags=tuple(submission.tags),
        origin=submission.origin.value,
        stored_by=submission.stored_by,
        request_id=submission.request_id,
    )
    try:
        check(email)
    except BadValue as error:
        raise InvalidEmail(error) from None
    return email


def _from_template(submission: Submission, template: str) -> Submission:
    """The submission with what its template says. Raises InvalidEmail or UnknownTemplate."""
    if submission.html is not None or submission.text is not None:
        raise InvalidEmail(BadValue("template", "says it all: leave html_content and the like out"))
    try:
        made = render(template, submission.variables)
    except MissingVariable as error:
        raise InvalidEmail(
            BadValue(f"variables.{error.name}", "is missing: the template needs it")
        ) from None
    except TemplateRefused as error:
        raise InvalidEmail(BadValue("template", f"can't be used so: {error}")) from None
    subject = submission.subject or made.subject
    return replace(submission, subject=subject, html=made.html, text=made.text)


def _write(application: Application, work: Callable[[Connection], T]) -> T:
    """In the database in use; should the queue have moved a moment ago, in the new one."""
    try:
        return application.database().run_together(work)
    except DatabaseMoved:
        return relocation.settled(application).run(work)


def _is_due(submission: Submission) -> bool:
    if submission.lane is not Lane.IMMEDIATE:
        return False
    return submission.send_at is None or submission.send_at <= datetime.now(UTC)


def _code(connection: Connection, account: int | str | None) -> str | None:
    """The code of an account named by number or code. Raises UnknownAccount."""
    if account is None:
        return None
    column = accounts.c.Rowpost_Id if isinstance(account, int) else accounts.c.ParamCode
    row = connection.execute(select(accounts.c.ParamCode).where(column == account)).first()
    if row is None:
        raise UnknownAccount("There is no such account: give the number of one that is there.")
    if not row.ParamCode:
        raise UnknownAccount("This account has no code, so no email can name it: give it one.")
    return str(row.ParamCode)


# What can be wrong.


def _mailboxes(name: str, entries: Sequence[str], faults: list[BadValue]) -> tuple[Mailbox, ...]:
    found: list[Mailbox] = []
    for number, entry in enumerate(entries):
        try:
            mailboxes = parse_recipients(entry)
            if len(mailboxes) != 1:
                raise BadAddress("give one email address here")
            if width(mailboxes[0].address) > ADDRESS_WIDTH:
                raise BadAddress(f"the address is longer than {ADDRESS_WIDTH} characters")
        except BadAddress as error:
            faults.append(BadValue(f"{name}[{number}]", str(error)))
        else:
            found.append(mailboxes[0])
    return tuple(found)


def _faults(submission: Submission) -> Iterable[BadValue]:
    number = len(submission.recipients) + len(submission.cc) + len(submission.bcc)
    if submission.subject is None:
        yield BadValue("subject", "is missing: give a subject or a template")
    if not submission.recipients:
        yield BadValue("recipients", "is empty: an email needs a recipient")
    if number > MOST_RECIPIENTS:
        yield BadValue("recipients", f"has more than {MOST_RECIPIENTS} addresses, with cc and bcc")
    if submission.html is None and submission.text is None:
        yield BadValue("html_content", "is missing: give html_content, text_content or a template")
    for name, text in (("subject", submission.subject or ""), *_tagged(submission.tags)):
        if _UNPRINTABLE.search(text):
            yield BadValue(name, "holds a line break or another character that no line may hold")
    if len(submission.attachments) > MOST_FILES:
        yield BadValue("attachments", f"are more than {MOST_FILES}")
    if _has_no_form(submission.html):
        yield BadValue("html_content", "holds half a character (a lone surrogate)")
    if _has_no_form(submission.text):
        yield BadValue("text_content", "holds half a character (a lone surrogate)")
    yield from _header_faults(submission.headers)
    try:
        _reply_to(submission)
    except BadAddress as error:
        yield BadValue("reply_to", str(error))
    yield from _time_faults(submission)


def _tagged(tags: Sequence[str]) -> Iterable[tuple[str, str]]:
    return ((f"tags[{number}]", tag) for number, tag in enumerate(tags))


def _has_no_form(text: str | None) -> bool:
    try:
        width(text or "")
    except UnicodeEncodeError:
        return True
    return False


def _header_faults(headers: Mapping[str, str]) -> Iterable[BadValue]:
    if len(headers) > MOST_HEADERS:
        yield BadValue("headers", f"are more than {MOST_HEADERS}")
    names: set[str] = set()
    for name, value in headers.items():
        place = f"headers.{name}"
        if not _HEADER.fullmatch(name):
            yield BadValue(
                place, "may not be set: only X-*, List-*, References and In-Reply-To may"
            )
        elif name.lower() in names and not name.lower().startswith(("x-", "list-")):
            yield BadValue(place, "is given twice")
        elif len(value) > MOST_HEADER_CHARACTERS:
            yield BadValue(place, f"is longer than {MOST_HEADER_CHARACTERS} characters")
        elif _UNPRINTABLE.search(value) or not value.strip():
            yield BadValue(place, "is empty or holds a line break or a control character")
        names.add(name.lower())


def _time_faults(submission: Submission) -> Iterable[BadValue]:
    for name, time in (("send_at", submission.send_at), ("expires_at", submission.expires_at)):
        try:
            (time or datetime.now(UTC)).astimezone(UTC)
        except OverflowError:
            yield BadValue(name, "is beyond all calendars")


def _require_time_to_send(submission: Submission) -> None:
    expires, earliest = submission.expires_at, datetime.now(UTC)
    if submission.send_at is not None:
        earliest = max(earliest, submission.send_at)
    if expires is not None and expires <= earliest:
        raise ExpiresTooSoon("expires_at has passed already, or comes before send_at: choose both.")


# How mailboxes are written into the row's own lists.


def _reply_to(submission: Submission) -> str | None:
    """Raises BadAddress."""
    if submission.reply_to is None:
        return None
    mailboxes = parse_recipients(submission.reply_to)
    written, whole = _written(mailboxes)
    if not mailboxes or not whole:
        raise BadAddress("give one email address, or a few")
    return written


def _written(mailboxes: tuple[Mailbox, ...]) -> tuple[str, bool]:
    """The list as a row's column holds it, and whether all of it fits."""
    text = ""
    for mailbox in mailboxes:
        longer = f"{text}, {_mailbox(mailbox)}" if text else _mailbox(mailbox)
        if width(longer) > LIST_WIDTH:
            return text, False
        text = longer
    return text, True


def _mailbox(mailbox: Mailbox) -> str:
    if not mailbox.name:
        return mailbox.address
    if _PLAIN_NAME.fullmatch(mailbox.name):
        return f"{mailbox.name} <{mailbox.address}>"
    escaped = mailbox.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{mailbox.address}>'


def _one_by_one(*lists: tuple[Mailbox, ...]) -> tuple[KnownRecipient, ...]:
    return tuple(
        [
            KnownRecipient(kind, mailbox.address, mailbox.name)
            for kind, mailboxes in zip((Kind.TO, Kind.CC, Kind.BCC), lists, strict=True)
            for mailbox in mailboxes
        ]
    )
