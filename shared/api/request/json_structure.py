"""How much structure a JSON text has, counted before any of it is built.

Three bytes (`{},`) become more than seventy in memory: who may send a megabyte could take a
hundred. Texts, numbers and words cost about what they are long; each further value costs more.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MOST_OF_ANYONE = 1_000
"""Values in a body that a caller without a login may send."""

_MOST_IN_SMALL = 20_000
_BYTES_A_VALUE = 24

# A whole text is one token, so that what it says does not count.
_TOKENS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[{\[,:]', re.DOTALL)


class TooManyValues(ValueError):
    """The text holds more values than `most`."""

    def __init__(self, most: int) -> None:
        super().__init__(f"more than {most:,} values")
        self.most = most


class Structure(NamedTuple):
    """`values`: objects, lists and what stands in them. `names`: those before a colon."""

    values: int
    names: int


def most_values(size: int) -> int:
    """How many values a text of so many bytes may hold: any reasonable one has fewer."""
    return _MOST_IN_SMALL + size // _BYTES_A_VALUE


def structure_of(text: bytes, most: int) -> Structure:
    """Count without building anything; what is no JSON is counted as far as it looks like some.

    Raises TooManyValues as soon as there are more than `most`.
    """
    values, names = 1, 0
    for token in _TOKENS.finditer(text):
        match text[token.start()]:
            case 0x3A:  # :
                names += 1
            case 0x2C | 0x5B | 0x7B:  # , [ {
                values += 1
                if values > most:
                    raise TooManyValues(most)
    return Structure(values, names)
