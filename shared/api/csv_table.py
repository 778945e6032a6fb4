"""Tables as CSV (RFC 4180), which a spreadsheet may open without anything in them being run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_CONTROLS = ("\t", "\r", "\n", "\0")


def csv_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """The rows below a header, in UTF-8, every cell quoted.

    A cell that a spreadsheet would take for a formula gets an apostrophe before it, which the
    spreadsheet shows as text (OWASP, CSV injection).
    """
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return written.getvalue().encode("utf-8", "replace")


def _harmless(cell: str) -> str:
    dangerous = cell.startswith(_CONTROLS) or cell.lstrip().startswith(_FORMULA)
    return f"'{cell}" if dangerous else cell
