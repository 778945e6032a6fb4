"""A field that nobody knows, and the one that was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

_SIMILAR = 0.6
_LONGEST_NAME = 100


def unknown_field(model: type[BaseModel], place: tuple[int | str, ...]) -> str:
    """What to tell about the field at this place in a body of this model."""
    known = _names_at(model, place[:-1])
    meant = nearest(str(place[-1]), known)
    if meant:
        return f"This field is not known: did you mean {meant}?"
    if known:
        return f"This field is not known. Known are: {', '.join(sorted(known))}."
    return "This field is not known: leave it out."


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that this one is a misspelling or another form of, if there is one.

    `sendAt` and `send-at` are `send_at`, and so is `scheduled_at`; `html` is `html_content`.
    """
    written = _words(name[:_LONGEST_NAME])
    by_words = {_words(one): one for one in known}
    same = next((words for words in by_words if _joined(words) == _joined(written)), None)
    parts = [words for words in by_words if words.startswith(f"{written} ")]
    found = [same] if same else parts or get_close_matches(written, by_words, 1, _SIMILAR)
    return by_words[found[0]] if found else None


def _words(name: str) -> str:
    """The words of a name in any style, with spaces between."""
    return re.sub(r"[\W_]+|(?<=[a-z0-9])(?=[A-Z])", " ", name).strip().lower()


def _joined(words: str) -> str:
    return words.replace(" ", "")


def _names_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The names that a caller may give there."""
    at: type[BaseModel] | None = model
    for part in place:
        if isinstance(part, str) and at is not None:
            field = next((f for n, f in at.model_fields.items() if part in (n, f.alias)), None)
            at = _model_within(field.annotation) if field else None
    return [field.alias or name for name, field in at.model_fields.items()] if at else []


def _model_within(annotation: Any) -> type[BaseModel] | None:
    """The model in `list[Model]`, `Model | None` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_within, get_args(annotation))), None)
