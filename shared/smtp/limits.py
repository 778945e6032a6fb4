"""What a server says that it takes (RFC 9422, the LIMITS extension; RFC 1870, SIZE)."""

from __future__ import annotations

import re
from typing import NamedTuple

# Six digits at most, and no zero in front (RFC 9422 4).
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")


class Limits(NamedTuple):
    """None: the server names no limit of this kind.

    most_emails: MAIL commands in a session, those that were refused included (MAILMAX).
    most_recipients: RCPT commands in a transaction, those that were refused included (RCPTMAX).
    most_domains: different domains of recipients in a session (RCPTDOMAINMAX, RFC 9422 4.3).
    """

    most_emails: int | None = None
    most_recipients: int | None = None
    most_domains: int | None = None


def read_limits(parameters: str | None) -> Limits:
    """The limits in what EHLO's answer has after LIMITS; None: it has no such line.

    Limits that are not known, or whose value is none, count as not said (RFC 9422 3). They hold
    from this EHLO until the next one: those of before STARTTLS are forgotten.
    """
    said = dict(_name_and_value(parameter) for parameter in (parameters or "").split())
    return Limits(
        most_emails=_number(said.get("MAILMAX")),
        most_recipients=_number(said.get("RCPTMAX")),
        most_domains=_number(said.get("RCPTDOMAINMAX")),
    )


def read_size_limit(parameter: str | None) -> int | None:
    """How many octets an email may have, from what EHLO's answer has after SIZE.

    RFC 1870 3: without a number, or with 0, there is no fixed maximum.
    """
    if parameter is None or not parameter.isdecimal() or not parameter.isascii():
        return None
    return int(parameter) or None


def _name_and_value(parameter: str) -> tuple[str, str]:
    name, _, value = parameter.partition("=")
    return name.upper(), value


def _number(value: str | None) -> int | None:
    return int(value) if value and _NUMBER.fullmatch(value) else None
