"""The emails as each of the compared programs is given them: a file with a line of JSON for each.

Nothing is imported here that is not Python's own: these programs have environments of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

SENDER = "shop@example.com"


class Email(NamedTuple):
    """An email with a text and an HTML part."""

    to: str
    subject: str
    text: str
    html: str


def write(file: Path, emails: Iterable[Email]) -> None:
    """Put the emails into a file."""
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(email) + "\n" for email in emails)


def read(file: Path) -> Iterator[Email]:
    """The emails of such a file."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield Email(*json.loads(line))
