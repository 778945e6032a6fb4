"""The beginning of what a message says, for a person to understand what the program did not."""

from __future__ import annotations

import re
from itertools import islice, takewhile

from shared.bounces.reading.message import Message
from shared.bounces.reading.text import unencoded
from shared.database.columns.widths import cut

LONGEST = 2_000
_LINES = 60
_LONGEST_LINE = 300
_FIELDS = ("from", "subject")
# What a text brings back of the email itself, which nobody needs to understand it.
_BROUGHT_BACK = re.compile(
    r"\W*(?:below this line is|(?:begin )?(?:the )?(?:original|returned|undelivered|forwarded) "
    r"(?:message|mail)\b|this is a copy of|return-path:|received:)",
    re.IGNORECASE,
)


def excerpt_of(octets: bytes) -> str:
    """Who wrote it, its subject and the first lines of its text, up to the email that it brings
    back: printable, of up to LONGEST."""
    message = Message.of(octets)
    fields = ((name, message.header.first(name)) for name in _FIELDS)
    head = [f"{name.title()}: {unencoded(value)}" for name, value in fields if value]
    body = takewhile(lambda line: not _BROUGHT_BACK.match(line), message.text.splitlines())
    lines = [*head, "", *islice(body, _LINES)]
    return cut("\n".join(_printable(line[:_LONGEST_LINE]) for line in lines).strip(), LONGEST)


def _printable(line: str) -> str:
    return "".join(char if char.isprintable() else " " for char in line).rstrip()
