"""A message that came, taken apart, and what a shape makes of it."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from shared.bounces.reading.fields import Fields
from shared.bounces.reading.parts import Part, parts_of
from shared.bounces.reading.text import unencoded
from shared.bounces.report import Finding, Kind

LONGEST_TEXT = 64_000
SENT_TO = ("to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
"""The fields that say to which address it came."""
_MAIL_SERVER = re.compile(
    r"(?:^|[<\s\"])(?:mailer-daemon|postmaster|mail-daemon|maildaemon|mdaemon|mail\.?system"
    r"|microsoftexchange[0-9a-f]{10,40})@|mail delivery (?:sub)?system|mailer-daemon|<\s*>",
    re.IGNORECASE,
)
_NOBODY = re.compile(r"<\s*(?:mailer-daemon(?:@.*)?)?>", re.IGNORECASE)
_MARKUP = re.compile(
    r"<(?:style|script|head)\b.*?(?:</(?:style|script|head)\s*>|\Z)|<[^<>]{0,2000}>",
    re.IGNORECASE | re.DOTALL,
)


class Understood(NamedTuple):
    """What a shape reads in a message: see `Report`."""

    kind: Kind
    findings: tuple[Finding, ...] = ()
    is_guess: bool = False


@dataclass(frozen=True)
class Message:
    """The message itself is the first of its parts."""

    parts: tuple[Part, ...]

    @classmethod
    def of(cls, octets: bytes) -> Message:
        """Whatever the octets are."""
        return cls(parts_of(octets.lstrip()))

    @property
    def header(self) -> Fields:
        return self.parts[0].header

    @cached_property
    def subject(self) -> str:
        return unencoded(self.header.first("subject"))

    @property
    def is_empty(self) -> bool:
        return not self.header.items and not self.parts[0].content.strip()

    @cached_property
    def is_of_a_mail_server(self) -> bool:
        """By the address that it is from, or by what only they write."""
        if self.header.first("x-failed-recipients"):
            return True
        if self.parts[0].parameter("report-type") == "delivery-status":
            return True
        return _MAIL_SERVER.search(unencoded(self.header.first("from"))) is not None

    @property
    def has_no_sender(self) -> bool:
        """Its envelope was from nobody, as of what is not to be answered (RFC 5321 4.5.5)."""
        return _NOBODY.fullmatch(self.header.first("return-path").strip()) is not None

    @cached_property
    def text(self) -> str:
        """What a person reads: the first plain text, else the first HTML without its markup."""
        for part in self.of_type({"text/plain"}):
            if part.content.strip():
                return part.text[:LONGEST_TEXT]
        for part in self.of_type({"text/html"}):
            written = part.text[:LONGEST_TEXT].replace("<br", "\n<br")
            return html.unescape(_MARKUP.sub(" ", written))
        return "" if len(self.parts) > 1 else self.parts[0].text[:LONGEST_TEXT]

    def of_type(self, content_types: Collection[str]) -> Iterator[Part]:
        """The parts of these types, in their order."""
        return (part for part in self.parts if part.content_type in content_types)
