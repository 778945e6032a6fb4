"""The header of an email: its fields, encoded where they must be and folded at 78 characters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from shared.mime.addresses import Mailbox, envelope_address, header_address
from shared.mime.bad_email import BadAddress
from shared.mime.encoded_words import LINE_BREAK, encoded_words, looks_encoded
from shared.mime.message import Draft

_WIDTH = 78
_LONGEST_NAME = 60
_LONGEST_WORD = 900
_WORD = re.compile(" *[^ ]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# RFC 3834 5 is Auto-Submitted; Exchange asks for this too ([MS-OXCMAIL] 2.2.3.2.14).
_NO_AUTOMATIC_ANSWERS = "X-Auto-Response-Suppress: OOF, AutoReply\r\n"
_TO_BE_ESCAPED = re.compile(r'["\\]')


def header(draft: Draft, *, ascii_only: bool = False) -> str:
    """All fields but those that describe the content (`Content-*`), each ended by CRLF.

    Text is ASCII throughout (RFC 2047); only an address whose part before the @ is not stays as it
    is (RFC 6532). `ascii_only`: a recipient with such an address is named without one, and a sender
    can't have one. Raises BadAddress.
    """
    write = _mailbox
    if ascii_only:
        _require_ascii(draft.sender, *draft.reply_to)
        write = _mailbox_in_ascii
    fields = [
        _date(_seconds(draft.date)),
        _sender(draft.sender),
        _mailboxes("To", draft.to, write) if draft.to else "To: undisclosed-recipients:;\r\n",
        _text("Subject", draft.subject),
        f"Message-ID: {draft.message_id}\r\nAuto-Submitted: auto-generated\r\n",
    ]
    if not any(name.lower() == "x-auto-response-suppress" for name, _ in draft.headers):
        fields.append(_NO_AUTOMATIC_ANSWERS)
    if draft.cc:
        fields.append(_mailboxes("Cc", draft.cc, write))
    if draft.reply_to:
        fields.append(_mailboxes("Reply-To", draft.reply_to, _mailbox))
    for name, value in draft.headers:
        fields.append(_text(name, value, longest_word=_LONGEST_WORD))
    fields.append("MIME-Version: 1.0\r\n")
    return "".join(fields)


def mailbox_field(name: str, mailboxes: tuple[Mailbox, ...]) -> str:
    """One field that lists mailboxes, ended by CRLF; nothing for none. Raises BadAddress."""
    return _mailboxes(name, mailboxes, _mailbox) if mailboxes else ""


def _seconds(date: datetime) -> int:
    return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp())


@lru_cache(maxsize=64)
def _date(seconds: int) -> str:
    return f"Date: {format_datetime(datetime.fromtimestamp(seconds, UTC))}\r\n"


@lru_cache(maxsize=256)
def _sender(sender: Mailbox) -> str:
    return _mailboxes("From", (sender,), _mailbox)


def _text(name: str, value: str, longest_word: int = 0) -> str:
    """An unstructured field. A word that does not fit into a line is encoded; one of up to
    `longest_word` characters, a URL or a message id, is left whole on a line of its own."""
    value = value.strip(" \t")
    if len(name) + len(value) + 2 <= _WIDTH and value.isascii() and not looks_encoded(value):
        return f"{name}: {value}\r\n".replace("\t", " ")
    return _long_text(name, value.replace("\t", " "), longest_word)


@lru_cache(maxsize=256)
def _long_text(name: str, value: str, longest_word: int) -> str:
    words = _WORD.findall(value)
    words[0] = f"{name}: {words[0]}"
    fits = max(map(len, words)) <= max(_WIDTH, longest_word)
    if fits and value.isascii() and not looks_encoded(value):
        return "".join(_folded(words)) + "\r\n"
    room = max(_WIDTH - len(name) - 2, _WIDTH // 2)
    return f"{name}: {encoded_words(value, room)}\r\n"


def _folded(words: Iterable[str]) -> Iterator[str]:
    column = 0
    for word in words:
        if column and column + len(word) > _WIDTH:
            yield "\r\n"
            column = 0
        yield word
        column += len(word)


def _mailboxes(name: str, mailboxes: tuple[Mailbox, ...], write: Callable[[Mailbox], str]) -> str:
    first, *others = [write(mailbox) for mailbox in mailboxes]
    line = f"{name}: {first}"
    if not others:
        return line + "\r\n"
    lines = [line]
    column = _last_line(line)
    for mailbox in others:
        fits = column + 2 + _first_line(mailbox) < _WIDTH
        lines.append(f", {mailbox}" if fits else f",{LINE_BREAK}{mailbox}")
        column = column + 2 + len(mailbox) if fits else 1 + len(mailbox)
        if LINE_BREAK in mailbox:
            column = _last_line(mailbox)
    return "".join(lines) + "\r\n"


def _first_line(text: str) -> int:
    return len(text.partition("\r\n")[0])


def _last_line(text: str) -> int:
    return len(text.rpartition("\r\n")[2])


def _mailbox(mailbox: Mailbox) -> str:
    if not mailbox.name:
        return header_address(mailbox.address)
    address = envelope_address(mailbox.address).address
    name = _phrase(mailbox.name)
    fits = _last_line(name) + len(address) + len("Reply-To:  <>,") <= _WIDTH
    return f"{name} <{address}>" if fits else f"{name}{LINE_BREAK}<{address}>"


def _mailbox_in_ascii(mailbox: Mailbox) -> str:
    """In place of a mailbox that ASCII can't write a group without members, named as it (RFC 6857
    3.1.8)."""
    if not envelope_address(mailbox.address).smtputf8:
        return _mailbox(mailbox)
    return f"{encoded_words(f'{mailbox.name} {mailbox.address}'.strip(), _LONGEST_NAME)} :;"


def _require_ascii(*mailboxes: Mailbox) -> None:
    for mailbox in mailboxes:
        if envelope_address(mailbox.address).smtputf8:
            raise BadAddress.of(mailbox.address, "this mail server takes ASCII alone before the @")


def _phrase(name: str) -> str:
    """A name beside an address: as it is, quoted, or encoded (RFC 5322 3.2.5, RFC 2047 5 (3))."""
    name = name.replace("\t", " ")
    if len(name) > _LONGEST_NAME or not name.isascii() or looks_encoded(name):
        return encoded_words(name, _LONGEST_NAME)
    if _ATOMS.fullmatch(name):
        return name
    return '"' + _TO_BE_ESCAPED.sub(r"\\\g<0>", name) + '"'
