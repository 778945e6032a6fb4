"""What can be wrong with a template, or with what it is given."""

from __future__ import annotations

from shared.errors import RowpostError


class UnknownTemplate(RowpostError):
    """There is no template of this name."""


class MissingVariable(RowpostError):
    """The template uses a variable that was not given; `name` is its name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the template needs the variable {name}")
        self.name = name


class TemplateRefused(RowpostError):
    """The template is wrong, tries what it may not, or becomes too long; the text says which."""
