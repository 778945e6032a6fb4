"""What is posted of an event. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import NamedTuple

from shared.events.event import NumberedEvent


class Message(NamedTuple):
    """A body and the id by which its receiver knows it again: the same at every attempt."""

    id: str
    body: bytes


def message_of(numbered: NumberedEvent, token: str) -> Message:
    """The message of this event for the webhook of this token."""
    event = numbered.event
    told = {
        "id": numbered.id,
        "email_id": event.email_id,
        "recipient": event.recipient,
        "account": event.account,
        "code": event.code,
        "enhanced_code": event.enhanced_code,
        "reason": event.reason,
    }
    return Message(
        f"msg_{token}_{numbered.id}",
        _body(event.type, numbered.at, {name: it for name, it in told.items() if it is not None}),
    )


def trial_message(token: str, now: datetime) -> Message:
    """One to try the webhook with; no two are the same."""
    number = int(now.timestamp() * 1000)
    return Message(f"msg_{token}_test{number}", _body("webhook.test", now, {}))


def _body(kind: str, at: datetime, told: dict[str, object]) -> bytes:
    timestamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {"type": kind, "timestamp": timestamp, "data": told}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
