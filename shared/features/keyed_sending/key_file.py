"""The file of keys that an older service had: CSV with the columns key, email and app_password.

Read as a whole or not at all. What is wrong is named by its line and never quoted, since every
cell may be a secret.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shared.errors import RowpostError
from shared.mime.addresses import BadAddress, parse_mailbox
from shared.security.keys import LONGEST_CHARACTERS, is_possible

COLUMNS = ("key", "email", "app_password")
LARGEST_BYTES = 10 * 1024 * 1024


class BadKeyFile(RowpostError):
    """The file can't be taken; the text names the line and says what to change."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}; nothing was imported")
        self.line = line


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key, and the Gmail account that it sends with."""

    line: int
    key: str = field(repr=False)
    email: str
    app_password: str = field(repr=False)


def read_key_file(content: bytes) -> tuple[KeyLine, ...]:
    """The lines of the file, in their order; blank ones are left out. Raises BadKeyFile."""
    rows = _rows(_text(content))
    columns = _columns(rows)
    lines = tuple(_key_line(number, cells, columns) for number, cells in rows)
    _refuse_contradictions(lines)
    return lines


def _text(content: bytes) -> str:
    if len(content) > LARGEST_BYTES:
        raise BadKeyFile(1, f"the file is larger than {LARGEST_BYTES:,} bytes: split it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadKeyFile(line, "this is not UTF-8: save the file as UTF-8") from None


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise BadKeyFile(max(1, reader.line_num), f"this is not CSV ({error})") from None


def _columns(rows: Iterator[tuple[int, list[str]]]) -> Sequence[str]:
    number, header = next(rows, (1, []))
    names = [cell.lower() for cell in header]
    if sorted(names) != sorted(COLUMNS):
        raise BadKeyFile(
            number, f"the first line has to name these columns and no others: {','.join(COLUMNS)}"
        )
    return names


def _key_line(number: int, cells: list[str], columns: Sequence[str]) -> KeyLine:
    if len(cells) != len(columns):
        raise BadKeyFile(number, f"it has {len(cells)} cells, not {len(columns)}")
    named = dict(zip(columns, cells, strict=True))
    for name in COLUMNS:
        if not named[name]:
            raise BadKeyFile(number, f"{name} is empty")
    if not is_possible(named["key"]):
        raise BadKeyFile(
            number,
            f"a key has 1 to {LONGEST_CHARACTERS} printable ASCII characters, and no space",
        )
    return KeyLine(number, named["key"], _address(number, named["email"]), named["app_password"])


def _address(number: int, text: str) -> str:
    try:
        mailbox = parse_mailbox(text)
    except BadAddress as error:
        raise BadKeyFile(number, f"email has to be one email address: {error.reason}") from None
    if mailbox.name or len(mailbox.address) > 255:
        raise BadKeyFile(number, "email has to be one email address")
    return mailbox.address


def _refuse_contradictions(lines: Sequence[KeyLine]) -> None:
    keys: dict[str, int] = {}
    passwords: dict[str, KeyLine] = {}
    for one in lines:
        if one.key in keys:
            raise BadKeyFile(one.line, f"this key is in line {keys[one.key]} already")
        keys[one.key] = one.line
        first = passwords.setdefault(one.email.casefold(), one)
        if first.app_password != one.app_password:
            raise BadKeyFile(one.line, f"line {first.line} has another app_password for this email")
