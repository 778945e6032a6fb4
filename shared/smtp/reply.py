"""What a mail server's reply means: decided on its digits and its enhanced status code.

RFC 5321 (replies), RFC 3463 (enhanced status codes), and what large providers are known to answer.
The text is kept for people. It decides only where a provider says two things with one code.
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
    """What a refusal is about."""

    RECIPIENT = auto()
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


def classify(reply: Reply, stage: Stage, *, accepted_before: bool = False) -> Verdict:
    """What a reply that is no acceptance means.

    A refusal of MAIL says what became of the transaction; the replies to its RCPT and DATA then
    mean nothing.

    `accepted_before`: a recipient of the same transaction was accepted before this one; only then
    can RCPT be answered "too many recipients", or a new transaction would go on for ever.
    """
    if stage in _BEFORE_MAIL or _is_about_the_account(reply, stage):
        return Verdict(Scope.ACCOUNT, permanent=False)
    if stage is Stage.RCPT:
        return _of_recipient(reply, accepted_before=accepted_before)
    return Verdict(Scope.MESSAGE, permanent=reply.permanent)


_BEFORE_MAIL = frozenset({Stage.CONNECT, Stage.EHLO, Stage.STARTTLS, Stage.LOGIN})
# The login (RFC 4954), and too many connections (Microsoft's 432).
_ACCOUNT_CODES = frozenset({421, 432, 530, 534, 535, 538})
_LOGIN_SWITCHED_OFF = frozenset({"5.7.139", "5.7.30"})
# The command or its place was refused: nobody has looked at the email.
_OUT_OF_STEP = frozenset({502, 503})
_TOO_BIG = frozenset({"5.3.4", "5.2.3"})
_BAD_ADDRESS_CODES = frozenset({550, 551, 553})
# It is the sender's address that is bad (RFC 3463, 3.2), which some servers say at RCPT only.
_BAD_SENDER = frozenset({"5.1.7", "5.1.8"})
_GMAIL_LIMIT = re.compile("relay (?:sending )?limit|quota exceeded", re.IGNORECASE)
_MICROSOFT_MAY_NOT_SEND_AS = "SendAsDenied"


def _is_about_the_account(reply: Reply, stage: Stage) -> bool:
    if reply.code < 400:  # No answer to what was asked.
        return True
    if reply.code in _ACCOUNT_CODES or reply.enhanced in _LOGIN_SWITCHED_OFF:
        return True
    if reply.code in _OUT_OF_STEP:
        return stage is not Stage.BODY
    return _is_a_limit(reply, stage)


def _is_a_limit(reply: Reply, stage: Stage) -> bool:
    """What providers say when an account has sent too much, though some of it sounds final."""
    match reply.code, reply.enhanced:
        case (550, "5.4.5") | (454, "4.7.0"):
            return True
        case 454, None:  # Amazon SES: "Throttling failure".
            return True
        case (550, "5.7.1") | (450, "4.2.1"):
            return _GMAIL_LIMIT.search(reply.text) is not None
        case 554, "5.2.0":
            return stage is not Stage.RCPT and _MICROSOFT_MAY_NOT_SEND_AS not in reply.text
        case 554, "5.2.2":  # At RCPT it is the recipient's mailbox that is full.
            return stage is not Stage.RCPT
        case _:
            return False


def _of_recipient(reply: Reply, *, accepted_before: bool) -> Verdict:
    if reply.enhanced in _TOO_BIG:
        return Verdict(Scope.MESSAGE, permanent=True)
    if accepted_before and _is_too_many(reply):
        return Verdict(Scope.RECIPIENT, permanent=False, more_recipients_later=True)
    return Verdict(Scope.RECIPIENT, permanent=reply.permanent, suppress=_is_bad_address(reply))


def _is_too_many(reply: Reply) -> bool:
    """452, and 552 of older servers (RFC 5321, 4.5.3.1.10), unless the enhanced code differs."""
    if reply.enhanced is None:
        return reply.code in (452, 552)
    return reply.enhanced in ("4.5.3", "5.5.3")


def _is_bad_address(reply: Reply) -> bool:
    if reply.code not in _BAD_ADDRESS_CODES or reply.enhanced is None:
        return False
    return reply.enhanced.startswith("5.1.") and reply.enhanced not in _BAD_SENDER


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
