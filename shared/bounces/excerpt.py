"""The beginning of what a message says, for a person to understand what the program did not."""

from __future__ import annotations

import re
from itertools import takewhile

from shared.bounces.reading.parts import Part, parts_of
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
    parts = parts_of(octets)
    fields = ((name, parts[0].header.first(name)) for name in _FIELDS)
    head = [f"{name.title()}: {unencoded(value)}" for name, value in fields if value]
    lines = [*head, "", *_lines_of(parts)[:_LINES]]
    return cut("\n".join(_printable(line[:_LONGEST_LINE]) for line in lines).strip(), LONGEST)


def _lines_of(parts: tuple[Part, ...]) -> list[str]:
    """Of the first plain text."""
    for part in parts:
        if part.content_type == "text/plain" and part.content.strip():
            lines = part.text.splitlines()
            return list(takewhile(lambda line: not _BROUGHT_BACK.match(line), lines))
    return []


def _printable(line: str) -> str:
    return "".join(char if char.isprintable() else " " for char in line).rstrip()
