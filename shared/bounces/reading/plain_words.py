"""Bounces without a machine-readable part, as old and odd mail servers write them for people.

What is found is a guess: it tells a person whose address it was, and suppresses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from shared.bounces.reading.failure import failure
from shared.bounces.reading.text import address_in, readable
from shared.bounces.report import Finding, Kind

LONGEST_TEXT = 64_000
_MOST_RECIPIENTS = 20
_LINES_OF_A_REASON = 8
# qmail, Exim, Postfix, Sendmail, Exchange, Domino, T-Online, Yahoo, Gmail, GroupWise and others.
_UNDELIVERED = re.compile(
    r"qmail-send program|wasn't able to deliver|was not able to deliver|unable to deliver"
    r"|(?:could|can|did)(?: ?not|n't|n’t)(?: yet)? be delivered|could not deliver"
    r"|not delivered to|did not reach the following recipient|undeliverable|undelivered"
    r"|delivery (?:has |to .{1,200} )?failed|delivery (?:failure|problem|incomplete|delayed)"
    r"|failed addresses follow|returned mail|permanent (?:fatal )?error|returned to sender"
    r"|message delayed|has not yet been delivered|delivery status notification"
    r"|nicht zugestellt|nicht zustellbar|unzustellbar"
    r"|n'a pas pu [êe]tre (?:remis|distribu)|non remis|[ée]chec de (?:la )?(?:remise|distribution)"
    r"|no se (?:pudo|ha podido) entregar|non [èe] stato (?:possibile )?(?:consegna|recapita)"
    r"|user doesn't have a|配信できません|无法投递|退信",
    re.IGNORECASE,
)
_WAITS = re.compile(
    r"message delayed|delivery delayed|has not yet been delivered|still being (?:re)?tried"
    r"|will (?:keep|continue|be) (?:trying|to try|retried)|delivery attempts will continue"
    r"|no action is required on your part|verzögert",
    re.IGNORECASE,
)
# What follows is the email that came back.
_COPY = re.compile(
    r"^(?:[ \t>|]{0,20}-{2,80}+(?!.{0,80}(?:transcript|addresses|log)).{0,80}"
    r"(?:copy|original|returned|unsent|message)"
    r"|Received:|Return-Path:|> ?Received:)",
    re.IGNORECASE | re.MULTILINE,
)
_NAMES_ONE = re.compile(r"[ \t>*-]{0,12}(?:(?:recipient|address)\s*:\s*)?<?[^\s<>]{1,64}@", re.I)
_MESSAGE_ID = re.compile(r"^[ \t>]*Message-ID:[ \t]*(<[!-;=?-~]{3,250}>)", re.I | re.M)


def tells_of_a_failure(subject: str, text: str) -> bool:
    """Whether a mail server says here that it could not deliver, or not yet."""
    return _UNDELIVERED.search(f"{subject}\n{text[:LONGEST_TEXT]}") is not None


def recipients_in(
    subject: str, text: str, named: tuple[str, ...], own: frozenset[str]
) -> tuple[Finding, ...]:
    """Whom the words name, and what they say; one finding of nobody where they name none.

    `named`: addresses that a header field says it is about. `own`: addresses that the message was
    sent to, which it is not about.
    """
    text = _before_the_copy(text[:LONGEST_TEXT])
    waits = _WAITS.search(f"{subject}\n{text}") is not None
    reasons = dict(islice(_named_in(text, own), _MOST_RECIPIENTS))
    whole = readable(text) or readable(subject)
    about = list(dict.fromkeys([*named, *reasons]))[:_MOST_RECIPIENTS]
    if not about:
        return (_finding(None, whole, waits),)
    return tuple([_finding(each, reasons.get(each) or whole, waits) for each in about])


def message_ids_in(text: str) -> Iterator[str]:
    """Of the email that is quoted below the words."""
    return (found[1] for found in _MESSAGE_ID.finditer(text[:LONGEST_TEXT]))


def _finding(recipient: str | None, words: str, waits: bool) -> Finding:
    of = failure(None, words, recipient)
    kind = Kind.SOFT if of.kind is Kind.HARD else of.kind
    return Finding(
        Kind.DELAYED if waits else kind, recipient, of.code, of.enhanced_code, readable(words)
    )


def _before_the_copy(text: str) -> str:
    found = _COPY.search(text)
    return text[: found.start()] if found else text


def _named_in(text: str, own: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Each address that begins a line, and the words after it."""
    lines = text.splitlines()
    for place, line in enumerate(lines):
        if not _NAMES_ONE.match(line):
            continue
        address = address_in(line)
        if address is None or address.lower() in own:
            continue
        yield address, readable(" ".join([_after(line, address), *_following(lines, place + 1)]))


def _after(line: str, address: str) -> str:
    _, found, rest = line.partition(address)
    return rest.strip(" \t>:,;") if found else ""


def _following(lines: list[str], start: int) -> Iterator[str]:
    """The rest of the paragraph, or the next one where the address stands alone."""
    said = False
    for line in lines[start : start + _LINES_OF_A_REASON]:
        words = line.strip()
        if _NAMES_ONE.match(line) or (said and not words):
            return
        said = said or not (words == "" or words.endswith(":"))
        yield words
