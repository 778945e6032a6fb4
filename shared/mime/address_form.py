"""The form of one address, `local@domain`, and how it is written for mail servers and readers.

RFC 5321 4.1.2 and 4.1.3, RFC 5322 3.4.1 without the obsolete forms, RFC 6531 3.3. Three things that
these allow are refused, because common readers take them for something else: `<`, `>` and `"` in
quotes, an empty part before the @, and one that looks like an encoded word (RFC 2047).
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple

from shared.mime.bad_email import BadAddress
from shared.mime.encoded_words import looks_encoded

LONGEST_LOCAL_PART = 64
"""Octets (RFC 5321 4.5.3.1.1)."""
LONGEST_DOMAIN = 253


class EnvelopeAddress(NamedTuple):
    """An address as MAIL FROM and RCPT TO want it: the domain in A-labels (RFC 5890), quotes only
    where they must be.

    `smtputf8`: the part before the @ is not ASCII, so the server must offer SMTPUTF8 (RFC 6531).
    """

    address: str
    smtputf8: bool = False


def envelope_address(address: str) -> EnvelopeAddress:
    """The address for the SMTP envelope. Raises BadAddress, which says what is wrong, where it is
    none."""
    return EnvelopeAddress(address) if is_plain(address) else _judged(address)


def header_address(address: str) -> str:
    """The same as a header shows it: in angle brackets where readers would misunderstand it bare.

    Raises BadAddress.
    """
    if is_plain(address):
        return address
    written = _judged(address).address
    return f"<{written}>" if '"' in written or ":" in written else written


def ascii_domain(domain: str) -> str:
    """The domain in A-labels, an address literal as it is. Raises BadAddress."""
    if _PLAIN_DOMAIN.fullmatch(domain):
        return domain
    try:
        return _literal(domain) if domain.startswith("[") else _a_labels(domain)
    except _Fault as fault:
        raise BadAddress.of(domain, str(fault)) from None


_ATEXT = r"A-Za-z0-9!#$%&'*+/=^_`{|}~\-"
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_PLAIN_DOMAIN = re.compile(rf"(?=.{{1,{LONGEST_DOMAIN}}}\Z){_DOMAIN}")
# Without "?", so that nothing that looks like an encoded word gets through here.
_PLAIN = re.compile(
    rf"(?=[^@]{{1,{LONGEST_LOCAL_PART}}}@[^@]{{1,{LONGEST_DOMAIN}}}\Z)"
    rf"[{_ATEXT}]+(?:\.[{_ATEXT}]+)*@{_DOMAIN}"
)
_WIDE_ATEXT = rf"{_ATEXT}?\x80-\U0010ffff"
_DOT_ATOM = re.compile(rf"[{_WIDE_ATEXT}]+(?:\.[{_WIDE_ATEXT}]+)*")
_NO_ATEXT = re.compile(rf"[^.{_WIDE_ATEXT}]")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"')
_ESCAPED = re.compile(r"\\(.)")
_NO_LETTER_OR_DIGIT = re.compile(r"[^A-Za-z0-9.-]")

is_plain = _PLAIN.fullmatch
"""Whether an address is what nearly all are: ASCII, without quotes."""


class _Fault(Exception):
    """What is wrong, without the address."""


@lru_cache(maxsize=4096)
def _judged(address: str) -> EnvelopeAddress:
    """An address beyond the plain ones: other scripts, a quoted part, an IP address."""
    try:
        _require_printable(address)
        local, at, domain = address.rpartition("@")
        if not at:
            raise _Fault("it has no @")
        local = _local_part(local)
        domain = _literal(domain) if domain.startswith("[") else _a_labels(domain)
    except _Fault as fault:
        raise BadAddress.of(address, str(fault)) from None
    return EnvelopeAddress(f"{local}@{domain}", smtputf8=not local.isascii())


def _require_printable(address: str) -> None:
    if not address.isprintable():
        place, character = next(
            (place, character)
            for place, character in enumerate(address, 1)
            if not character.isprintable()
        )
        raise _Fault(f"no address may hold U+{ord(character):04X} (character {place})")


def _local_part(written: str) -> str:
    """The part before the @, with quotes only where they are needed (RFC 5321 4.1.2)."""
    quoted = _QUOTED.fullmatch(written)
    local = _ESCAPED.sub(r"\1", quoted[1]) if quoted else written
    if not local:
        raise _Fault("nothing stands before the @")
    if len(local.encode()) > LONGEST_LOCAL_PART:
        raise _Fault(f"before the @ stand more than {LONGEST_LOCAL_PART} octets")
    if looks_encoded(local) or "=?" in local:
        raise _Fault("=? before the @ looks like the beginning of an encoded word")
    if _DOT_ATOM.fullmatch(local):
        return local
    if quoted is None:
        raise _Fault(_why_no_dot_atom(written))
    if found := re.search('[<>"]', local):
        raise _Fault(f"mail readers misunderstand {found[0]!r} before the @")
    return '"' + local.replace("\\", "\\\\") + '"'


def _why_no_dot_atom(local: str) -> str:
    if found := _NO_ATEXT.search(local):
        return f"{found[0]!r} (character {found.start() + 1}) may not stand there without quotes"
    where = "at the beginning" if local.startswith(".") else "before the @"
    return f"a dot {'beside another' if '..' in local else where} has to stand in quotes"


def _literal(domain: str) -> str:
    """`[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 4.1.3)."""
    written = domain[1:-1]
    try:
        if not domain.endswith("]") or "%" in domain:
            raise ValueError
        if written[:5].lower() == "ipv6:":
            ipaddress.IPv6Address(written[5:])
        else:
            ipaddress.IPv4Address(written)
    except ValueError:
        raise _Fault(f"{domain!r} is no IP address like [192.0.2.1]") from None
    return domain


def _a_labels(domain: str) -> str:
    if not domain.isascii():
        import idna

        try:
            domain = idna.encode(domain, uts46=True).decode()
        except UnicodeError as error:
            raise _Fault(f"the domain is none: {error}") from None
    if not _PLAIN_DOMAIN.fullmatch(domain):
        raise _Fault(_why_no_domain(domain))
    return domain


def _why_no_domain(domain: str) -> str:
    if not domain:
        return "nothing stands after the @"
    if found := _NO_LETTER_OR_DIGIT.search(domain):
        return f"{found[0]!r} may not stand in a domain"
    if len(domain) > LONGEST_DOMAIN:
        return f"the domain is longer than {LONGEST_DOMAIN} characters"
    label = next(label for label in domain.split(".") if not re.fullmatch(_LABEL, label))
    if not label:
        return "the domain has a dot too many"
    return f"the domain's {label[:20]!r} " + (
        "is longer than 63 characters" if len(label) > 63 else "begins or ends with a hyphen"
    )


def domain_of(address: str) -> str:
    """The domain of an address, of which letter case makes no difference (RFC 5321 2.3.5)."""
    return address.rpartition("@")[2].lower()
