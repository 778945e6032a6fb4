"""Header fields, as the header of a message or a block of a report has them.

Read line by line and without complaint: what is no field is passed over, so that one broken line
hides nothing of the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

MOST_FIELDS = 500
LONGEST_VALUE = 4_000
_FIELD = re.compile(r"^([!-9;-~]{1,80})[ \t]*:(.*(?:\n[ \t].*)*)", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")


@dataclass(frozen=True, slots=True)
class Fields:
    """Names in small letters with their values, unfolded, in their order."""

    items: tuple[tuple[str, str], ...] = ()

    def all(self, *names: str) -> Iterator[str]:
        """The values of all fields of these names."""
        return (value for name, value in self.items if name in names)

    def first(self, *names: str) -> str:
        """The first of them; nothing where there is none."""
        return next(self.all(*names), "")

    def names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.items)


def fields_in(text: str) -> Fields:
    """The fields that stand there, whatever stands between them."""
    return Fields(
        tuple(
            [
                (found[1].lower(), " ".join(found[2][:LONGEST_VALUE].split()))
                for found in islice(_FIELD.finditer(_with_plain_ends(text)), MOST_FIELDS)
            ]
        )
    )


def blocks_in(text: str, most: int, begins: str) -> Iterator[Fields]:
    """The blocks of fields of a report, which blank lines part (RFC 3464 2.1), up to so many.

    Where blank lines are missing, another field of the name `begins` begins a block.
    """
    for block in islice(_BLANK_LINES.split(_with_plain_ends(text)), most):
        items = fields_in(block).items
        starts = [place for place, (name, _) in enumerate(items) if name == begins][1:]
        for start, end in zip([0, *starts], [*starts, len(items)], strict=True):
            yield Fields(items[start:end])


def _with_plain_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
