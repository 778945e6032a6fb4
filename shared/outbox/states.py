"""The queue's states (`dd_SendFlag`) and its two lanes."""

from __future__ import annotations

from enum import StrEnum


class Flag(StrEnum):
    """Where an email stands; the letters are the column's values."""

    WAITING = "N"
    PREPARING = "P"
    """Claimed under a lease, nothing irrevocable done."""
    TRANSMITTING = "T"
    """The final dot may have been written."""
    SENT = "Y"
    FAILED = "F"
    UNKNOWN = "U"
    """It may have been sent or not: somebody decides."""
    CANCELLED = "C"


class Status(StrEnum):
    """The same for those who ask by the API."""

    QUEUED = "queued"
    SENDING = "sending"
    RETRY = "retry"
    """It waits again after an attempt that failed."""
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


_STATUS: dict[str | None, Status] = {
    Flag.WAITING: Status.QUEUED,
    Flag.PREPARING: Status.SENDING,
    Flag.TRANSMITTING: Status.SENDING,
    Flag.SENT: Status.SENT,
    Flag.FAILED: Status.FAILED,
    Flag.CANCELLED: Status.CANCELLED,
}


def status_of(flag: str | None, retries: int | None) -> Status:
    """The status of an email with this flag; what a flag of somebody else means is unknown."""
    status = _STATUS.get(flag, Status.UNKNOWN)
    return Status.RETRY if status is Status.QUEUED and retries else status


class Lane(StrEnum):
    """`scheduled` waits for the interval and the window, `immediate` does not."""

    IMMEDIATE = "immediate"
    SCHEDULED = "scheduled"


BOTH_LANES = (Lane.IMMEDIATE, Lane.SCHEDULED)
