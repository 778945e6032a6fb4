"""Refusals of Database Mail: the numbers that callers know, and a text that says what to do."""

from __future__ import annotations

from shared.errors import RowpostError


class Refused(RowpostError):
    """The call is refused. `number` is the one of the message that callers look for, `parameter`
    what is wrong, as the caller named it."""

    def __init__(self, number: int, parameter: str, message: str) -> None:
        super().__init__(message)
        self.number = number
        self.parameter = parameter
        self.message = message


STOPPED = 14641
UNKNOWN_PROFILE = 14607
NO_DEFAULT_PROFILE = 14636
MISSING = 14618
COMMA = 14613
IMPORTANCE = 14622
SENSITIVITY = 14623
NOTHING_GIVEN = 14624
NO_QUERY = 14625
BODY_FORMAT = 14626
EXTENSION = 14630
QUERY = 22050
FILE = 22051
