"""Where webhooks may go: to other people's servers, never into this host's own network. Pure.

Whoever may name an address could else have this host ask what only this host may: its own
services, its neighbours, the cloud's metadata. A name is looked up once, and the connection is
made to the address that was judged (see `post`).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from shared.errors import RowpostError

MOST_CHARACTERS = 2_000
_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_ENDS_IN_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
"""No name ends so, but 127.1, 0x7f000001 and 017700000001 are taken for addresses by many."""
_TEXT = re.compile(r"[!-~]+")
_NO_SERVERS = (
    IPv4Network("168.63.129.16/32"),  # Azure's own platform.
    IPv4Network("192.0.0.0/24"),  # RFC 6890; Oracle's metadata.
    IPv4Network("192.88.99.0/24"),  # Relays of 6to4 (RFC 7526).
)
"""Public addresses to look at, for some versions of Python at least."""
_NAT64 = IPv6Network("64:ff9b::/96")
_UNICAST = IPv6Network("2000::/3")
"""All that was ever given to public servers (RFC 4291, section 2.4). What embeds an IPv4 address
in other forms is outside: ::a.b.c.d, ::ffff:0:a.b.c.d, 64:ff9b:1::/48."""
_FOR_BOOKS = IPv6Network("3fff::/20")
"""RFC 9637; not in the lists of every Python that runs this."""
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""RFC 5214: before the IPv4 address at the end."""


class BadDestination(RowpostError):
    """No webhook is sent there; the text says why, and what would be possible."""


class Destination(NamedTuple):
    """The parts of an address that a request needs."""

    host: str
    port: int
    target: str
    secure: bool
    allowed: bool
    """Its host is named in the settings: any address of it will do."""

    @property
    def host_header(self) -> str:
        """RFC 9110, section 7.2."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def destination_of(url: str, allowed_hosts: Collection[str]) -> Destination:
    """The parts of a webhook's address. Raises BadDestination."""
    if len(url) > MOST_CHARACTERS or not _TEXT.fullmatch(url) or "\\" in url:
        raise BadDestination("give an address of ASCII characters without spaces")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower().removesuffix("."), parts.port
    except ValueError:
        raise BadDestination("this is no address: give https://host/path") from None
    if parts.scheme not in ("https", "http") or not host:
        raise BadDestination("give an address that begins with https:// and names a host")
    if "@" in parts.netloc:
        raise BadDestination("give an address without a user or password: requests are signed")
    if parts.fragment:
        raise BadDestination("leave out the # and what follows")
    if port == 0:
        raise BadDestination("give a port from 1 to 65535, or none")
    allowed = host in allowed_hosts
    if parts.scheme == "http" and not allowed:
        raise BadDestination("give an https address, or name its host in ROWPOST_WEBHOOK_HOSTS")
    if (literal := _literal(host)) is None:
        if not _NAME.fullmatch(host):
            raise BadDestination("its host is no name: give it in ASCII, as xn--... does")
        if _ENDS_IN_A_NUMBER.fullmatch(host):
            raise BadDestination("give an IPv4 address as four decimal numbers, or a name")
    elif not allowed:
        require_public(literal)
    secure = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(host, port or (443 if secure else 80), target, secure, allowed)


def require_public(address: IPv4Address | IPv6Address) -> None:
    """Raise BadDestination for an address that is not of a public server."""
    if not is_public(address):
        raise BadDestination(
            "it leads into this host's own network: give a public address, or name its host in "
            "ROWPOST_WEBHOOK_HOSTS"
        )


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is a public server's, whatever form an IPv4 address is given in."""
    if isinstance(address, IPv4Address):
        if any(address in network for network in _NO_SERVERS):
            return False
        return address.is_global and not address.is_multicast
    if address.scope_id is not None:
        return False
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    if address not in _UNICAST or address in _FOR_BOOKS or not address.is_global:
        return False
    if address.sixtofour is not None or address.teredo is not None:
        return False
    return int(address) >> 32 & 0xFFFFFFFF not in _ISATAP


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
