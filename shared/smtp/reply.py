"""A mail server's reply (RFC 5321 4.2, RFC 3463), and the words for what it means.

`classify` tells what it means.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from functools import lru_cache

from shared.errors import RowpostError

LONGEST_TEXT = 500
_LINE = re.compile(rb"([2-5][0-9]{2})(?:[ -](.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245])\.[0-9]{1,3}\.[0-9]{1,3}(?=\s|\Z)")


class ProtocolError(RowpostError):
    """What the server said is no SMTP reply."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: its code, its enhanced status code (RFC 3463) if it has one, and its text."""

    code: int
    text: str = ""
    enhanced: str | None = None
    verdict: Verdict | None = None
    """What it means, where whoever put it into SMTP's words knows; None: `classify` tells."""
    retry_after: float | None = None
    """Seconds that the service wants to be left alone."""

    @classmethod
    def parse(cls, lines: Sequence[bytes]) -> Reply:
        """The reply that these lines, without their line ends, make. Raises ProtocolError."""
        return _parse_line(lines[0]) if len(lines) == 1 else _parse(lines)

    @property
    def positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def intermediate(self) -> bool:
        return 300 <= self.code < 400

    @property
    def closing(self) -> bool:
        """The server ends the connection with this reply (RFC 5321, 3.8)."""
        return self.code == 421

    @property
    def permanent(self) -> bool:
        return 500 <= self.code < 600

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip()


class Stage(StrEnum):
    """What the reply answers."""

    CONNECT = auto()
    EHLO = auto()
    STARTTLS = auto()
    LOGIN = auto()
    NOOP = auto()
    QUIT = auto()
    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    BODY = auto()
    """The final dot."""


class Scope(Enum):
    """Whom a refusal is about: the party that it is charged to."""

    SESSION = auto()
    """This connection alone: the email goes on over a new one, at no cost. Bounded by what the
    session has done: one that has carried nothing is not at its limit."""
    RECIPIENT = auto()
    SENDER = auto()
    """The sender's address: the email's own, if its row names one, else the account's."""
    MESSAGE = auto()
    ACCOUNT = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a refusal means: for whom, whether for good, and whether the address is a bad one.

    `more_recipients_later`: the server takes no further recipient in this transaction.
    """

    scope: Scope
    permanent: bool
    suppress: bool = False
    more_recipients_later: bool = False


@lru_cache(maxsize=512)
def _parse_line(line: bytes) -> Reply:
    """Nearly all replies are one line, and most of these the same again and again."""
    return _parse((line,))


def _parse(lines: Sequence[bytes]) -> Reply:
    matches = [_LINE.fullmatch(line) for line in lines]
    codes = {match[1] if match else b"" for match in matches}
    if len(codes) != 1 or b"" in codes:
        raise ProtocolError("the mail server's reply is not SMTP")
    code = codes.pop()
    text = _printable(b" ".join(match[2] or b"" for match in matches if match))
    enhanced = _ENHANCED.match(text)
    same_class = enhanced is not None and enhanced[1] == chr(code[0])
    return Reply(int(code), text, enhanced[0] if enhanced and same_class else None)


def _printable(text: bytes) -> str:
    decoded = text[: 4 * LONGEST_TEXT].decode("utf-8", "replace")
    if not decoded.isprintable():
        decoded = "".join(char if char.isprintable() else " " for char in decoded)
    return decoded.strip()[:LONGEST_TEXT]
