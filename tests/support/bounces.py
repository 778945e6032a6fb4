"""Bounces as mail servers write them, and what became of them here, in the words of the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import literal, update

from shared.app import Application
from shared.bounces.mailboxes.mailbox import Mailbox, MailboxKind, MailboxSettings
from shared.bounces.noted import NEWEST, Bounce, bounces_of, latest_bounces
from shared.database.columns.times import in_days, utc_now
from shared.database.tables import bounce_mailboxes, bounces
from shared.events.event import EventType
from shared.events.read import latest_events
from shared.outbox.queries.search import find
from shared.outbox.states import Flag
from shared.outbox.suppressions import list_suppressions
from shared.smtp.opening import TlsMode
from tests.support.dovecot import PASSWORD
from tests.support.emails import bring, email_in, stored_email

OF_RECIPIENTS = frozenset(
    {EventType.BOUNCED, EventType.COMPLAINED, EventType.DELIVERED, EventType.RETRYING}
)
AUTOREPLY = b"""From: Ann <ann@example.com>
To: bounces@shop.example
Subject: Out of office
Auto-Submitted: auto-replied

I am away.
"""
ORDINARY = b"""From: Ann <ann@example.com>
To: bounces@shop.example
Subject: A question

Where is my order?
"""
UNCLEAR = b"""Return-Path: <>
From: MAILER-DAEMON@mail.example.net
To: bounces@shop.example
Subject: Something went <b>wrong</b>

It is hard to say what.
"""


def report(
    message_id: str | None,
    recipient: str = "ann@example.com",
    status: str = "5.1.1",
    action: str = "failed",
    words: str = "550 5.1.1 no such user",
    report_id: str = "1",
) -> bytes:
    """A delivery status notification (RFC 3464), as Postfix writes it."""
    named = "" if message_id is None else f"Message-ID: {message_id}\n"
    return f"""Return-Path: <>
From: MAILER-DAEMON@mail.example.net (Mail Delivery System)
To: bounces@shop.example
Subject: Undelivered Mail Returned to Sender
Message-ID: <report-{report_id}@mail.example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="edge"

--edge
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--edge
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.net
Arrival-Date: Fri, 27 Nov 2026 09:00:00 +0000 (UTC)

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.example.com
Diagnostic-Code: smtp; {words}

--edge
Content-Type: text/rfc822-headers

From: shop@shop.example
To: {recipient}
Subject: Your order
{named}
--edge--
""".encode()


def complaint(message_id: str, recipient: str = "ann@example.com") -> bytes:
    """A feedback report (RFC 5965)."""
    return f"""From: feedback@isp.example
To: bounces@shop.example
Subject: Complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="edge"

--edge
Content-Type: text/plain

This is an abuse report.

--edge
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Example/1.0
Version: 1
Original-Rcpt-To: {recipient}

--edge
Content-Type: message/rfc822

From: shop@shop.example
To: {recipient}
Subject: Your order
Message-ID: {message_id}

Hello
--edge--
""".encode()


@dataclass(frozen=True)
class Mailroom:
    """The mailboxes of one application, and what they bring."""

    app: Application

    def add(self, user: str, port: int, **values: Any) -> Mailbox:
        """A mailbox on the IMAP server at this port, without TLS unless it says otherwise."""
        settings = MailboxSettings(
            **{
                "name": user,
                "kind": MailboxKind.IMAP,
                "host": "127.0.0.1",
                "port": port,
                "tls": TlsMode.NONE,
                "username": user,
                "done_folder": "Processed",
                "unclear_folder": "Unclear",
                **values,
            }
        )
        password = PASSWORD if settings.kind is MailboxKind.IMAP else None
        return self.app.mailbox_admin().make(settings, password, "login:admin")

    def sent(self, recipient: str = "ann@example.com", origin: str = "") -> tuple[int, str]:
        """An email that went to this recipient, and its Message-ID; `origin`: its way in."""
        database = self.app.database()
        if origin:
            email_id = stored_email(database, to=recipient, origin=origin)
            bring(database, email_id, Flag.SENT)
        else:
            email_id = email_in(database, Flag.SENT, dd_toEmailid=recipient)
        with self.app.database().read() as connection:
            message_id = find(connection, email_id).message_id
        assert message_id
        return email_id, message_id

    def collect(self) -> None:
        """Read what is due, and wait for it."""
        self.app.bounces.finish(60)

    def collect_again(self) -> None:
        """The same, as after the time until the next look."""
        with self.app.database().write() as connection:
            connection.execute(
                update(bounce_mailboxes).values(NextAt=utc_now(), LeaseUntil=None, LeaseToken=None)
            )
        self.collect()

    def let_a_day_pass(self) -> None:
        """All that came back so far came yesterday."""
        with self.app.database().write() as connection:
            connection.execute(update(bounces).values(At=in_days(literal(-1))))

    def state(self, mailbox: Mailbox) -> Mailbox:
        return self.app.mailbox_admin().found(mailbox.id)

    def noted(self) -> list[Bounce]:
        """All that came back, the first one first."""
        with self.app.database().read() as connection:
            return latest_bounces(connection, NEWEST, None, 1_000)[::-1]

    def of_email(self, email_id: int) -> list[Bounce]:
        with self.app.database().read() as connection:
            return bounces_of(connection, email_id)

    def events(self) -> list[tuple[str, int | None, str | None]]:
        """What is told of recipients, the first one first: its type, email and recipient."""
        with self.app.database().read() as connection:
            found = latest_events(connection, None, None, 1_000).items[::-1]
        return [
            (each.event.type.value, each.event.email_id, each.event.recipient)
            for each in found
            if each.event.recipient is not None and each.event.type in OF_RECIPIENTS
        ]

    def suppressed(self) -> dict[str, str]:
        """Who gets nothing for now, and why."""
        with self.app.database().read() as connection:
            return {one.address: one.reason for one in list_suppressions(connection, "", 500)}
