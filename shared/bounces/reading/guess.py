"""The last guess: what flufl.bounce, GNU Mailman's collection of old shapes, makes of the words."""

from __future__ import annotations

import email.message
import logging

from shared.bounces.reading.message import Message
from shared.bounces.reading.text import address_in, readable
from shared.bounces.report import Finding, Kind

# It tells each step, and each failure with what it has read.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)

_MOST_FIELDS = 100
_LONGEST_TEXT = 20_000
_LONGEST_LINE = 500
_MOST_RECIPIENTS = 20


def guessed(message: Message) -> tuple[Finding, ...]:
    """Who may be meant. It is shown the message flat, so that nothing nested is followed again."""
    from flufl.bounce import all_failures

    flat = email.message.Message()
    for name, value in message.header.items[:_MOST_FIELDS]:
        if not name.startswith("content-"):
            flat[name] = readable(value)
    lines = message.text[:_LONGEST_TEXT].encode("ascii", "replace").decode().splitlines()
    flat.set_payload("\n".join([line[:_LONGEST_LINE] for line in lines]))
    try:
        for_now, for_good = all_failures(flat)
    except Exception:  # noqa: BLE001 - what it was not made for tells nothing
        return ()
    reason = readable(message.text)
    written = sorted(each.decode("ascii", "replace") for each in for_now | for_good)
    addresses = dict.fromkeys(address_in(each) for each in written[:_MOST_RECIPIENTS])
    return tuple(
        [Finding(Kind.SOFT, each, None, None, reason) for each in addresses if each is not None]
    )
