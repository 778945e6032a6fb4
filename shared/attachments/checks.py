"""Whether a stranger's file may be passed on: by its name, and by what is in it. Pure.

Let through are the few types that a person sends along with a question, and that can be told from
each other by their content: PDF, pictures, plain text, and Office documents without macros. Not zip
archives: what is inside them can't be judged without unpacking, and many mail servers refuse them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Final

from shared.attachments.names import ending, safe_name
from shared.attachments.refusal import ContentRefused, TypeRefused
from shared.attachments.zip_check import check_zip

_CHUNK = 64 * 1024
_HEAD = 8192
_OFFICE = "application/vnd.openxmlformats-officedocument."

# Control characters that no text holds: all but tab, line feed, form feed and carriage return.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
# Formats that are themselves made of text, so that looking at the characters does not tell them.
_DISGUISED = frozenset({"application/pdf", "application/rtf", "application/postscript"})


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file that may be passed on: its safe name, and the type that its content has."""

    name: str
    content_type: str


def check_file(name: str, file: BinaryIO) -> CheckedFile:
    """Check a file that is open for reading at any place, and that can be rewound.

    It is read from its beginning, in small pieces, and left where it then stands. Raises
    TypeRefused for a type that is not on the list, ContentRefused where the content is not what
    the name says or may do harm.
    """
    safe = safe_name(name)
    allowed = ALLOWED.get(ending(safe))
    if allowed is None:
        types = ", ".join(ALLOWED)
        raise TypeRefused(f"{safe!r} is not of a type that may be sent: {types}")
    allowed.check(file, allowed.content_type)
    return CheckedFile(safe, allowed.content_type)


def _check_signature(file: BinaryIO, content_type: str) -> None:
    if _detected(file) != content_type:
        raise ContentRefused("the content of the file is not what its name says")


def _check_text(file: BinaryIO, _: str) -> None:
    """UTF-8, or UTF-16 with its mark, or one byte a character; never anything binary."""
    if _detected(file) in _DISGUISED:
        raise ContentRefused("the content of the file is not the text that its name says")
    file.seek(0)
    head = file.read(2)
    file.seek(0)
    wide = head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    decoder = codecs.getincrementaldecoder("utf-16" if wide else "latin-1")()
    try:
        while chunk := file.read(_CHUNK):
            _require_text(decoder.decode(chunk))
        decoder.decode(b"", final=True)
    except UnicodeError:
        raise ContentRefused("the file is not a text") from None


def _require_text(text: str) -> None:
    if _NO_TEXT.search(text):
        raise ContentRefused("the file is not a text: it holds control characters")


def _check_docx(file: BinaryIO, _: str) -> None:
    check_zip(file, {"[Content_Types].xml", "word/document.xml"})


def _check_xlsx(file: BinaryIO, _: str) -> None:
    check_zip(file, {"[Content_Types].xml", "xl/workbook.xml"})


def _detected(file: BinaryIO) -> str | None:
    import filetype

    file.seek(0)
    found: str | None = filetype.guess_mime(file.read(_HEAD))
    return found


@dataclass(frozen=True, slots=True)
class _Allowed:
    content_type: str
    check: Callable[[BinaryIO, str], None] = _check_signature


ALLOWED: Final = {
    "pdf": _Allowed("application/pdf"),
    "png": _Allowed("image/png"),
    "jpg": _Allowed("image/jpeg"),
    "jpeg": _Allowed("image/jpeg"),
    "gif": _Allowed("image/gif"),
    "txt": _Allowed("text/plain", _check_text),
    "csv": _Allowed("text/csv", _check_text),
    "docx": _Allowed(f"{_OFFICE}wordprocessingml.document", _check_docx),
    "xlsx": _Allowed(f"{_OFFICE}spreadsheetml.sheet", _check_xlsx),
}
"""By ending."""
