"""Where an email stands: in the ledger, in its row's letter, and for those who ask by the API."""

from __future__ import annotations

from enum import StrEnum


class Flag(StrEnum):
    """Where an email stands in the ledger; the letters are the column's values."""

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


ENDED = (Flag.SENT, Flag.FAILED, Flag.UNKNOWN, Flag.CANCELLED)
"""The states that stand in the row, too, once they are written back."""


class Letter(StrEnum):
    """What stands in the row (`dd_SendFlag`): N is the application's word, the rest is ours."""

    NEW = "N"
    TAKEN = "P"
    """Rowpost has it: waiting or on its way."""
    SENT = "Y"
    FAILED = "F"
    UNKNOWN = "U"
    CANCELLED = "C"


NEW_LETTERS = ("N", "n", " N", "N ", " n", "n ")
"""What an application means by N; a NULL, too, in a row that Rowpost has never seen."""


PROFILE = "profile:"
"""What the account codes of mail profiles begin with."""


def profile_code(profile_id: int) -> str:
    """The account code of emails that a mail profile sends: their rows may name another."""
    return f"{PROFILE}{profile_id}"


def profile_of(code: str | None) -> int | None:
    """The number of the mail profile that has this code, if one has."""
    number = (code or "").removeprefix(PROFILE)
    return int(number) if number != code and number.isascii() and number.isdecimal() else None


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
    HELD = "held"
    """Its row can't be admitted as it is; the reason says what to change."""


_STATUS: dict[str | None, Status] = {
    Flag.WAITING: Status.QUEUED,
    Flag.PREPARING: Status.SENDING,
    Flag.TRANSMITTING: Status.SENDING,
    Flag.SENT: Status.SENT,
    Flag.FAILED: Status.FAILED,
    Flag.CANCELLED: Status.CANCELLED,
}


def status_of(flag: str | None, retries: int | None) -> Status:
    """The status of an email in this state; what a letter of somebody else means is unknown."""
    status = _STATUS.get(flag, Status.UNKNOWN)
    return Status.RETRY if status is Status.QUEUED and retries else status


class Lane(StrEnum):
    """`scheduled` waits for the interval and the window, `immediate` does not."""

    IMMEDIATE = "immediate"
    SCHEDULED = "scheduled"


BOTH_LANES = (Lane.IMMEDIATE, Lane.SCHEDULED)


class Importance(StrEnum):
    """How important its sender says that an email is (RFC 2156, 5.3.4)."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class Sensitivity(StrEnum):
    """How its sender says that an email is to be treated (RFC 2156, 5.3.4)."""

    NORMAL = "normal"
    PERSONAL = "personal"
    PRIVATE = "private"
    CONFIDENTIAL = "confidential"
