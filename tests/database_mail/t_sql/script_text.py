"""The scripts of sql/database-mail as tests read them: without comments and literals."""

from __future__ import annotations

import re
from dataclasses import dataclass

from standalone import database_mail

_LITERAL_OR_COMMENT = re.compile(r"N?'(?:[^']|'')*'|--[^\n]*")
_HEAD = re.compile(
    r"CREATE OR ALTER (?P<kind>PROCEDURE|FUNCTION|VIEW) (?P<name>[\w.]+)(?P<parameters>.*?)\nAS\n",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Script:
    """One object: `code` is its text without comments and literals."""

    file: str
    text: str
    kind: str
    name: str
    parameters: str
    """As declared, with single spaces."""

    @property
    def code(self) -> str:
        return _LITERAL_OR_COMMENT.sub("''", self.text)


def all_texts() -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in database_mail.scripts()}


def objects() -> list[Script]:
    """The scripts that make a procedure, a function or a view."""
    found = []
    for file, text in all_texts().items():
        if head := _HEAD.search(text):
            parameters = head["parameters"].partition("RETURNS")[0]
            found.append(Script(file, text, head["kind"], head["name"], spaced(parameters)))
    return found


def spaced(text: str) -> str:
    return " ".join(text.split())


def without_literals(text: str) -> str:
    return _LITERAL_OR_COMMENT.sub("''", text)


def columns_of(view: Script) -> list[str]:
    """The names of a view's columns, in their order."""
    code = view.code.partition("SELECT")[2]
    depth, part, parts = 0, "", []
    for word in re.split(r"(\bFROM\b|[(),])", code):
        depth += (word == "(") - (word == ")")
        if depth == 0 and word == "FROM":
            break
        if depth == 0 and word == ",":
            parts.append(part)
            part = ""
        else:
            part += word
    return [re.split(r"[\s.]+", each.strip())[-1] for each in (*parts, part)]
