"""Email addresses as people and applications write them: read from lists, and compared.

The one parser for all of them: an HTTP request, a queue's row, an account's sender, the contact
form. What it takes can be sent; what it refuses it names, with the reason. RFC 5322 3.4 without the
obsolete forms, but lists may also be split at `;` and names need no quotes.

An address is judged by its form alone. Whether its domain exists is the mail server's business: one
inside a company may well serve `localhost`, `printers.test` or a single name such as `mailhost`.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator
from typing import NamedTuple

from shared.mime.address_form import (
    EnvelopeAddress,
    ascii_domain,
    envelope_address,
    header_address,
    is_plain,
)
from shared.mime.bad_email import BadAddress

__all__ = [
    "BadAddress",
    "EnvelopeAddress",
    "Mailbox",
    "address_key",
    "ascii_domain",
    "envelope_address",
    "header_address",
    "parse_mailbox",
    "parse_recipients",
    "unique",
]


class Mailbox(NamedTuple):
    """Where an email goes to or comes from: `local@domain`, and the name shown beside it."""

    address: str
    name: str = ""


def parse_recipients(text: str | None) -> tuple[Mailbox, ...]:
    """The mailboxes of a list split at `;` and `,`, in their order; blank entries are left out.

    Quoted names, angle brackets and comments stay in one piece, and a comment, which is white space
    otherwise, serves as the name where there is no other: `"Doe, Jane" <j@x.org>; b@y.org (Bob)`.
    Of a group (`Team: a@x.org, b@x.org;`) the members are taken.
    Raises BadAddress, which names the first entry that is no address.
    """
    if not text:
        return ()
    if is_plain(text):
        return (Mailbox(text),)
    entries = (entry.strip(_BLANK) for entry in _split(text))
    return tuple([_mailbox(entry) for entry in entries if not _is_blank(entry)])


def entries_of(text: str) -> list[str]:
    """The entries of a list, as they are written; blank ones are left out."""
    return [entry for part in _split(text) if not _is_blank(entry := part.strip(_BLANK))]


def parse_mailbox(text: str | None) -> Mailbox:
    """The one mailbox that stands there. Raises BadAddress if it is none, or several."""
    mailboxes = parse_recipients(text)
    if len(mailboxes) != 1:
        raise BadAddress("give one email address")
    return mailboxes[0]


def unique(*lists: tuple[Mailbox, ...]) -> tuple[tuple[Mailbox, ...], ...]:
    """The same lists (To, Cc, Bcc) with each address only at its first place in all of them.

    Domains compare without case, in A-labels; the part before the @ compares as it is written.
    """
    if sum(map(len, lists)) < 2:
        return lists
    seen: set[str] = set()
    return tuple(
        tuple([mailbox for mailbox in mailboxes if _is_new(mailbox, seen)]) for mailboxes in lists
    )


_BLANK = " \t\r\n\xa0"
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SEPARATOR = re.compile("[;,]")
_GROUPING = re.compile(r'["(\\:]')
_TOKEN = re.compile(r'\\.|["()<>;,:]', re.DOTALL)
_GROUP_NAME = re.compile(r'\s*+(?:"(?:[^"\\]|\\.)*+"|[^"@<>():])++', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_NAME_PIECE = re.compile(rf'{_QUOTED}|[^"]++', re.DOTALL)
_PLAINLY_NAMED = re.compile(r'([^"<>()]*)<([^"<>()\s]*)>')
_NAMED = re.compile(rf'(?P<name>(?:{_QUOTED}|[^"<>])*+)<(?P<address>(?:{_QUOTED}|[^"<>])*+)>')


def _is_blank(entry: str) -> bool:
    """Whether nothing stands there, or a comment alone."""
    return not entry or (entry.startswith("(") and not _without_comments(entry)[0])


class _Token(NamedTuple):
    """A special character, the place after it, what encloses it (`"`, `<`, `(`, or nothing), and
    how many comments do."""

    character: str
    end: int
    inside: str
    level: int


def _split(text: str) -> Iterator[str]:
    """The entries of a list; nothing is cut inside quotes or comments, nor in a route."""
    if not _GROUPING.search(text):
        yield from _SEPARATOR.split(text)
        return
    start = 0
    tokens = list(_tokens(text))
    semicolons = [token.end for token in tokens if token.character == ";" and not token.inside]
    for token in tokens:
        if token.inside:
            continue
        if token.character in ";,":
            yield text[start : token.end - 1]
            start = token.end
        elif token.character == ":" and _is_group_name(text[start : token.end - 1]):
            following = bisect(semicolons, token.end)
            if following < len(semicolons) and _ends_group(text, semicolons[following]):
                start = token.end
    yield text[start:]


def _is_group_name(text: str) -> bool:
    return _GROUP_NAME.fullmatch(_without_comments(text)[0]) is not None


def _ends_group(text: str, end: int) -> bool:
    """Whether the list ends after this `;` or goes on with a comma, as after a group (RFC 5322
    3.4)."""
    return text[end : end + 80].lstrip(_BLANK)[:1] in ("", ",", "(")


def _tokens(text: str) -> Iterator[_Token]:
    inside, level = "", 0
    for match in _TOKEN.finditer(text):
        character = match.group()
        if inside.endswith('"'):
            inside = inside[:-1] if character == '"' else inside
        elif level or character == "(":
            level += {"(": 1, ")": -1}.get(character, 0)
        elif character == '"':
            inside += character
        elif inside == "<":
            inside = "" if character == ">" else inside
        elif character == "<":
            inside = character
        yield _Token(character, match.end(), inside + "(" if level else inside, level)


def _mailbox(entry: str) -> Mailbox:
    if is_plain(entry):
        return Mailbox(entry)
    plainly_named = _PLAINLY_NAMED.fullmatch(entry)
    if plainly_named and entry.isprintable() and is_plain(plainly_named[2]):
        return Mailbox(plainly_named[2], _one_line(plainly_named[1]))
    _require_text(entry)
    written, comment = _without_comments(entry)
    named = _NAMED.fullmatch(written)
    if named is None and (reason := _why_cut_short(written)):
        raise BadAddress.of(entry, reason)
    local, at, domain = (named["address"] if named else written).strip(_BLANK).rpartition("@")
    # RFC 5322 3.4.1: white space may stand around the @, and only there.
    address = local.rstrip(_BLANK) + at + domain.lstrip(_BLANK)
    try:
        envelope_address(address)
    except BadAddress as error:
        raise BadAddress.of(entry, error.reason) from None
    return Mailbox(address, (_name(named["name"]) if named else "") or _one_line(comment))


def _without_comments(entry: str) -> tuple[str, str]:
    """The entry with a space in place of each comment (RFC 5322 3.2.2), and the last one's text."""
    if "(" not in entry:
        return entry, ""
    kept, comment, start, level = "", "", 0, 0
    for token in _tokens(entry):
        deeper = token.level
        if deeper and not level:
            kept, start = kept + entry[start : token.end - 1] + " ", token.end
        elif level and not deeper:
            comment, start = entry[start : token.end - 1], token.end
        level = deeper
    if level:
        raise BadAddress.of(entry, "a comment in it has no end")
    return (kept + entry[start:]).strip(_BLANK), _ESCAPED.sub(r"\1", comment)


