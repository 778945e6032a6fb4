"""What happened to an email or an account, as others are told of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class EventType(StrEnum):
    """What happened; the values are those of the API, of webhooks and of the table."""

    QUEUED = "email.queued"
    SENDING = "email.sending"
    """From here on it may arrive: the mail server is about to be given the whole of it."""
    SENT = "email.sent"
    """Accepted by the mail server for at least one recipient."""
    RETRYING = "email.retrying"
    FAILED = "email.failed"
    UNKNOWN = "email.unknown"
    RESOLVED = "email.resolved"
    """Somebody has decided about an unknown outcome; the reason is the decision."""
    CANCELLED = "email.cancelled"
    HELD = "email.held"
    BOUNCED = "email.bounced"
    COMPLAINED = "email.complained"
    UNSUBSCRIBED = "email.unsubscribed"
    DELIVERED = "email.delivered"
    ACCOUNT_PAUSED = "account.paused"
    ACCOUNT_RESUMED = "account.resumed"


class Event(NamedTuple):
    """One event, as it is written down.

    `email_id` is the row's; None where it is about an account alone. `recipient` only where it is
    about one of several. `account` is an account's code; `code`, `enhanced_code` and `reason` are a
    server's words, or our own. No field holds anything of what an email says.
    """

    type: EventType
    email_id: int | None = None
    recipient: str | None = None
    account: str | None = None
    code: int | None = None
    enhanced_code: str | None = None
    reason: str | None = None


class NumberedEvent(NamedTuple):
    """An event that can be read: `id` grows by one from each to the next."""

    id: int
    at: datetime
    event: Event
