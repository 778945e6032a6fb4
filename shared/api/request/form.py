"""A form with one file (multipart/form-data, RFC 7578), read piece by piece within limits."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, BinaryIO, cast

from shared.api.errors import ApiError, FieldError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

# It warns of each malformed form, which is the caller's affair and nothing for our log.
logging.getLogger("python_multipart").setLevel(logging.ERROR)

_MOST_PARTS = 50
_IN_MEMORY = 1024 * 1024
_PIECE = 64 * 1024
_PLAIN_ENCODINGS = (b"", b"7bit", b"8bit", b"binary")


@dataclass(frozen=True, slots=True)
class FileField:
    """An endpoint's declaration: a file may come in the form field of this name.

    `most`: its size in bytes, asked at each request. `content_types`: what it may be, for the
    description.
    """

    name: str
    most: Callable[[], int]
    content_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FormLimits:
    """What a form may hold: the one file's field and size, and the size of other fields, in
    bytes."""

    file_field: str
    most_in_file: int
    most_in_field: int = 100_000


@dataclass(frozen=True, slots=True)
class FormFile:
    """The file as it was sent: its name is the caller's word, and not safe to use as a path."""

    filename: str
    content: BinaryIO = field(repr=False)
    size: int

    def fingerprint(self) -> bytes:
        """The same for files of the same name and content; the file stands at its beginning."""
        whole = hashlib.sha256()
        self.content.seek(0)
        while piece := self.content.read(_PIECE):
            whole.update(piece)
        self.content.seek(0)
        return whole.digest() + self.filename.encode()


@dataclass(frozen=True, slots=True)
class Form:
    """The fields, and the file if there is one."""

    fields: Mapping[str, str] = field(repr=False)
    file: FormFile | None


def is_form(headers: Mapping[str, str]) -> bool:
    """Whether the body says that it is a form that may hold a file."""
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    return media == "multipart/form-data"


@contextmanager
def parsed_form(
    headers: Mapping[str, str], body: Iterable[bytes], limits: FormLimits
) -> Iterator[Form]:
    """The form, while the block runs; its file stands at its beginning.

    Up to 1 MB of the file is in memory, more in a temporary file. Raises ApiError: 415 for another
    media type, 400 for what is malformed, 413 for a file above its limit, found while it is read,
    and 422 for a field that is given twice, too long, or a file where none belongs.
    """
    boundary = _boundary(headers)
    with SpooledTemporaryFile(_IN_MEMORY) as content:
        reader = _Reader(limits, cast(BinaryIO, content))
        reader.read(boundary, body)
        content.seek(0)
        yield reader.form()


@dataclass(slots=True)
class _Part:
    """The part that is being read."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str = ""
    filename: str | None = None
    content: bytearray = field(default_factory=bytearray)


class _Reader:
    """Takes what python-multipart finds."""

    def __init__(self, limits: FormLimits, content: BinaryIO) -> None:
        self._limits = limits
        self._content = content
        self._part = _Part()
        self._parts = 0
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._fields: dict[str, str] = {}
        self._filename: str | None = None
        self._size = 0
        self._complete = False

    def read(self, boundary: bytes, body: Iterable[bytes]) -> None:
        from python_multipart.exceptions import FormParserError
        from python_multipart.multipart import MultipartParser

        try:
            parser = MultipartParser(boundary, self._callbacks())
            for piece in body:
                parser.write(piece)
        except FormParserError:
            raise _malformed("it is not well-formed multipart/form-data") from None
        if not self._complete:
            raise _malformed("it ends before its last part does")

    def form(self) -> Form:
        file = None
        if self._filename:
            file = FormFile(self._filename, self._content, self._size)
        return Form(self._fields, file)

    def _callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header_name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._take,
            "on_part_end": self._end,
            "on_end": self._end_form,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise _malformed(f"it has more than {_MOST_PARTS} parts")
        self._part = _Part()

    def _end_header(self) -> None:
        self._part.headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _end_headers(self) -> None:
        part = self._part
        kind, options = _options(part.headers.get(b"content-disposition", b""))
        if kind != b"form-data" or not options.get(b"name"):
            raise _malformed("a part of it has no name")
        if part.headers.get(b"content-transfer-encoding", b"").strip().lower() not in (
            _PLAIN_ENCODINGS
        ):
            raise _malformed("a part of it has a Content-Transfer-Encoding, send it as it is")
        part.name = _text(options[b"name"])
        if b"filename" in options:
            part.filename = _text(options[b"filename"])
            self._require_the_file(part)

    def _require_the_file(self, part: _Part) -> None:
        if part.name != self._limits.file_field:
            raise _invalid(part.name, f"Send a file as {self._limits.file_field} only.")
        if self._filename is not None:
            raise _invalid(part.name, "Send one file only.")
        self._filename = part.filename

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._part.filename is None:
            self._take_field(data[start:end])
        else:
            self._take_file(data[start:end])

    def _take_field(self, piece: bytes) -> None:
        part = self._part
        part.content += piece
        if len(part.content) > self._limits.most_in_field:
            raise _invalid(part.name, f"Send at most {self._limits.most_in_field:,} bytes.")

    def _take_file(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limits.most_in_file:
            message = f"The file is too large: send at most {self._limits.most_in_file:,} bytes."
            raise ApiError(413, "file_too_large", message)
        if piece and not self._part.filename:
            raise _invalid(self._part.name, "The file has no name: give it one.")
        self._content.write(piece)

    def _end(self) -> None:
        part = self._part
        if part.filename is not None:
            return
        if part.name in self._fields:
            raise _invalid(part.name, "The field is given twice: send it once.")
        self._fields[part.name] = _text(bytes(part.content))

    def _end_form(self) -> None:
        self._complete = True


def _boundary(headers: Mapping[str, str]) -> bytes:
    kind, options = _options(headers.get("content-type", "").encode("latin-1", "replace"))
    if kind != b"multipart/form-data":
        raise ApiError(
            415,
            "unsupported_media_type",
            "Send the body as a form, with Content-Type: multipart/form-data.",
        )
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise _malformed("its Content-Type names no boundary")
    return boundary


def _options(header: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """A header's value and its parameters, those of RFC 2231 among them."""
    from python_multipart.multipart import parse_options_header

    try:
        return parse_options_header(header)
    except (ValueError, LookupError):
        raise _malformed("a header of it is not well-formed") from None


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise _malformed("it is not in UTF-8") from None


def _malformed(reason: str) -> ApiError:
    return ApiError(400, "malformed_form", f"The form cannot be read: {reason}.")


def _invalid(name: str, message: str) -> ApiError:
    return ApiError(422, "validation_failed", message, errors=(FieldError(name[:100], message),))
