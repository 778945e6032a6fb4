"""Writing down what a message said: all of it and its consequences in one transaction, once.

A message is known by the hash of what was read of it, so it may come a second time (a mailbox that
numbers its messages anew, two mailboxes that it lies in, a reader that died) and changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, literal_column, update

from shared.bounces.consequence import (
    OF_AN_EMAIL,
    Consequence,
    Done,
    Filing,
    consequence_of,
    filing_of,
    told,
)
from shared.bounces.mailboxes.inbox import Found
from shared.bounces.mailboxes.leases import read_on
from shared.bounces.mailboxes.mailbox import Brought, Mailbox, MailboxSettings
from shared.bounces.matching import OurEmail
from shared.bounces.noted import is_told_often, said_on_another_day
from shared.bounces.report import Finding, Kind, Report
from shared.database.columns.widths import cut
from shared.database.statements.insert_if_absent import insert_if_absent
from shared.database.tables import bounces
from shared.events.event import Event
from shared.events.record import record as record_events
from shared.outbox.confidential import carries_code
from shared.outbox.suppressions import suppress

_WIDTHS = {"Recipient": 320, "EnhancedCode": 12, "Reason": 500, "Excerpt": 2000}

FURTHER = insert(bounces)
LIES_HERE = (
    update(bounces)
    .where(
        bounces.c.Digest == bindparam("digest"),
        bounces.c.Ordinal == literal_column("0"),
        bounces.c.Filing.is_(None),
    )
    .values(MailboxId=bindparam("mailbox_id"), Place=bindparam("place"), Filing=bindparam("filing"))
)


class ReadMessage(NamedTuple):
    """What a message says. `emails`: for each of the report's findings, which of ours it is about;
    None: none. `excerpt`: its beginning, for a person to understand what the program did not."""

    report: Report
    emails: Sequence[OurEmail | None] = ()
    excerpt: str | None = None

    @property
    def filing(self) -> Filing:
        return filing_of(self.report, any_ours=any(self.emails))


class _Row(NamedTuple):
    """One finding with what follows from it."""

    finding: Finding
    email: OurEmail | None
    consequence: Consequence


def record(
    connection: Connection, mailbox: Mailbox, token: str, found: Found, message: ReadMessage
) -> bool:
    """Write down what the message said, with what follows from it, and that all up to it has been
    read. False for a copy of one that is known: then nothing follows. Raises LeaseLost."""
    # Those of no email may be forgotten: the first one says that the message is known.
    rows = sorted(_rows(connection, message), key=lambda row: row.email is None)
    is_new = _is_first(connection, mailbox, found, message, rows)
    if is_new:
        _carry_out(connection, rows)
    brought = _brought(message) if is_new else Brought()
    read_on(connection, mailbox.id, token, found.position, brought)
    return is_new


def record_unreadable(
    connection: Connection, mailbox: Mailbox, token: str, found: Found, reason: str
) -> None:
    """Write down a message that can't be read, or whose content can't be written down: it is shown,
    and passed over. Raises LeaseLost."""
    finding = Finding(Kind.UNCLEAR, None, None, None, reason)
    row = _Row(finding, None, Consequence(Done.UNREADABLE))
    message = ReadMessage(Report(Kind.UNCLEAR))
    first = _is_first(connection, mailbox, found, message, [row])
    read_on(connection, mailbox.id, token, found.position, Brought(unclear=int(first)))


def folder_for(settings: MailboxSettings, filing: Filing) -> tuple[bool, str | None]:
    """Whether a message is moved or deleted, and into which folder; None: deleted. Pure."""
    if filing is Filing.UNCLEAR:
        return settings.unclear_folder is not None, settings.unclear_folder
    return settings.delete_done or settings.done_folder is not None, settings.done_folder


def digest_of(found: Found) -> str:
    """By what a message is known; one that nobody can read, by its place."""
    known_by = found.place.encode() if found.octets is None else found.octets
    return hashlib.sha256(known_by).hexdigest()


def _rows(connection: Connection, message: ReadMessage) -> Iterator[_Row]:
    for finding, email in _distinct(message):
        before, often = False, False
        if email is not None:
            before = finding.needs_second and said_on_another_day(connection, email.recipient)
            often = is_told_often(connection, *email, finding.kind)
            if carries_code(connection, email.email_id):
                finding = finding._replace(reason="")  # A server's words might repeat the code.
        consequence = consequence_of(
            finding,
            is_ours=email is not None,
            is_guess=message.report.is_guess,
            said_before=before,
            told_often=often,
        )
        yield _Row(finding, None if consequence.done is Done.REPEATED else email, consequence)


def _distinct(message: ReadMessage) -> Iterable[tuple[Finding, OurEmail | None]]:
    """The same of one recipient counts once, and so does all that is about no email of ours: it is
    not the sender of a message who says how many rows it takes."""
    report = message.report
    findings = report.findings or (Finding(report.kind, None, None, None, ""),)
    first: dict[object, tuple[Finding, OurEmail | None]] = {}
    for finding, email in zip_longest(findings, message.emails[: len(findings)]):
        about = None if email is None else (email, finding.kind)
        first.setdefault(about, (finding, email))
    return first.values()


def _is_first(
    connection: Connection,
    mailbox: Mailbox,
    found: Found,
    message: ReadMessage,
    rows: Sequence[_Row],
) -> bool:
    """Insert its rows, unless somebody has; then note only that it lies here, unless it is to be
    filed elsewhere first."""
    digest = digest_of(found)
    is_moved, _ = folder_for(mailbox.settings, message.filing)
    filing = message.filing.value if is_moved else None
    first, *further = (
        {
            "Kind": row.finding.kind.value,
            "EmailId": row.email.email_id if row.email else None,
            "Recipient": row.email.recipient if row.email else row.finding.recipient,
            "Code": row.finding.code,
            "EnhancedCode": row.finding.enhanced_code,
            "Reason": row.finding.reason or None,
            "Done": row.consequence.done.value,
            "MailboxId": mailbox.id,
            "Place": found.place,
        }
        for row in rows
    )
    key = {"Digest": digest, "Ordinal": 0}
    excerpt = message.excerpt if message.filing is Filing.UNCLEAR else None
    values = _fitted({**first, "Excerpt": excerpt, "Filing": filing})
    if insert_if_absent(connection, bounces, key, values):
        if further:
            numbered = enumerate(further, start=1)
            connection.execute(
                FURTHER, [{**_fitted(row), "Digest": digest, "Ordinal": n} for n, row in numbered]
            )
        return True
    place = {"mailbox_id": mailbox.id, "place": found.place, "filing": filing}
    connection.execute(LIES_HERE, {"digest": digest, **place})
    return False


def _carry_out(connection: Connection, rows: Sequence[_Row]) -> None:
    happened = []
    for finding, email, consequence in rows:
        if email is None or consequence.event is None:
            continue
        reason = told(finding)
        happened.append(
            Event(
                consequence.event,
                email.email_id,
                email.recipient,
                code=finding.code,
                enhanced_code=finding.enhanced_code,
                reason=reason,
            )
        )
        if consequence.suppresses:
            suppress(connection, email.recipient, reason, email.email_id)
    record_events(connection, happened)


def _brought(message: ReadMessage) -> Brought:
    if message.filing is Filing.UNCLEAR:
        return Brought(unclear=1)
    if message.report.kind is Kind.COMPLAINT:
        return Brought(complained=1)
    if message.report.kind in OF_AN_EMAIL - {Kind.DELAYED, Kind.DELIVERED}:
        return Brought(bounced=1)
    return Brought(others=1)


def _fitted(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: cut(value, _WIDTHS[name]) if name in _WIDTHS and value is not None else value
        for name, value in row.items()
    }
