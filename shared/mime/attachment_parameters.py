"""An attachment's parameters: what its fields say beside its type, its file name above all.

Readers of today take the name from `filename` (RFC 2183), in quotes if it is ASCII, by RFC 2231 if
not. Older ones know only `name`, and encoded words in it, which RFC 2047 forbids and Outlook, Gmail
and Apple's Mail write all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from email import policy
from urllib.parse import quote

from shared.mime.encoded_words import encoded_words
from shared.mime.message import Attachment

_LONGEST_VALUE = 900
"""Characters in one line, which may have 998: many readers don't put divided values together."""
_LONGEST_NAME = 240
"""Characters: some readers save a file under its encoded name, and file systems end at 255."""
_LONGEST_ENDING = 20
_PIECE = 60


def name_parameter(filename: str) -> str:
    """`name`, for old readers: shortened to what they can call a file that they save."""
    written = _name_for_old_readers(filename)
    if len(written) > _LONGEST_NAME:
        stem, ending = _parted(filename)
        while len(written := _name_for_old_readers(stem + ending)) > _LONGEST_NAME:
            stem = stem[: len(stem) * 3 // 4]
    return f"name={written}"


def filename_parameter(filename: str) -> str:
    """`filename`, for the others."""
    return _parameter("filename", filename)


def given_parameters(attachment: Attachment) -> Iterator[str]:
    """What the attachment's own `content_type` says after its type, a name aside."""
    if ";" not in (attachment.content_type or ""):
        return
    parsed = policy.SMTP.header_factory("Content-Type", attachment.content_type)
    for name, value in parsed.params.items():
        if name.lower() != "name":
            yield _parameter(name, value)


def _parted(filename: str) -> tuple[str, str]:
    """A file name before and from its last dot."""
    stem, dot, ending = filename.rpartition(".")
    return (stem, dot + ending) if stem and len(ending) <= _LONGEST_ENDING else (filename, "")


def _name_for_old_readers(filename: str) -> str:
    return _quoted(filename) if _goes_in_quotes(filename) else f'"{encoded_words(filename)}"'


def _parameter(name: str, value: str) -> str:
    if _goes_in_quotes(value):
        return f"{name}={_quoted(value)}"
    encoded = quote(value, safe="")
    if len(encoded) <= _LONGEST_VALUE:
        return f"{name}*=utf-8''{encoded}"
    return ";\r\n ".join(_divided(name, value))


def _divided(name: str, value: str) -> Iterator[str]:
    """RFC 2231 3 and 4.1: a value that is too long for a line."""
    for number, start in enumerate(range(0, len(value), _PIECE)):
        charset = "" if number else "utf-8''"
        yield f"{name}*{number}*={charset}{quote(value[start : start + _PIECE], safe='')}"


def _goes_in_quotes(value: str) -> bool:
    """Not what looks like an encoded word: readers decode that in quotes, too."""
    return value.isascii() and len(value) <= _LONGEST_VALUE and "=?" not in value


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
