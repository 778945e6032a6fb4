"""Words of other scripts in a header: RFC 2047."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from string import ascii_letters, digits

LINE_BREAK = "\r\n "
_LONGEST_WORD = 75
_AROUND = len("=?utf-8?q??=")
_SAFE = f"{ascii_letters}{digits}!*+-/ "
_SAFE_BYTES = _SAFE.encode()
_LOOKS_ENCODED = re.compile(r"=\?[^?]*\?[bq]\?", re.IGNORECASE)


def looks_encoded(text: str) -> bool:
    """Whether a reader would take a part of this plain text for an encoded word."""
    return "=?" in text and _LOOKS_ENCODED.search(text) is not None


def encoded_words(text: str, room: int = _LONGEST_WORD) -> str:
    """The text as encoded words, one a line, in Q or B, whichever is shorter.

    The first takes at most `room` characters, each of the others 75. They use nothing that a name
    may not hold (RFC 2047 5 (3)), and no character is split over two of them.
    """
    octets = text.encode()
    unsafe = len(octets.translate(None, _SAFE_BYTES))
    words = _q_words(text, room) if 6 * unsafe <= len(octets) else _b_words(text, room)
    return LINE_BREAK.join(words)


def _q_words(text: str, room: int) -> Iterator[str]:
    word, limit = "", min(room, _LONGEST_WORD) - _AROUND
    for character in text:
        encoded = _q(character)
        if len(word) + len(encoded) > limit:
            yield f"=?utf-8?q?{word}?="
            word, limit = "", _LONGEST_WORD - _AROUND
        word += encoded
    yield f"=?utf-8?q?{word}?="


def _q(character: str) -> str:
    if character in _SAFE:
        return "_" if character == " " else character
    return "".join([f"={octet:02X}" for octet in character.encode()])


def _b_words(text: str, room: int) -> Iterator[str]:
    octets, start = text.encode(), 0
    limit = _b_octets(min(room, _LONGEST_WORD))
    while start < len(octets):
        end = start + limit
        while end < len(octets) and octets[end] & 0xC0 == 0x80:
            end -= 1
        yield f"=?utf-8?b?{binascii.b2a_base64(octets[start:end], newline=False).decode()}?="
        start, limit = end, _b_octets(_LONGEST_WORD)


def _b_octets(room: int) -> int:
    """How many octets fit into one word in B."""
    return (room - _AROUND) // 4 * 3
