"""Cursors: a place in a list, as text that a caller hands back to get the next page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared.outbox.queries.search import Position

PATTERN = r"^([0-9]{1,10}(-[0-9]{1,13})?)?$"
"""An email's number, and the milliseconds since 1970 that its list is sorted by; or nothing."""

_LAST_NUMBER = 2**31 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def write_cursor(position: Position | None) -> str | None:
    """The place as text; None where the list ends."""
    if position is None:
        return None
    if position.time is None:
        return str(position.id)
    return f"{position.id}-{max(0, (position.time - _EPOCH) // _MILLISECOND)}"


def read_cursor(text: str | None) -> Position | None:
    """The place that a text of this pattern stands for."""
    if not text:
        return None
    number, dash, milliseconds = text.partition("-")
    time = _EPOCH + int(milliseconds) * _MILLISECOND if dash else None
    return Position(time, min(int(number), _LAST_NUMBER))
