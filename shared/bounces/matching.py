"""Which email of ours a report is about, and which of its recipients.

Anybody can write what looks like a report. It is believed where it carries the token of the return
path, which only we can make; or the Message-ID of an email of ours, which only those know who had
the email, and then of that email's own recipients alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from shared.bounces.report import Finding, Kind, Report, gravest
from shared.configuration.lasting_key import lasting_key
from shared.configuration.secret_store import SecretStore
from shared.database.tables import entries
from shared.mime.return_path import KEY_NAME, is_signed, number_in
from shared.outbox.conditions import is_current
from shared.outbox.queries.addressees import addressee_key, addressees

_LARGEST_ID = 2**31 - 1
# Each of ours begins with the email's id: see `transitions.claiming`.
_MESSAGE_ID = re.compile(r"<([0-9]{1,10})\.[^<>\s]+>")

EMAIL_ID = select(entries.c.EmailId).where(entries.c.Number == bindparam("number"))
ENTRY = select(entries.c.MessageId, entries.c.FirstNumber).where(
    entries.c.EmailId == bindparam("email_id"), is_current
)
FIRST_ENTRY = select(entries.c.MessageId).where(
    entries.c.Number == bindparam("number"), entries.c.EmailId == bindparam("email_id")
)


class OurEmail(NamedTuple):
    """An email that was sent from here, and which of its recipients, as `addressee_key`."""

    email_id: int
    recipient: str


class Matched(NamedTuple):
    """`emails`: for each of the report's findings the email that it is about; None: none of ours.

    `report`: the one that was read, but nothing in it is HARD that is said of an address behind the
    recipient's: one that it forwards to, or a list's member.
    """

    report: Report
    emails: tuple[OurEmail | None, ...]


class _Proven(NamedTuple):
    """An email of ours; `only`: the one recipient of its envelope, where its token says so."""

    email_id: int
    only: str | None = None


def matched(connection: Connection, report: Report, secrets: SecretStore) -> Matched:
    """Find the emails that the report is about.

    Raises SecretStoreUnavailable and DocumentUnreadable where a token can't be verified for now.
    """
    email = _email_of(connection, report, secrets) if report.findings else None
    if email is None:
        return Matched(report, (None,) * len(report.findings))
    recipients = addressees(connection, email.email_id)
    findings: list[Finding] = []
    emails: list[OurEmail | None] = []
    for finding in report.findings:
        named = None if finding.recipient is None else addressee_key(finding.recipient)
        is_about = email.only or (named if named in recipients else None)
        emails.append(None if is_about is None else OurEmail(email.email_id, is_about))
        is_itself = named in (None, is_about) or _is_the_return_path(named, report)
        findings.append(finding if is_itself else _of_somebody_behind(finding))
    kind = gravest(findings) if report.kind is Kind.HARD else report.kind
    return Matched(report._replace(kind=kind, findings=tuple(findings)), tuple(emails))


def _of_somebody_behind(finding: Finding) -> Finding:
    """Forwarded to a bad address, or a list with one: the address that we wrote to is another."""
    return finding._replace(kind=Kind.SOFT) if finding.kind is Kind.HARD else finding


def _is_the_return_path(named: str | None, report: Report) -> bool:
    """Some servers name the sender in the recipient's place."""
    return named is not None and any(f"+{token}@" in named for token in report.tokens)


def _email_of(connection: Connection, report: Report, secrets: SecretStore) -> _Proven | None:
    by_token = _by_tokens(connection, report, secrets)
    return next(by_token, None) or next(_by_message_ids(connection, report), None)


def _by_tokens(connection: Connection, report: Report, secrets: SecretStore) -> Iterator[_Proven]:
    named = {addressee_key(finding.recipient) for finding in report.findings if finding.recipient}
    for token in report.tokens:
        number = number_in(token)
        if number > _LARGEST_ID:
            continue
        email_id = connection.scalar(EMAIL_ID, {"number": number})
        if email_id is None:
            continue
        key = lasting_key(secrets, KEY_NAME)
        if is_signed(key, token, None):
            yield _Proven(email_id)
        for address in sorted(named | addressees(connection, email_id)):
            if is_signed(key, token, address):
                yield _Proven(email_id, address)


def _by_message_ids(connection: Connection, report: Report) -> Iterator[_Proven]:
    """Of the email's present entry, or its first one: those between had the one or the other."""
    for message_id in report.message_ids:
        ours = _MESSAGE_ID.fullmatch(message_id)
        if ours is None or int(ours[1]) > _LARGEST_ID:
            continue
        email_id = int(ours[1])
        entry = connection.execute(ENTRY, {"email_id": email_id}).one_or_none()
        if entry is None:
            continue
        ids = {entry.MessageId}
        if entry.FirstNumber is not None:
            first = {"number": entry.FirstNumber, "email_id": email_id}
            ids.add(connection.scalar(FIRST_ENTRY, first))
        if message_id in ids:
            yield _Proven(email_id)
