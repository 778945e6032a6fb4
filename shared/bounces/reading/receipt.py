"""Receipts (message disposition notifications, RFC 8098): an email was shown, or deleted."""

from __future__ import annotations

from shared.bounces.reading.fields import Fields
from shared.bounces.reading.text import address_in, readable
from shared.bounces.report import Finding, Kind

CONTENT_TYPES = frozenset(
    {"message/disposition-notification", "message/global-disposition-notification"}
)


def receipt_in(notification: Fields) -> Finding:
    """Whose receipt it is, and for what."""
    recipient = address_in(notification.first("original-recipient"))
    if recipient is None:
        recipient = address_in(notification.first("final-recipient"))
    reason = readable(notification.first("disposition") or "receipt")
    return Finding(Kind.RECEIPT, recipient, None, None, reason)
