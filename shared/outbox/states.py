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


class Lane(StrEnum):
    """`scheduled` waits for the interval and the window, `immediate` does not."""

    IMMEDIATE = "immediate"
    SCHEDULED = "scheduled"


BOTH_LANES = (Lane.IMMEDIATE, Lane.SCHEDULED)
