"""Where what a visitor wrote stands, in the words of the contact form."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from shared.outbox.states import Flag


class ContactStatus(StrEnum):
    PENDING = "Pending"
    PROCESSING = "Processing"
    """On its way; an email whose outcome is unknown stays here until somebody has decided."""
    SENT = "Sent"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


FLAGS: Final[Mapping[ContactStatus, tuple[Flag, ...]]] = {
    ContactStatus.PENDING: (Flag.WAITING,),
    ContactStatus.PROCESSING: (Flag.PREPARING, Flag.TRANSMITTING, Flag.UNKNOWN),
    ContactStatus.SENT: (Flag.SENT,),
    ContactStatus.FAILED: (Flag.FAILED,),
    ContactStatus.CANCELLED: (Flag.CANCELLED,),
}
_STATUS = {flag.value: status for status, flags in FLAGS.items() for flag in flags}


def status_of(flag: str | None) -> ContactStatus:
    """The status of an email with this flag."""
    return _STATUS.get(flag or "", ContactStatus.PROCESSING)
