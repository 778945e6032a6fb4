"""A message taken apart into its parts (RFC 2045, RFC 2046), whatever state it is in.

The standard library's parser is made for mail that is well. It reads `message/global-delivery-
status` and `message/feedback-report` as messages with a body, undoes no transfer encoding of a
`message/...` part though RFC 6532 allows one, and follows what is nested until the stack ends. Here
nothing inside a `message/...` part is followed, and all has a bound.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from shared.bounces.reading.fields import Fields, fields_in
from shared.bounces.reading.text import decoded

MOST_OCTETS = 1024 * 1024
"""Of a message: what is beyond its first megabyte is not read."""
MOST_PARTS = 50
_DEEPEST = 8
_LONGEST_HEADER = 200_000
_END_OF_HEADER = re.compile(rb"\A\r?\n|\r?\n\r?\n")
_TYPE = re.compile(r"\s*([\w.+-]+/[\w.+-]+)")
_PARAMETER = re.compile(r';\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))')
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


@dataclass(frozen=True, slots=True)
class Part:
    """A part, or the message itself: its header, and its content with the encoding undone."""

    header: Fields
    content: bytes

    @property
    def content_type(self) -> str:
        """In small letters; `text/plain` where none is given (RFC 2045 5.2)."""
        found = _TYPE.match(self.header.first("content-type"))
        return found[1].lower() if found else "text/plain"

    def parameter(self, name: str) -> str | None:
        """A parameter of its content type."""
        for found in _PARAMETER.finditer(self.header.first("content-type")):
            if found[1].lower() == name:
                return found[3] or re.sub(r"\\(.)", r"\1", found[2] or "")
        return None

    @property
    def text(self) -> str:
        return decoded(self.content, self.parameter("charset"))


def parts_of(octets: bytes) -> tuple[Part, ...]:
    """The message, and the parts in it in their order, without those of messages inside it."""
    found: list[Part] = []
    waiting = [(octets[:MOST_OCTETS], 0)]
    while waiting and len(found) < MOST_PARTS:
        written, depth = waiting.pop()
        part = _part(written)
        found.append(part)
        boundary = part.parameter("boundary")
        if part.content_type.startswith("multipart/") and boundary and depth < _DEEPEST:
            inner = islice(_between(part.content, boundary), MOST_PARTS)
            waiting.extend([(each, depth + 1) for each in inner][::-1])
    return tuple(found)


def header_in(content: bytes) -> Fields:
    """The header of a message that is the content of a part."""
    return _part(content).header


def _part(written: bytes) -> Part:
    end = _END_OF_HEADER.search(written)
    head, content = (written[: end.start()], written[end.end() :]) if end else (written, b"")
    header = fields_in(decoded(head[:_LONGEST_HEADER], None))
    return Part(header, _without_encoding(content, header))


def _without_encoding(content: bytes, header: Fields) -> bytes:
    encoding = header.first("content-transfer-encoding").strip().lower()
    if header.first("content-type").lower().lstrip().startswith("multipart/"):
        return content
    if encoding == "quoted-printable":
        return quopri.decodestring(content)
    if encoding == "base64":
        digits = _NOT_BASE64.sub(b"", content)
        whole = digits[: len(digits) - (len(digits) % 4 == 1)]
        return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))
    return content


def _between(content: bytes, boundary: str) -> Iterator[bytes]:
    """What stands after each boundary line, up to the next one or the end."""
    line = re.compile(rb"^--" + re.escape(boundary.encode()) + rb"(--)?[ \t]*\r?$", re.MULTILINE)
    start: int | None = None
    for found in line.finditer(content):
        if start is not None:
            yield content[start : found.start()]
        if found[1]:
            return
        start = found.end() + 1
    if start is not None:
        yield content[start:]
