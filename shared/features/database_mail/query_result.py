"""How the result of a query stands in an email: text as sqlcmd lays it out, CSV or HTML. Pure.

`tests/database_mail/query_results.json` is the specification: the procedures in T-SQL are held to
the same cases. Values come as the texts that T-SQL converts them to; None is NULL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import NamedTuple

from shared.errors import RowpostError

END = "\r\n"
NARROWEST, WIDEST = 10, 32767
MOST_OF_LONG_TYPE = 256
"""Characters that a value of a type without a length keeps, and the width of its column."""
LONGEST_OF_TYPE = 8_000
"""No type may be declared longer."""


class Format(StrEnum):
    """What the result becomes."""

    TEXT = "TEXT"
    CSV = "CSV"
    HTML = "HTML"


class Column(NamedTuple):
    """A column's name, empty for none, and its type as it is declared: `nvarchar(20)`."""

    name: str
    type: str = "varchar(256)"


class QueryResult(NamedTuple):
    """What a query came to: one result set."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How it is written, by the parameters of sp_send_dbmail. `width` is that of a line.

    `counts`: a last line says how many rows there were, as it does without SET NOCOUNT ON.
    """

    format: Format = Format.TEXT
    header: bool = True
    width: int = 256
    separator: str = " "
    no_padding: bool = False
    no_truncate: bool = False
    counts: bool = True


class BadLayout(RowpostError):
    """Parameters that exclude each other, or a type that nobody knows."""


class TooLong(RowpostError):
    """A result that is written has more characters than it may have."""


def written(result: QueryResult, layout: Layout, most: int | None = None) -> str:
    """The result in this layout, each line with its end. Raises BadLayout, and TooLong where it has
    more than `most` characters.

    A short value may fill a wide column, so a small result can become a very long text: it is
    written no further than it may go.
    """
    check(layout)
    write = {Format.TEXT: _text, Format.CSV: _csv, Format.HTML: _html}[layout.format]
    lines: list[str] = []
    length = 0
    for line in write(result, layout):
        length += len(line) + len(END)
        if most is not None and length > most:
            raise TooLong(f"it has more than {most} characters")
        lines.append(line)
    return "".join(f"{line}{END}" for line in lines)


def as_file(text: str, wanted: Format) -> bytes:
    """A written result as the attached file: text as ever in UTF-16 (little end first), what is new
    in UTF-8; both with the mark that programs know them by."""
    if wanted is Format.TEXT:
        return b"\xff\xfe" + text.encode("utf-16-le", "surrogatepass")
    return b"\xef\xbb\xbf" + text.encode("utf-8", "replace")


def check(layout: Layout) -> None:
    """Raise BadLayout for parameters that exclude each other."""
    if layout.no_padding and layout.no_truncate:
        raise BadLayout("no_append and no_truncate options are mutually exclusive")
    if layout.no_truncate and not layout.header:
        raise BadLayout("@query_no_truncate leaves the header out itself")
    if not NARROWEST <= layout.width <= WIDEST:
        raise BadLayout(f"@query_result_width must be between {NARROWEST} and {WIDEST}")


# Text, as sqlcmd lays it out.


class _Shape(NamedTuple):
    width: int
    right: bool = False
    """Numbers and dates stand at the right."""
    is_long: bool = False
    """It has no length of its own."""


_SHAPES = {
    "bit": _Shape(1, right=True),
    "tinyint": _Shape(3, right=True),
    "smallint": _Shape(6, right=True),
    "int": _Shape(11, right=True),
    "bigint": _Shape(21, right=True),
    "real": _Shape(14, right=True),
    "smallmoney": _Shape(14, right=True),
    "float": _Shape(24, right=True),
    "money": _Shape(24, right=True),
    "date": _Shape(16, right=True),
    "datetime": _Shape(23, right=True),
    "smalldatetime": _Shape(19, right=True),
    "datetime2": _Shape(38, right=True),
    "time": _Shape(16, right=True),
    "datetimeoffset": _Shape(45, right=True),
    "uniqueidentifier": _Shape(36),
    "timestamp": _Shape(18),
    "rowversion": _Shape(18),
    "sysname": _Shape(128),
    "sql_variant": _Shape(8000),
    **dict.fromkeys(
        ("xml", "text", "image", "geography", "geometry", "hierarchyid"),
        _Shape(MOST_OF_LONG_TYPE, is_long=True),
    ),
}
_NATIONAL = ("nc", "nv", "nt")
_TYPE = re.compile(r"\s*([a-z_0-9]+)\s*(?:\(\s*(max|[0-9]{1,5})\s*(?:,\s*[0-9]{1,2}\s*)?\))?\s*")


