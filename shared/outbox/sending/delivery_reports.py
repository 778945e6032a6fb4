"""What a mail service reports of an email that it has accepted: written once, if told often."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache

from sqlalchemy import Connection

from shared.database.statements.insert_if_absent import insert_if_absent
from shared.database.tables import idempotency
from shared.events.event import Event, EventType
from shared.events.record import record
from shared.outbox.queries.addressees import addressee_key, addressees
from shared.outbox.recipients import Kind, KnownRecipient, RecipientState
from shared.outbox.sending.operations import email_of
from shared.outbox.suppressions import suppress_refused
from shared.transports.acs_report import DeliveryReport


def note_reports(connection: Connection, reports: Sequence[DeliveryReport]) -> int:
    """Write an event for each that is new, and spare whom the receiving server does not know.

    Answers how many were new. Reports of emails that somebody else sent over the same resource are
    passed over, and nobody is spared whom the email was not for: whoever may send knows the
    operations of its own emails. What comes again within a day is known.
    """

    @cache
    def recipients(email_id: int) -> frozenset[str]:
        return addressees(connection, email_id)

    new = 0
    for report in reports:
        email_id = email_of(connection, report.operation)
        if email_id is None or not _is_new(connection, report):
            continue
        new += 1
        kind = EventType.DELIVERED if report.is_delivered else EventType.BOUNCED
        reason = None if report.is_delivered else report.reason
        record(connection, [Event(kind, email_id, report.recipient, reason=reason)])
        if report.is_bad_address and addressee_key(report.recipient) in recipients(email_id):
            refused = KnownRecipient(
                Kind.TO,
                report.recipient,
                state=RecipientState.REFUSED,
                reply=report.reason,
                bad_address=True,
            )
            suppress_refused(connection, email_id, [refused])
    return new


def _is_new(connection: Connection, report: DeliveryReport) -> bool:
    words = f"acs report\n{report.operation}\n{report.recipient.lower()}\n{report.status}"
    digest = hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()
    return insert_if_absent(connection, idempotency, {"Id": digest}, {"Digest": digest})
