"""What a message that came back says of the emails that were sent.

The words are those of RFC 3464 (delivery status), RFC 5965 (feedback), RFC 8098 (receipts) and RFC
3834 (automatic answers).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum, auto
from typing import NamedTuple

LONGEST_REASON = 500
"""Characters, in UTF-16 code units: so that it fits its column."""


class Kind(StrEnum):
    """What a message is, or what it says of one recipient."""

    HARD = auto()
    """The address is a bad one, by the machine-readable word of a mail server."""
    SOFT = auto()
    """Not delivered, and that says nothing against the address: a full mailbox, a server that could
    not be reached, or a reason given in words for people alone."""
    POLICY = auto()
    """Not delivered for what the email or its sender is (5.7.x): it concerns the sender."""
    DELAYED = auto()
    DELIVERED = auto()
    """Delivered, or handed to a system that tells no more (relayed, expanded)."""
    AUTOREPLY = auto()
    COMPLAINT = auto()
    RECEIPT = auto()
    OTHER = auto()
    """Ordinary mail that somebody wrote."""
    UNCLEAR = auto()


class Finding(NamedTuple):
    """What became of an email at one recipient.

    `recipient`: as the report names it, in the form of `envelope_address`; None where it names none
    that is an address. `code`: the server's reply (RFC 5321). `enhanced_code`: its status code (RFC
    3463). `reason`: one line of valid text of up to LONGEST_REASON. `needs_second`: what HARD says
    is true only if another day says the same.
    """

    kind: Kind
    recipient: str | None
    code: int | None
    enhanced_code: str | None
    reason: str
    needs_second: bool = False


def gravest(findings: Iterable[Finding]) -> Kind:
    """The gravest thing that a report says of a delivery, of at least one."""
    return min((finding.kind for finding in findings), key=_GRAVEST_FIRST.index)


_GRAVEST_FIRST = (
    Kind.HARD,
    Kind.POLICY,
    Kind.SOFT,
    Kind.UNCLEAR,
    Kind.DELAYED,
    Kind.DELIVERED,
)


class Report(NamedTuple):
    """A message understood, as far as it can be.

    `kind`: the message's own; of a delivery status notification that of its gravest finding.
    `tokens`: what may be a token of ours in the addresses that it was sent to or names, unverified
    and in small letters. `message_ids`: of the emails that it may be about, with their angle
    brackets. `is_guess`: read from words for people; then no finding is HARD.
    """

    kind: Kind
    findings: tuple[Finding, ...] = ()
    tokens: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    is_guess: bool = False
