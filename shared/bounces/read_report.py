"""What a message that came back is, and what it says: the machine's word first, guesses last."""

from __future__ import annotations

from collections.abc import Callable

from shared.bounces.reading import (
    autoresponder,
    delivery_status,
    feedback_report,
    plain_words,
    receipt,
)
from shared.bounces.reading.message import Message, Understood
from shared.bounces.reading.names import names_in
from shared.bounces.report import Kind, Report

_SHAPES: tuple[Callable[[Message], Understood | None], ...] = (
    delivery_status.read,
    feedback_report.read,
    receipt.read,
    autoresponder.read,
    plain_words.read,
)
"""The first that reads something has understood it."""


def read_report(octets: bytes) -> Report:
    """Understand a message (RFC 5322) as far as that goes. Pure; never raises, whatever it is.

    Only what a delivery status notification says in its own fields can be HARD.
    """
    message = Message.of(octets)
    kind, findings, is_guess = _understood(message)
    tokens, message_ids = names_in(message)
    return Report(kind, findings, tokens, message_ids, is_guess)


def _understood(message: Message) -> Understood:
    for read in _SHAPES:
        if (understood := read(message)) is not None:
            return understood
    return Understood(Kind.UNCLEAR if message.is_empty else Kind.OTHER)
