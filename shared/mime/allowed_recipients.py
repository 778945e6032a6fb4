"""Who may be mailed: everybody, or in test mode some addresses and domains alone. Pure.

A copy of production is given such a rule, for one account or for all, so that it can't mail
customers. Whoever may not be mailed is replaced by `redirect_to`, or gets nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from shared.mime.addresses import address_key, ascii_domain, parse_mailbox
from shared.mime.bad_email import BadAddress

MOST_ENTRIES = 50
_DOMAIN = re.compile(r"@?[^\s@,;<>\"()]+")


@dataclass(frozen=True)
class RecipientRule:
    """These may be mailed: `allowed` holds addresses (`ann@example.com`) and domains
    (`example.com`, not those below it). Everybody else's emails go to `redirect_to`; None: nowhere.
    """

    redirect_to: str | None = None
    allowed: tuple[str, ...] = ()

    def __str__(self) -> str:
        whom = f"everybody but {', '.join(self.allowed)}" if self.allowed else "everybody"
        if self.redirect_to is None:
            return f"only {', '.join(self.allowed)} may be mailed"
        return f"what is for {whom} goes to {self.redirect_to}"

    def destination(self, address: str) -> str | None:
        """Who gets what is for this address: it itself, another, or nobody (None)."""
        key = address_key(address).lower()
        if key in self._allowed or key.rpartition("@")[2] in self._allowed:
            return address
        return self.redirect_to

    @cached_property
    def _allowed(self) -> frozenset[str]:
        return frozenset(
            address_key(entry).lower() if "@" in entry else ascii_domain(entry).lower()
            for entry in self.allowed
        )


def recipient_rule(redirect_to: str | None, allowed: Iterable[str]) -> RecipientRule | None:
    """The rule that says so; None where everybody may be mailed. Raises BadAddress."""
    target = parse_mailbox(redirect_to).address if redirect_to and redirect_to.strip() else None
    entries = tuple(dict.fromkeys(_entry(entry) for entry in allowed))
    if len(entries) > MOST_ENTRIES:
        raise BadAddress(f"there are more than {MOST_ENTRIES} addresses and domains")
    return RecipientRule(target, entries) if target or entries else None


def split_entries(text: str | None) -> tuple[str, ...]:
    """The entries of a list with commas or semicolons between them; blank ones are left out."""
    return tuple(part.strip() for part in re.split("[;,]", text or "") if part.strip())


def destination(address: str, rules: Sequence[RecipientRule]) -> str | None:
    """Who gets what is for this address once each rule has had its say, the last one last."""
    target: str | None = address
    for rule in rules:
        if target is not None:
            target = rule.destination(target)
    return target


def _entry(written: str) -> str:
    """An address or a domain, as it is kept. Raises BadAddress."""
    entry = written.strip()
    if "@" in entry.lstrip("@"):
        return parse_mailbox(entry).address
    if not _DOMAIN.fullmatch(entry):
        raise BadAddress.of(entry, "it is neither an address nor a domain")
    domain = entry.removeprefix("@").lower()
    ascii_domain(domain)
    return domain