def _name(phrase: str) -> str:
    """What the words before an address say: quoted ones without their quotes (RFC 5322 3.2.5)."""
    pieces = _NAME_PIECE.findall(phrase)
    return _one_line(
        "".join(
            [_ESCAPED.sub(r"\1", piece[1:-1]) if piece[0] == '"' else piece for piece in pieces]
        )
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _why_cut_short(written: str) -> str | None:
    """What has no end, or no beginning, in an entry that is not of the form `name <address>`."""
    inside, last = "", ""
    for token in _tokens(written):
        inside = token.inside
        last = token.character if not inside else last
    if inside.endswith('"'):
        return "a quote in it has no end"
    if inside.endswith("<"):
        return "its < has no >"
    if last == ">":
        ends = written.rstrip(_BLANK).endswith(">")
        return "it has < or > where none may stand" if ends else "something follows its >"
    return None


def _require_text(entry: str) -> None:
    if "\r" in entry or "\n" in entry:
        raise BadAddress.of(entry, "it holds a line break")
    if not entry.isprintable() and (found := _CONTROL.search(entry)):
        raise BadAddress.of(
            entry, f"no address may hold U+{ord(found[0]):04X} (character {found.start() + 1})"
        )


def address_key(address: str) -> str:
    """Equal for addresses that are one recipient's: see `unique`."""
    local, at, domain = envelope_address(address).address.rpartition("@")
    return local + at + domain.lower()


def _is_new(mailbox: Mailbox, seen: set[str]) -> bool:
    key = address_key(mailbox.address)
    if key in seen:
        return False
    seen.add(key)
    return True
