"""Bounces without a machine-readable part, as old and odd mail servers write them for people.

What is found is a guess: it tells a person whose address it was, and suppresses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from shared.bounces.reading.failure import failure
from shared.bounces.reading.guess import guessed
from shared.bounces.reading.message import SENT_TO, Message, Understood
from shared.bounces.reading.text import address_in, readable
from shared.bounces.report import Finding, Kind, gravest

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
# Of servers that write in somebody's name; an answer to such a letter begins otherwise.
_SUBJECT = re.compile(
    r"\W{0,3}(?:undeliver|mail delivery (?:failed|failure|warning|problem)|returned mail"
    r"|delivery (?:status notification|failure)|failure notice|mail could not be delivered"
    r"|mail system error|unzustellbar|nicht zustellbar|non remis|mensaje no entregado)",
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


def read(message: Message) -> Understood | None:
    """Whom a mail server names in its words, and what it says; nothing of what others write."""
    is_its = message.is_of_a_mail_server or message.has_no_sender
    if not is_its and not _SUBJECT.match(message.subject):
        return None
    findings = _findings(message)
    kind = gravest(findings) if findings else Kind.UNCLEAR
    return Understood(kind, findings, is_guess=bool(findings))


def _findings(message: Message) -> tuple[Finding, ...]:
    """One of nobody where it could not deliver and names none."""
    named = _addresses(message.header.first("x-failed-recipients").split(","))
    told: tuple[Finding, ...] = ()
    if named or _UNDELIVERED.search(f"{message.subject}\n{message.text}"):
        told = _told(message, named)
    if any(finding.recipient for finding in told):
        return told
    return guessed(message) or told


def _told(message: Message, named: Sequence[str]) -> tuple[Finding, ...]:
    text = _before_the_copy(message.text)
    waits = _WAITS.search(f"{message.subject}\n{text}") is not None
    sent_to = frozenset(each.lower() for each in _addresses(message.header.all(*SENT_TO)))
    reasons = dict(islice(_named_in(text, sent_to), _MOST_RECIPIENTS))
    whole = readable(text) or readable(message.subject)
    about = list(dict.fromkeys([*named, *reasons]))[:_MOST_RECIPIENTS]
    if not about:
        return (_finding(None, whole, waits),)
    return tuple([_finding(each, reasons.get(each) or whole, waits) for each in about])


def _addresses(written: Iterable[str]) -> list[str]:
    return [address for each in written if (address := address_in(each)) is not None]


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
