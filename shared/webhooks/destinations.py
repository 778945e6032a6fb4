"""Where webhooks may go: to other people's servers, never into this host's own network. Pure.

Whoever may name an address could else have this host ask what only this host may: its own
services, its neighbours, the cloud's metadata. A name is looked up once, and the connection is
made to the address that was judged (see `post`).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from shared.errors import RowpostError

MOST_CHARACTERS = 2_000
_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*\.?")
_TEXT = re.compile(r"[!-~]+")
_AZURE_HOST = IPv4Address("168.63.129.16")
"""Of Azure's own platform: a public address that is no public server."""
_NAT64 = IPv6Network("64:ff9b::/96")
_OWN_TRANSLATION = IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = IPv6Network("::/96")


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
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise BadDestination("this is no address: give https://host/path") from None
    if parts.scheme not in ("https", "http") or not host:
        raise BadDestination("give an address that begins with https:// and names a host")
    if "@" in parts.netloc:
        raise BadDestination("give an address without a user or password: requests are signed")
    if parts.fragment:
        raise BadDestination("leave out the # and what follows")
    allowed = host in allowed_hosts
    if parts.scheme == "http" and not allowed:
        raise BadDestination("give an https address, or name its host in ROWPOST_WEBHOOK_HOSTS")
    if (literal := _literal(host)) is None:
        if not _NAME.fullmatch(host):
            raise BadDestination("its host is no name: give it in ASCII, as xn--... does")
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
        return address.is_global and not address.is_multicast and address != _AZURE_HOST
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    if address.sixtofour is not None or address.teredo is not None or address.scope_id is not None:
        return False
    if address in _OWN_TRANSLATION or address in _COMPATIBLE:
        return False
    return address.is_global and not address.is_multicast and not address.is_site_local


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
