"""What a row says, in a few letters: whether an N that comes later asks for something new. Pure.

An entry keeps that of what went; before, where more belongs to it than its row, that of its row as
it was stored: so it keeps what belongs to it when nothing but its letter changes.

Two rows with the same fingerprint count as the same email: see "Their table, our ledger" in
docs/architecture.md for what follows where a table has no creation date.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

_OCTETS = 16


class Content(NamedTuple):
    """Of a row: whom it goes to, what it says, and when it was made, where the table says that.

    Sizes are as the database tells them without reading the value.
    """

    to: str | None
    cc: str | None
    subject: str | None
    filename: str | None
    body_size: int | None
    document_size: int | None
    created_at: datetime | None


def fingerprint(content: Content) -> str:
    """32 hexadecimal digits; the same for the same content."""
    fields = repr(tuple(content)).encode("utf-8", "backslashreplace")
    return blake2b(fields, digest_size=_OCTETS).hexdigest()
