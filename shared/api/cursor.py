"""Cursors: a place in a list, as text that a caller hands back to get the next page."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from shared.api.errors import ApiError, FieldError
from shared.outbox.search import Position

_LAST_NUMBER = 2**31 - 1
_WRITTEN = TypeAdapter(tuple[datetime | None, int])

CursorText = Annotated[str, Field(max_length=200, json_schema_extra={"format": "cursor"})]


def write_cursor(position: Position | None) -> str | None:
    """The place as text; None where the list ends."""
    if position is None:
        return None
    written = _WRITTEN.dump_json((position.time, position.id))
    return base64.urlsafe_b64encode(written).decode().rstrip("=")


def read_cursor(text: str | None) -> Position | None:
    """The place that a cursor stands for. Raises ApiError 422 for one that is not ours."""
    if text is None:
        return None
    try:
        octets = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        time, number = _WRITTEN.validate_json(octets)
    except (UnicodeError, binascii.Error, ValidationError, ValueError):
        raise _not_ours() from None
    if not 0 <= number <= _LAST_NUMBER or (time is not None and time.tzinfo is None):
        raise _not_ours()
    return Position(time, number)


def _not_ours() -> ApiError:
    message = "Use the next_cursor of an answer as it is, or leave the cursor out."
    return ApiError(422, "validation_failed", message, errors=(FieldError("cursor", message),))
