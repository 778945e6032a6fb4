"""Content made fit for lines of ASCII: the transfer encodings of RFC 2045, section 6."""

from __future__ import annotations

from binascii import b2a_qp
from collections.abc import Iterator
from typing import Literal, NamedTuple

import pybase64

TransferEncoding = Literal["7bit", "quoted-printable", "base64"]

_LONGEST_LINE = 998
_PIECE = 57 * 100
_CONTROLS = bytes(octet for octet in range(32) if octet not in b"\t\r\n") + b"\x7f"
_TO_BE_QUOTED = _CONTROLS + b"=" + bytes(range(128, 256))


class EncodedText(NamedTuple):
    """A text as it goes over the wire."""

    encoding: TransferEncoding
    content: bytes


def lines(text: str) -> str:
    """The text with LF, and nothing else, at the end of each of its lines, the last one too."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"


def text_encoding(text: str) -> TransferEncoding:
    """How to send a text of such lines: as it is where mail servers need not bear with it, else by
    the shorter encoding."""
    octets = text.encode()
    if text.isascii() and not _has_controls(octets) and _longest_line(octets) <= _LONGEST_LINE:
        return "7bit"
    quoted = len(octets) - len(octets.translate(None, _TO_BE_QUOTED))
    return "quoted-printable" if 6 * quoted <= len(octets) else "base64"


def encode_text(text: str) -> EncodedText:
    """The text in UTF-8 with CRLF at each line's end, encoded if it must be."""
    text = lines(text)
    encoding = text_encoding(text)
    octets = text.encode().replace(b"\n", b"\r\n")
    if encoding == "quoted-printable":
        return EncodedText(encoding, b2a_qp(octets, istext=True))
    if encoding == "base64":
        return EncodedText(encoding, b"".join(encode_base64(octets)))
    return EncodedText(encoding, octets)


def encode_base64(octets: bytes) -> Iterator[bytes]:
    """The octets in base64, in lines of 76 characters, each ended by CRLF.

    They come in small pieces: for a large file, memory taken afresh for each step costs more than
    the encoding itself.
    """
    for start in range(0, len(octets), _PIECE):
        encoded = pybase64.encodebytes(octets[start : start + _PIECE])
        yield encoded.replace(b"\n", b"\r\n")


def _has_controls(octets: bytes) -> bool:
    return len(octets.translate(None, _CONTROLS)) != len(octets)


def _longest_line(octets: bytes) -> int:
    return len(octets) if len(octets) <= _LONGEST_LINE else max(map(len, octets.split(b"\n")))
