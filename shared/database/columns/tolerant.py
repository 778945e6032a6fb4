"""Columns that applications write: whatever stands there, the row can be read.

SQLite keeps any value in any column, and an adopted table may have texts for numbers. What makes
sense is read as what it says; what does not comes as a value that says so, and harms no other row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Integer, RowMapping, Table, Unicode
from sqlalchemy.types import TypeDecorator

_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,10}\s*", re.ASCII)
_LARGEST = 2**31 - 1
_LONGEST_SHOWN = 30


class UnreadableText(str):
    """What stands where a text should; as far as it can be shown."""

    __slots__ = ()


class UnreadableNumber(int):
    """Nought, in place of what stands where a number should."""

    written: str


class TolerantText(TypeDecorator[str]):
    """A text. Numbers are the text of their digits."""

    impl = Unicode
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> str | None:
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bytes):
            return UnreadableText(value[:_LONGEST_SHOWN].decode("utf-8", "replace"))
        return str(value)


class TolerantNumber(TypeDecorator[int]):
    """A whole number of 32 bits, be it written as a text."""

    impl = Integer
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> int | None:
        if value is None:
            return None
        if isinstance(value, str) and not value.strip():
            return None
        if (isinstance(value, str) and _NUMBER.fullmatch(value)) or (
            isinstance(value, int | float) and value == value // 1
        ):
            number = int(value)
            if abs(number) <= _LARGEST:
                return number
        unreadable = UnreadableNumber(0)
        unreadable.written = str(value)[:_LONGEST_SHOWN]
        return unreadable


def read_tolerantly(table: Table) -> None:
    """Let every text and number of the table be read by these."""
    for column in table.columns:
        if isinstance(column.type, Unicode):
            column.type = TolerantText(column.type.length)
        elif isinstance(column.type, Integer):
            column.type = TolerantNumber()


def unreadable(row: Mapping[str, Any] | RowMapping) -> str | None:
    """Which value of a row makes no sense, in words for whoever wrote it; None: all do."""
    for name, value in row.items():
        if isinstance(value, UnreadableText):
            return f"{name} is no text: it holds bytes ({str(value)!r})"
        if isinstance(value, UnreadableNumber):
            return f"{name} is no number: it holds {value.written!r}"
    return None
