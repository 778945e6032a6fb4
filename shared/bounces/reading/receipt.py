"""Receipts (message disposition notifications, RFC 8098): an email was shown, or deleted."""

from __future__ import annotations

from shared.bounces.reading.fields import fields_in
from shared.bounces.reading.message import Message, Understood
from shared.bounces.reading.text import address_in, readable
from shared.bounces.report import Finding, Kind

CONTENT_TYPES = frozenset(
    {"message/disposition-notification", "message/global-disposition-notification"}
)


def read(message: Message) -> Understood | None:
    """Whose receipt it is, and for what."""
    part = next(message.of_type(CONTENT_TYPES), None)
    if part is None:
        return None
    notification = fields_in(part.text)
    recipient = address_in(notification.first("original-recipient"))
    if recipient is None:
        recipient = address_in(notification.first("final-recipient"))
    reason = readable(notification.first("disposition") or "receipt")
    return Understood(Kind.RECEIPT, (Finding(Kind.RECEIPT, recipient, None, None, reason),))
