"""Feedback reports (ARF, RFC 5965): somebody says that an email was not wanted."""

from __future__ import annotations

from itertools import islice

from shared.bounces.reading.fields import Fields, fields_in
from shared.bounces.reading.message import Message, Understood
from shared.bounces.reading.text import address_in, readable
from shared.bounces.report import Finding, Kind

CONTENT_TYPES = frozenset({"message/feedback-report"})
_MOST_RECIPIENTS = 100
# RFC 6430, and what DMARC's failure reports are (RFC 6591): nobody complains.
_NO_COMPLAINT = {"not-spam": Kind.OTHER, "auth-failure": Kind.POLICY, "dmarc": Kind.POLICY}


def read(message: Message) -> Understood | None:
    """What the report is, and about whose email; many services leave the address out."""
    part = next(message.of_type(CONTENT_TYPES), None)
    if part is None:
        return None
    report = fields_in(part.text)
    named = report.first("feedback-type").strip().lower()
    kind = _NO_COMPLAINT.get(named, Kind.COMPLAINT)
    if kind is Kind.OTHER:
        return Understood(kind)
    reason = readable(" ".join([named or "abuse", *_reporter(report)]))
    written = islice(report.all("original-rcpt-to"), _MOST_RECIPIENTS)
    recipients = [] if kind is Kind.POLICY else [address_in(each) for each in written]
    findings = [Finding(kind, recipient, None, None, reason) for recipient in recipients or [None]]
    return Understood(kind, tuple(findings))


def _reporter(report: Fields) -> list[str]:
    agent = report.first("user-agent")
    return [f"({agent})"] if agent else []
