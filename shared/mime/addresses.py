"""Email addresses: read from lists, compared, and written for the envelope (RFC 5321, 5322, 6531).

An address is judged by its form alone. Whether its domain exists is the mail server's business: one
inside a company may well serve `localhost`, `printers.test` or a single name such as `mailhost`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from shared.mime.bad_email import BadAddress

__all__ = [
    "BadAddress",
    "EnvelopeAddress",
    "Mailbox",
    "envelope_address",
    "parse_recipients",
    "unique",
]


class Mailbox(NamedTuple):
    """Where an email goes to or comes from: `local@domain`, and the name shown beside it."""

    address: str
    name: str = ""


class EnvelopeAddress(NamedTuple):
    """An address as MAIL FROM and RCPT TO want it, the domain in A-labels (RFC 5890).

    `smtputf8`: the part before the @ is not ASCII, so the server must offer SMTPUTF8 (RFC 6531).
    """

    address: str
    smtputf8: bool = False


def parse_recipients(text: str | None) -> tuple[Mailbox, ...]:
    """The mailboxes of a list split at `;` and `,`, in their order; blank entries are left out.

    Quoted names, angle brackets and comments stay in one piece, and a comment serves as the name
    where there is no other: `"Doe, Jane" <j@x.org>; b@y.org (Bob)`.
    Raises BadAddress, which names the first entry that is no address.
    """
    if not text:
        return ()
    if _is_plain(text):
        return (Mailbox(text),)
    entries = (entry.strip(_BLANK) for entry in _split(text))
    return tuple([_mailbox(entry) for entry in entries if entry])


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


def envelope_address(address: str) -> EnvelopeAddress:
    """The address for the SMTP envelope. Raises BadAddress where it is none."""
    return EnvelopeAddress(address) if _is_plain(address) else _international(address)


_BLANK = " \t\r\n\xa0"
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SEPARATOR = re.compile("[;,]")
_GROUPING = re.compile(r'["(<\\]')
_TOKEN = re.compile(r'\\.|["()<>;,]', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_WIDE_ATOM = _ATOM.replace("[", "[\x80-\U0010ffff", 1)
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"

_PLAIN_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_DOMAIN}")
_PLAIN = re.compile(rf"(?=[^@]{{1,64}}@[^@]{{1,253}}\Z){_ATOM}(?:\.{_ATOM})*@{_DOMAIN}")
_WIDE_LOCAL = re.compile(rf"{_WIDE_ATOM}(?:\.{_WIDE_ATOM})*|{_QUOTED}")
_NAMED = re.compile(rf'(?:(?P<quoted>{_QUOTED})\s*|(?P<name>[^"<>]*))<(?P<address>[^<>]*)>')

_is_plain = _PLAIN.fullmatch


def _split(text: str) -> Iterator[str]:
    """The entries of a list; nothing is cut inside quotes, comments or angle brackets."""
    if not _GROUPING.search(text):
        yield from _SEPARATOR.split(text)
        return
    start = 0
    for token, end, inside in _tokens(text):
        if token in ";," and not inside:
            yield text[start : end - 1]
            start = end
    yield text[start:]


def _tokens(text: str) -> Iterator[tuple[str, int, str]]:
    """Each special character, the place after it, and what encloses it: `"`, `<`, a `(` per level
    of comment, or nothing."""
    inside = ""
    for match in _TOKEN.finditer(text):
        token = match.group()
        if inside == '"':
            inside = "" if token == '"' else inside
        elif token == "(":
            inside += token
        elif inside.endswith("("):
            inside = inside[:-1] if token == ")" else inside
        elif inside == "<":
            inside = "" if token == ">" else inside
        elif token in '"<':
            inside = token
        yield token, match.end(), inside


def _mailbox(entry: str) -> Mailbox:
    if _is_plain(entry):
        return Mailbox(entry)
    _require_text(entry)
    written, comment = _without_comments(entry)
    named = _NAMED.fullmatch(written)
    address = named["address"].strip(_BLANK) if named else written
    name = (named["name"] or _unquoted(named["quoted"] or "")) if named else ""
    try:
        envelope_address(address)
    except BadAddress:
        raise _bad(entry) from None
    return Mailbox(address, " ".join((name or comment).split()))


def _without_comments(entry: str) -> tuple[str, str]:
    """The entry without its comments (RFC 5322 3.2.2), and the text of the last one."""
    if "(" not in entry:
        return entry, ""
    kept, comment, start, level = "", "", 0, 0
    for _, end, inside in _tokens(entry):
        deeper = inside.count("(")
        if deeper and not level:
            kept, start = kept + entry[start : end - 1], end
        elif level and not deeper:
            comment, start = entry[start : end - 1], end
        level = deeper
    if level:
        raise _bad(entry, "a comment in it has no end")
    return (kept + entry[start:]).strip(_BLANK), _ESCAPED.sub(r"\1", comment)


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(r"\1", text[1:-1])


def _require_text(entry: str) -> None:
    if "\r" in entry or "\n" in entry:
        raise _bad(entry, "it holds a line break")
    if not entry.isprintable() and _CONTROL.search(entry):
        raise _bad(entry, "it holds a character that no address may hold")


@lru_cache(maxsize=4096)
def _international(address: str) -> EnvelopeAddress:
    """An address beyond plain ASCII `atom@domain`: other scripts, a quoted part, an IP address."""
    local, _, domain = address.rpartition("@")
    if not address.isprintable() or not _WIDE_LOCAL.fullmatch(local) or len(local.encode()) > 64:
        raise _bad(address)
    ascii_domain = _literal(domain) if domain.startswith("[") else _a_labels(domain)
    if ascii_domain is None:
        raise _bad(address)
    return EnvelopeAddress(f"{local}@{ascii_domain}", smtputf8=not local.isascii())


def _literal(domain: str) -> str | None:
    """`[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 4.1.3)."""
    if not domain.endswith("]"):
        return None
    written = domain[1:-1]
    try:
        if written[:5].lower() == "ipv6:":
            ipaddress.IPv6Address(written[5:])
        else:
            ipaddress.IPv4Address(written)
    except ValueError:
        return None
    return domain


def _a_labels(domain: str) -> str | None:
    if not domain.isascii():
        import idna

        try:
            domain = idna.encode(domain, uts46=True).decode()
        except UnicodeError:
            return None
    return domain if _PLAIN_DOMAIN.fullmatch(domain) else None


def _is_new(mailbox: Mailbox, seen: set[str]) -> bool:
    local, at, domain = envelope_address(mailbox.address).address.rpartition("@")
    key = local + at + domain.lower()
    if key in seen:
        return False
    seen.add(key)
    return True


def _bad(entry: str, reason: str = "") -> BadAddress:
    shown = repr(entry if len(entry) <= 60 else entry[:57] + "...")
    return BadAddress(f"{shown} is not an email address" + (f": {reason}" if reason else ""))
