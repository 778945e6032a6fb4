"""Delivery status notifications (RFC 3464; international ones RFC 6533)."""

from __future__ import annotations

import re
from itertools import islice

from shared.bounces.reading.failure import failure, status_in
from shared.bounces.reading.fields import Fields, blocks_in
from shared.bounces.reading.message import Message, Understood
from shared.bounces.reading.text import address_in, readable
from shared.bounces.report import Finding, Kind, gravest

CONTENT_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
MOST_RECIPIENTS = 100
_MOST_BLOCKS = 200
# OpenSMTPD says "error" for "failed".
_FAILED = frozenset({"failed", "error"})
_DELIVERED = frozenset({"delivered", "relayed", "expanded"})
_OF_A_RECIPIENT = frozenset({"original-recipient", "final-recipient", "action"})
_TYPE = re.compile(r"\A\s*[A-Za-z][\w.-]*\s*;\s*")


def read(message: Message) -> Understood | None:
    """What the first notification with recipients says of each of them."""
    for part in message.of_type(CONTENT_TYPES):
        blocks = blocks_in(part.text, _MOST_BLOCKS, begins="final-recipient")
        of_recipients = (each for each in blocks if not _OF_A_RECIPIENT.isdisjoint(each.names()))
        findings = tuple(map(_finding, islice(of_recipients, MOST_RECIPIENTS)))
        if findings:
            return Understood(gravest(findings), findings)
    return None


def _finding(block: Fields) -> Finding:
    recipient = _recipient(block)
    action = block.first("action").split("(")[0].strip().lower()
    words = readable(_TYPE.sub("", block.first("diagnostic-code"), count=1))
    status = status_in(block.first("status"))
    reason = words or readable(f"{action} {block.first('status')}")
    if action in _FAILED:
        of = failure(status, words, recipient)
        return Finding(of.kind, recipient, of.code, of.enhanced_code, reason, of.needs_second)
    if action == "delayed":
        return Finding(Kind.DELAYED, recipient, None, status, reason)
    kind = Kind.DELIVERED if action in _DELIVERED else Kind.UNCLEAR
    return Finding(kind, recipient, None, status, reason)


def _recipient(block: Fields) -> str | None:
    """Who it was for: after forwarding, the final recipient is somebody else."""
    for name in ("original-recipient", "final-recipient"):
        if (address := address_in(_TYPE.sub("", block.first(name), count=1))) is not None:
            return address
    return None
