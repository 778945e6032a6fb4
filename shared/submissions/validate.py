"""Judging a submission: every field that is wrong is named, and what is right becomes an email."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from shared.database.columns.widths import width
from shared.mime.addresses import BadAddress, Mailbox, parse_mailbox, parse_recipients, unique
from shared.outbox.add import BadValue, NewEmail, check
from shared.outbox.attachments import MOST_FILES
from shared.outbox.recipients import Kind, KnownRecipient
from shared.submissions.submission import (
    ADDRESS_WIDTH,
    LIST_WIDTH,
    MOST_HEADER_CHARACTERS,
    MOST_HEADERS,
    MOST_RECIPIENTS,
    ExpiresTooSoon,
    InvalidEmail,
    Submission,
)
from shared.submissions.template_errors import MissingVariable, TemplateRefused
from shared.submissions.templates import render

_HEADER = re.compile(r"(?:X-|List-)[!-9;-~]{1,70}|References|In-Reply-To", re.IGNORECASE)
_UNPRINTABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]*")


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
        profile_id=submission.profile_id,
        importance=submission.importance,
        sensitivity=submission.sensitivity,
        origin=submission.origin.value,
        stored_by=submission.stored_by,
        request_id=submission.request_id,
        unsubscribe=submission.unsubscribe,
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


# What can be wrong.


def _mailboxes(name: str, entries: Sequence[str], faults: list[BadValue]) -> tuple[Mailbox, ...]:
    found: list[Mailbox] = []
    for number, entry in enumerate(entries):
        try:
            mailbox = parse_mailbox(entry)
            if width(mailbox.address) > ADDRESS_WIDTH:
                raise BadAddress(f"the address is longer than {ADDRESS_WIDTH} characters")
        except BadAddress as error:
            faults.append(BadValue(f"{name}[{number}]", str(error)))
        else:
            found.append(mailbox)
    return tuple(found)


def _faults(submission: Submission) -> Iterable[BadValue]:
    number = len(submission.recipients) + len(submission.cc) + len(submission.bcc)
    if submission.subject is None:
        yield BadValue("subject", "is missing: give a subject or a template")
    # Of Database Mail's lists any one will do.
    if not (submission.recipients or (number and submission.profile_id is not None)):
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
    if submission.unsubscribe is not None and number != 1:
        yield BadValue("unsubscribe", "is its recipient's own: send it to one recipient alone")
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