def _shape(written_type: str) -> _Shape:
    found = _TYPE.fullmatch(written_type.lower())
    name, length = (found[1], found[2]) if found else ("", None)
    if length and length != "max" and int(length) > LONGEST_OF_TYPE:
        name = ""
    if name.startswith(_NATIONAL):
        name = name[1:]
    if name in _SHAPES:
        return _SHAPES[name]
    if name in ("decimal", "numeric"):
        return _Shape(int(length or 18) + 2, right=True)
    if name not in ("char", "varchar", "binary", "varbinary"):
        raise BadLayout(f"{written_type[:40]!r} is no type of a column")
    if length == "max":
        return _Shape(MOST_OF_LONG_TYPE, is_long=True)
    characters = int(length or 1)
    return _Shape(2 * characters + 2 if "binary" in name else characters)


def _text(result: QueryResult, layout: Layout) -> Iterable[str]:
    for line in _lines(result, layout):
        if layout.no_padding:
            yield line
        else:
            yield from _wrapped(line, layout.width)


def _lines(result: QueryResult, layout: Layout) -> Iterable[str]:
    shapes = [_shape(column.type) for column in result.columns]
    yield from _header(result, shapes, layout)
    yield from _rows(result, shapes, layout)
    if layout.counts:
        yield ""
        yield f"({len(result.rows)} rows affected)"


def _header(result: QueryResult, shapes: Sequence[_Shape], layout: Layout) -> Iterable[str]:
    if not layout.header or layout.no_truncate:
        return
    pairs = list(zip(result.columns, shapes, strict=True))
    if layout.no_padding:
        names = [column.name for column in result.columns]
        dashes = ["-" * max(len(name), 1) for name in names]
    else:
        names = [
            column.name[: _width(column, shape)].ljust(_width(column, shape))
            for column, shape in pairs
        ]
        dashes = ["-" * _width(column, shape) for column, shape in pairs]
    yield layout.separator.join(names)
    yield layout.separator.join(dashes)


def _width(column: Column, shape: _Shape) -> int:
    """Of the column: a header that is longer than its values makes it wider, unless its type has
    no length."""
    return shape.width if shape.is_long else max(shape.width, len(column.name))


def _rows(result: QueryResult, shapes: Sequence[_Shape], layout: Layout) -> Iterable[str]:
    pairs = list(zip(result.columns, shapes, strict=True))
    for row in result.rows:
        yield layout.separator.join(
            _cell(value, column, shape, layout)
            for value, (column, shape) in zip(row, pairs, strict=True)
        )


def _cell(value: str | None, column: Column, shape: _Shape, layout: Layout) -> str:
    text = "NULL" if value is None else value
    if shape.is_long and layout.no_truncate:
        return text
    width = _width(column, shape)
    text = text[:width]
    if layout.no_padding:
        return text.rstrip(" ")
    return text.rjust(width) if shape.right else text.ljust(width)


def _wrapped(line: str, width: int) -> Iterable[str]:
    """A line that is longer goes on in the next one, wherever that is in its row."""
    for start in range(0, max(len(line), 1), width):
        yield line[start : start + width]


# CSV (RFC 4180).


def _csv(result: QueryResult, layout: Layout) -> Iterable[str]:
    separator = "," if layout.separator == " " else layout.separator
    names = [[column.name for column in result.columns]] if layout.header else []
    for row in (*names, *result.rows):
        yield separator.join(_field(value, separator) for value in row)


def _field(value: str | None, separator: str) -> str:
    """NULL is nothing, and an empty text is a pair of quotes."""
    if value is None:
        return ""
    plain = value and not any(sign in value for sign in (separator, '"', "\r", "\n"))
    if plain and value.strip(" ") == value:
        return value
    return '"' + value.replace('"', '""') + '"'


# HTML.


def _html(result: QueryResult, layout: Layout) -> Iterable[str]:
    yield '<table border="1" cellpadding="4" cellspacing="0">'
    if layout.header:
        yield _html_row("th", [column.name for column in result.columns])
    for row in result.rows:
        yield _html_row("td", row)
    yield "</table>"


def _html_row(element: str, values: Sequence[str | None]) -> str:
    cells = "".join(f"<{element}>{_html_text(value)}</{element}>" for value in values)
    return f"<tr>{cells}</tr>"


def _html_text(value: str | None) -> str:
    text = escape(value or "", quote=False).replace('"', "&quot;")
    return text.replace("\r\n", "<br>").replace("\n", "<br>").replace("\r", "<br>")
