"""Calls as people write them for Database Mail, in calls.sql: `kind: name` above each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_TO_ANOTHER_DATABASE = re.compile(r"\[?msdb\]?\.(?:\[?dbo\]?)?\.", re.IGNORECASE)
_TITLE = re.compile(r"-- (?P<kind>\w+)(?: (?P<number>\d+))?: (?P<name>.+)\n")


@dataclass(frozen=True, slots=True)
class Call:
    """`text` is the call as it was written, `here` what it becomes. `number`: refused by it."""

    kind: str
    name: str
    number: int | None
    text: str

    @property
    def here(self) -> str:
        return _TO_ANOTHER_DATABASE.sub("dbo.", self.text)


def calls() -> list[Call]:
    text = Path(__file__).with_name("calls.sql").read_text("utf-8")
    found = []
    for part in re.split(r"^GO\n", text, flags=re.MULTILINE):
        if title := _TITLE.match(part):
            number = int(title["number"]) if title["number"] else None
            found.append(Call(title["kind"], title["name"], number, part[title.end() :].strip()))
    return found


PLAIN = [call for call in calls() if call.kind in ("call", "refused")]
HABITS = [call for call in calls() if call.kind == "habit"]
WITH_QUERY = [call for call in calls() if call.kind == "query"]
