"""Feedback reports (ARF, RFC 5965): somebody says that an email was not wanted."""

from __future__ import annotations

from itertools import islice

from shared.bounces.reading.fields import Fields
from shared.bounces.reading.text import address_in, readable
from shared.bounces.report import Finding, Kind

CONTENT_TYPE = "message/feedback-report"
_MOST_RECIPIENTS = 100
# RFC 6430, and what DMARC's failure reports are (RFC 6591): nobody complains.
_NO_COMPLAINT = {"not-spam": Kind.OTHER, "auth-failure": Kind.POLICY, "dmarc": Kind.POLICY}


def complaints_in(report: Fields) -> tuple[Kind, tuple[Finding, ...]]:
    """What the report is, and about whose email; many services leave the address out."""
    named = report.first("feedback-type").strip().lower()
    kind = _NO_COMPLAINT.get(named, Kind.COMPLAINT)
    if kind is Kind.OTHER:
        return kind, ()
    reason = readable(" ".join([named or "abuse", *_reporter(report)]))
    written = islice(report.all("original-rcpt-to"), _MOST_RECIPIENTS)
    recipients = [] if kind is Kind.POLICY else [address_in(each) for each in written]
    return kind, tuple(
        [Finding(kind, recipient, None, None, reason) for recipient in recipients or [None]]
    )


def _reporter(report: Fields) -> list[str]:
    agent = report.first("user-agent")
    return [f"({agent})"] if agent else []
