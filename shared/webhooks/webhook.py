"""A webhook: where events are posted to, and how that has gone."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from shared.errors import RowpostError
from shared.events.event import EventType


class WebhookNotFound(RowpostError):
    """There is no webhook of this number."""

    def __init__(self) -> None:
        super().__init__("There is no such webhook: GET /api/webhooks lists them.")


class DeliveryNotFound(RowpostError):
    """There is no delivery of this number, or its event is kept no longer."""


class Webhook(NamedTuple):
    """`types` None: all. `token` is part of the ids of its messages. All events up to `last_event`
    have been looked at. `failures` in a row, since `failing_since`; nothing is sent before
    `rest_until`."""

    id: int
    url: str
    types: tuple[EventType, ...] | None
    enabled: bool
    disabled_reason: str | None
    token: str
    last_event: int
    failures: int
    failing_since: datetime | None
    rest_until: datetime | None
    last_fault: str | None
    created_at: datetime
    created_by: str | None


class DeliveryState(StrEnum):
    """Where one event stands for one webhook."""

    DELIVERED = "delivered"
    WAITING = "waiting"
    """It failed, and is tried again."""
    FAILED = "failed"
    """It failed until the last try."""


class Delivery(NamedTuple):
    """One event for one webhook, after at least one attempt."""

    id: int
    event_id: int
    type: EventType
    state: DeliveryState
    attempts: int
    next_at: datetime | None
    last_at: datetime
    status: int | None
    fault: str | None
    duration_ms: int | None


class Answer(NamedTuple):
    """What came of one POST: the status, or None where there was no answer, and what went wrong;
    `retry_after` is the receiver's wish, in seconds."""

    status: int | None
    fault: str | None
    duration_ms: int
    retry_after: float | None = None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300
