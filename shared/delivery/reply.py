"""What a mail server's reply means: decided on its digits and its enhanced status code.

RFC 5321 (replies), RFC 3463 (enhanced status codes), and what large providers are known to answer.
The text is kept for people; it decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from shared.errors import RowpostError

LONGEST_TEXT = 500
_LINE = re.compile(rb"([2-5][0-9]{2})(?:[ -](.*))?\Z", re.DOTALL)
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|\Z)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


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
        texts: list[str] = []
        code = b""
        for line in lines:
            match = _LINE.match(line)
            if match is None or (code and match[1] != code):
                raise ProtocolError("the mail server's reply is not SMTP")
            code = match[1]
            texts.append((match[2] or b"").decode("utf-8", "replace"))
        if not code:
            raise ProtocolError("the mail server's reply is empty")
        text = _CONTROL.sub(" ", " ".join(texts)).strip()
        enhanced = _ENHANCED.match(text)
        return cls(
            int(code),
            text[:LONGEST_TEXT],
            enhanced[0] if enhanced and enhanced[1] == chr(code[0]) else None,
        )

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
    def transient(self) -> bool:
        return 400 <= self.code < 500

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


_BEFORE_MAIL = frozenset({Stage.CONNECT, Stage.EHLO, Stage.STARTTLS, Stage.LOGIN})
_ACCOUNT_CODES = frozenset({421, 432, 530, 534, 535, 538})
_ACCOUNT_ENHANCED = frozenset({"5.7.139", "5.7.30", "4.7.0", "4.3.2", "5.7.8", "5.7.9"})
_PROVIDERS_LIMITS = frozenset({(550, "5.4.5"), (554, "5.2.0"), (554, "5.2.2"), (454, "4.7.0")})
_GMAIL_RELAY_LIMIT = "relay limit"
_BAD_ADDRESS_CODES = frozenset({550, 551, 553})
_TOO_MANY_RECIPIENTS = frozenset({452, 552})
_TOO_BIG = frozenset({"5.3.4", "5.2.3"})

_ACCOUNT = Verdict(Scope.ACCOUNT, permanent=False)


def classify(reply: Reply, stage: Stage, *, accepted_before: bool = False) -> Verdict:
    """What a reply that is no acceptance means.

    `accepted_before`: a recipient of the same transaction was accepted before this one; only then
    does a 452 or 552 to RCPT say "too many recipients" (RFC 5321, 4.5.3.1.10).
    """
    if stage in _BEFORE_MAIL or _is_about_the_account(reply, stage):
        return _ACCOUNT
    if stage is Stage.RCPT:
        return _of_recipient(reply, accepted_before=accepted_before)
    return Verdict(Scope.MESSAGE, permanent=reply.permanent)


def _is_about_the_account(reply: Reply, stage: Stage) -> bool:
    if reply.code in _ACCOUNT_CODES or not (reply.transient or reply.permanent):
        return True
    if stage is Stage.RCPT and reply.code == 450 and reply.enhanced == "4.7.0":
        return False  # Greylisting speaks so; it is about this recipient.
    if stage is Stage.RCPT and reply.enhanced == "5.2.2":
        return False  # The recipient's mailbox is full, not the sender's.
    if (reply.code, reply.enhanced) in _PROVIDERS_LIMITS or reply.enhanced in _ACCOUNT_ENHANCED:
        return True
    # The one place where text decides: Gmail gives its daily relay limit the code of a policy.
    return reply.enhanced == "5.7.1" and _GMAIL_RELAY_LIMIT in reply.text.lower()


def _of_recipient(reply: Reply, *, accepted_before: bool) -> Verdict:
    if reply.code in _TOO_MANY_RECIPIENTS and accepted_before and reply.enhanced not in _TOO_BIG:
        return Verdict(Scope.RECIPIENT, permanent=False, more_recipients_later=True)
    if reply.enhanced in _TOO_BIG:
        return Verdict(Scope.MESSAGE, permanent=True)
    bad_address = reply.code in _BAD_ADDRESS_CODES and (reply.enhanced or "").startswith("5.1.")
    return Verdict(Scope.RECIPIENT, permanent=reply.permanent, suppress=bad_address)
