"""The name by which EHLO introduces this end of the connection (RFC 5321 2.3.5, 4.1.3, 4.1.4)."""

from __future__ import annotations

import re

from shared.mime.addresses import BadAddress, ascii_domain

_NOBODYS = frozenset({"localhost", "localhost.localdomain"})
_NUMERIC = re.compile(r"[0-9.]+")


def ehlo_names(given: str | None, host_name: str, address: str) -> tuple[str, ...]:
    """The names to say, the best first; a server that refuses one is told the next.

    `given` is the account's own name, in A-labels then, and no other is tried. Without one it is
    this machine's `host_name`, if it has one that others may hear: some servers refuse an address.
    Last comes the literal of the connection's own `address`. Raises BadAddress for a `given` name
    that is none.
    """
    if given:
        return (ascii_domain(given),)
    literal = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
    name = host_name.rstrip(".")
    return (name, literal) if _is_a_name(name) else (literal,)


def is_ehlo_name(given: str) -> bool:
    """Whether `ehlo_names` takes this name as an account's own."""
    try:
        return bool(ascii_domain(given))
    except BadAddress:
        return False


def _is_a_name(host_name: str) -> bool:
    if host_name.lower() in _NOBODYS or _NUMERIC.fullmatch(host_name):
        return False
    try:
        return ascii_domain(host_name) == host_name
    except BadAddress:
        return False
