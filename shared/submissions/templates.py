"""Templates: a folder each, `templates/<name>/subject.txt`, `body.html` and `body.txt` (Jinja2).

HTML is escaped by itself. What a template may do is bounded: see `template_sandbox`. An
`example.json` beside them has variables to look at the template with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.submissions.template_errors import TemplateRefused, UnknownTemplate

FOLDER = Path(__file__).resolve().parents[2] / "templates"
_FILES = ("subject.txt", "body.html", "body.txt")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Template:
    """A template that is there. `variables`: the names that it uses, in their order; `example`:
    values to look at it with, as JSON text. `parts`: its files."""

    name: str
    subject: str
    parts: tuple[str, ...]
    variables: tuple[str, ...]
    example: str = field(repr=False)


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
    _require(name, folder)
    from shared.submissions.template_sandbox import rendered

    parts = {part: rendered(folder / name, part, variables) for part in _parts(folder / name)}
    if len(parts) == 1:
        raise TemplateRefused("it has neither a body.html nor a body.txt")
    subject = " ".join(parts["subject.txt"].split())
    return Rendered(subject, parts.get("body.html"), parts.get("body.txt"))


def names(folder: Path = FOLDER) -> list[str]:
    """The names of all templates, in the order of their letters."""
    return sorted(path.parent.name for path in folder.glob("*/subject.txt") if _is_one(path))


def find(name: str, folder: Path = FOLDER) -> Template:
    """What there is to know of a template. Raises UnknownTemplate, or TemplateRefused where it is
    wrong."""
    _require(name, folder)
    from shared.submissions.template_sandbox import variables_in

    parts = _parts(folder / name)
    variables = sorted({found for part in parts for found in variables_in(folder / name, part)})
    return Template(
        name=name,
        subject=(folder / name / "subject.txt").read_text("utf-8").strip(),
        parts=parts,
        variables=tuple(variables),
        example=_example(folder / name, variables),
    )


def _require(name: str, folder: Path) -> None:
    if not _NAME.fullmatch(name) or not (folder / name / "subject.txt").is_file():
        raise UnknownTemplate(f"There is no template {name[:64]!r}: choose one that is there.")


def _is_one(subject: Path) -> bool:
    return _NAME.fullmatch(subject.parent.name) is not None and subject.is_file()


def _parts(folder: Path) -> tuple[str, ...]:
    return tuple(part for part in _FILES if (folder / part).is_file())


def _example(folder: Path, variables: Sequence[str]) -> str:
    """What lies beside the template, or each variable's own name in its place."""
    try:
        return (folder / "example.json").read_text("utf-8").strip()
    except FileNotFoundError:
        return json.dumps({name: name.replace("_", " ") for name in variables}, indent=2)
