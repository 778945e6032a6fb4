"""Text that fits its column: SQL Server counts UTF-16 code units and takes no lone surrogate."""

from __future__ import annotations


def width(text: str) -> int:
    """How much of an `NVARCHAR` column the text takes. Raises UnicodeEncodeError for no text."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def cut(text: str, most: int) -> str:
    """The text as far as it fits, with a question mark for what is no character."""
    if text.isascii():
        return text[:most]
    whole = text.encode("utf-16-le", "replace")
    return whole[: 2 * most].decode("utf-16-le", "ignore")
