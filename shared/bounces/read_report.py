"""What a message that came back is, and what it says: the machine's word first, guesses last."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from shared.bounces.reading import (
    delivery_status,
    feedback_report,
    plain_words,
    receipt,
)
from shared.bounces.reading.autoresponder import is_automatic
from shared.bounces.reading.fields import fields_in
from shared.bounces.reading.guess import guessed
from shared.bounces.reading.parts import Part, header_in, parts_of
from shared.bounces.reading.text import address_in, unencoded
from shared.bounces.report import Finding, Kind, Report, gravest
from shared.mime.return_path import tokens_in

_MOST_NAMES = 20
_RETURNED = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"}
)
_TOLD = (
    delivery_status.CONTENT_TYPES
    | receipt.CONTENT_TYPES
    | frozenset({feedback_report.CONTENT_TYPE})
)
# To which address it came, and which one the email was from (RFC 5321 4.4, RFC 5965 3.1).
_SENT_TO = ("to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
_ADDRESSED = (*_SENT_TO, "return-path", "x-envelope-from", "original-mail-from")
_OWN_ID = ("message-id", "x-original-message-id", "x-microsoft-original-message-id")
_ANSWERED = ("x-original-message-id", "original-message-id", "in-reply-to")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{3,250}>")
_SYSTEM = re.compile(
    r"(?:^|[<\s\"])(?:mailer-daemon|postmaster|mail-daemon|maildaemon|mdaemon|mail\.?system"
    r"|microsoftexchange[0-9a-f]{10,40})@|mail delivery (?:sub)?system|mailer-daemon",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    r"<(?:style|script|head)\b.*?(?:</(?:style|script|head)\s*>|\Z)|<[^<>]{0,2000}>",
    re.IGNORECASE | re.DOTALL,
)


def read_report(octets: bytes) -> Report:
    """Understand a message (RFC 5322) as far as that goes. Pure; never raises, whatever it is.

    Only what a delivery status notification says in its own fields can be HARD.
    """
    parts = parts_of(octets.lstrip())
    kind, findings, is_guess = _understood(parts)
    tokens, message_ids = _names_in(parts)
    return Report(kind, findings, tokens, message_ids, is_guess)


def _understood(parts: tuple[Part, ...]) -> tuple[Kind, tuple[Finding, ...], bool]:
    message = parts[0]
    for part in parts:
        if part.content_type in delivery_status.CONTENT_TYPES and (
            findings := delivery_status.recipients_in(part.text)
        ):
            return gravest(findings), findings, False
    for part in parts:
        if part.content_type == feedback_report.CONTENT_TYPE:
            return *feedback_report.complaints_in(fields_in(part.text)), False
        if part.content_type in receipt.CONTENT_TYPES:
            return Kind.RECEIPT, (receipt.receipt_in(fields_in(part.text)),), False
    is_of_a_server = _is_of_a_server(message)
    if not is_of_a_server and is_automatic(message.header):
        return Kind.AUTOREPLY, (), False
    if is_of_a_server or _has_no_sender(message):
        findings = _told_in_words(parts)
        return (gravest(findings) if findings else Kind.UNCLEAR), findings, bool(findings)
    is_empty = not message.header.items and not message.content.strip()
    return (Kind.UNCLEAR if is_empty else Kind.OTHER), (), False


def _told_in_words(parts: tuple[Part, ...]) -> tuple[Finding, ...]:
    header, text = parts[0].header, _text_of(parts)
    subject = unencoded(header.first("subject"))
    named = tuple(_addresses(header.first("x-failed-recipients").split(",")))
    told: tuple[Finding, ...] = ()
    if named or plain_words.tells_of_a_failure(subject, text):
        own = frozenset(each.lower() for each in _addresses(header.all(*_SENT_TO)))
        told = plain_words.recipients_in(subject, text, named, own)
    if any(finding.recipient for finding in told):
        return told
    return guessed(header.first("from"), subject, text) or told


def _is_of_a_server(message: Part) -> bool:
    header = message.header
    return bool(header.first("x-failed-recipients")) or bool(
        _SYSTEM.search(unencoded(header.first("from")))
    )


def _has_no_sender(message: Part) -> bool:
    return message.header.first("return-path").replace(" ", "") == "<>"


def _text_of(parts: tuple[Part, ...]) -> str:
    """What a person reads: the first plain text, else the first HTML without its markup."""
    for part in parts:
        if part.content_type == "text/plain" and part.content.strip():
            return part.text[: plain_words.LONGEST_TEXT]
    for part in parts:
        if part.content_type == "text/html":
            written = part.text[: plain_words.LONGEST_TEXT]
            return html.unescape(_MARKUP.sub(" ", written.replace("<br", "\n<br")))
    return "" if len(parts) > 1 else parts[0].text[: plain_words.LONGEST_TEXT]


def _addresses(written: Iterable[str]) -> Iterator[str]:
    return (address for each in written if (address := address_in(each)) is not None)


def _names_in(parts: tuple[Part, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tokens and message ids that stand where those of our own emails would."""
    told = [
        parts[0].header,
        *[fields_in(part.text) for part in parts if part.content_type in _TOLD],
    ]
    returned = [header_in(part.content) for part in parts if part.content_type in _RETURNED]
    addresses = [value for each in (*told, *returned) for value in each.all(*_ADDRESSED)]
    ids = [value for each in told for value in each.all(*_ANSWERED)]
    ids += [value for each in returned for value in each.all(*_OWN_ID)]
    if not returned:
        ids += plain_words.message_ids_in(_text_of(parts))
    found = [found for each in ids for found in _MESSAGE_ID.findall(each)]
    return _few(tokens_in(addresses)), _few(found)


def _few(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(islice(dict.fromkeys(names), _MOST_NAMES))
