"""Templates: a folder each, `templates/<name>/subject.txt`, `body.html` and `body.txt` (Jinja2).

HTML is escaped by itself. What a template may do is bounded: see `template_sandbox`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.errors import RowpostError

FOLDER = Path(__file__).resolve().parents[2] / "templates"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


class UnknownTemplate(RowpostError):
    """There is no template of this name."""


class MissingVariable(RowpostError):
    """The template uses a variable that was not given; `name` is its name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the template needs the variable {name}")
        self.name = name


class TemplateRefused(RowpostError):
    """The template is wrong, tries what it may not, or becomes too long; the text says which."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a template says with these variables."""

    subject: str
    html: str | None = field(repr=False)
    text: str | None = field(repr=False)


def render(name: str, variables: Mapping[str, Any], folder: Path = FOLDER) -> Rendered:
    """The template with these variables, which are values of JSON.

    Raises UnknownTemplate, MissingVariable or TemplateRefused; within two seconds in any case.
    """
    if not _NAME.fullmatch(name) or not (folder / name / "subject.txt").is_file():
        raise UnknownTemplate(f"There is no template {name[:64]!r}: choose one that is there.")
    from shared.submissions.template_sandbox import rendered

    parts = {
        part: rendered(folder / name, part, variables)
        for part in ("subject.txt", "body.html", "body.txt")
        if (folder / name / part).is_file()
    }
    if len(parts) == 1:
        raise TemplateRefused("it has neither a body.html nor a body.txt")
    subject = " ".join(parts["subject.txt"].split())
    return Rendered(subject, parts.get("body.html"), parts.get("body.txt"))
