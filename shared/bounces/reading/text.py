"""Text out of a message that may be anything: valid, printable, and no longer than it may be."""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.header import decode_header

from shared.bounces.report import LONGEST_REASON
from shared.database.columns.widths import cut
from shared.mime.addresses import BadAddress, envelope_address

_LONGEST_WRITTEN = 2_000
# Encodings of text; Python knows others by name that transform, and some of them take very long.
_TEXT_ENCODING = re.compile(
    r"(us-?)?ascii|utf-?8|iso-?8859-\d+|latin-?\d+|windows-\d+|cp\d+|koi8-[rut]|gb\w+|big5\w*"
    r"|euc-\w+|shift_?jis|iso-2022-\w+|ks_c_5601-1987|tis-620",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"""(?:"[^"\r\n]{1,64}"|[^\s<>()\[\]{},;:"@]{1,64})@[^\s<>()\[\]{},;:"'@]{1,253}"""
)
_WIDE = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_HIGHEST = 0x10FFFF


def decoded(octets: bytes, charset: str | None) -> str:
    """The text in this charset, else in UTF-8 or Windows-1252; U+FFFD stands for what is none."""
    if charset and _TEXT_ENCODING.fullmatch(charset):
        try:
            return octets.decode(charset, "replace")
        except LookupError:
            pass
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def unencoded(value: str) -> str:
    """A field's value with its encoded words (RFC 2047) read."""
    value = value[:_LONGEST_WRITTEN]
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
    except (HeaderParseError, ValueError):
        return value
    return "".join(
        piece if isinstance(piece, str) else decoded(piece, charset) for piece, charset in pieces
    )


def readable(text: str, most: int = LONGEST_REASON) -> str:
    """One line of printable text that fits a column of `most`."""
    text = text[: 4 * most]
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return cut(" ".join(text.split()), most)


def address_in(text: str) -> str | None:
    """The first address that stands there, as `envelope_address` has it; None for none.

    `\\x{...}` stands for a character that is not ASCII (RFC 6533 3).
    """
    found = _ADDRESS.search(_WIDE.sub(_character, text[:_LONGEST_WRITTEN]))
    if found is None:
        return None
    try:
        return envelope_address(found[0].rstrip(".'")).address
    except BadAddress:
        return None


def _character(escaped: re.Match[str]) -> str:
    number = int(escaped[1], 16)
    return chr(number) if number <= _HIGHEST else escaped[0]
