"""Which address a request comes from: what a client writes about it proves nothing.

Standalone knows the socket's peer. In Azure the front end appends the peer's address to
X-Forwarded-For; what stands before it came from the client. Of either, an address that is a proxy's
whom the settings trust (ROWPOST_TRUSTED_PROXIES) is replaced by the one that the proxy appended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

PEER_HEADER = "x-rowpost-peer"
"""The socket's peer. Standalone sets it, whatever the client sent; elsewhere it means nothing."""

THIS_MACHINE = "127.0.0.1"
"""Whoever calls `func start`, which tells no address: it is for one machine."""

_FORWARDED = "x-forwarded-for"

Network = IPv4Network | IPv6Network

_peer_is_told = False


def tell_peers(told: bool = True) -> None:
    """Say that this process itself writes the peer's address into every request."""
    global _peer_is_told
    _peer_is_told = told


def peer_is_told() -> bool:
    """Whether this process writes the peer's address itself: the header counts only then."""
    return _peer_is_told


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What this process knows of the way that its requests come."""

    peer_is_told: bool
    in_azure: bool
    proxies: Sequence[Network] = ()


def address_of(headers: Mapping[str, str], here: Surroundings) -> str:
    """The caller's address: the nearest that is no trusted proxy's.

    What should be an address and is none stands for itself, so that its sender is counted apart
    from everybody else.
    """
    nearest = ""
    for written in _from_the_nearest(headers, here):
        address = _address(written)
        nearest = str(address or written[:100])
        if address is None or not any(address in network for network in here.proxies):
            break
    return nearest or THIS_MACHINE


def _from_the_nearest(headers: Mapping[str, str], here: Surroundings) -> Iterator[str]:
    if here.peer_is_told:
        yield headers.get(PEER_HEADER, "").strip()
    if here.peer_is_told or here.in_azure:
        forwarded = headers.get(_FORWARDED, "").split(",")
        yield from (written.strip() for written in reversed(forwarded) if written.strip())


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address without its port; IPv4 in IPv6 is the same caller as IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
