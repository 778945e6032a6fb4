"""How many connections are open: when there is no room, those go that only take it up."""

from __future__ import annotations

import sys
from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Protocol

MOST = 1000
_MOST_OF_AN_ADDRESS = 250
# For the database, files, mail servers, and connections that are just being closed.
_FILES_FOR_OTHERS = 256
_MOST_FILES = 65_536


class Connection(Protocol):
    """A client's connection, as its protocol sees it."""

    @property
    def address(self) -> str:
        """The peer's."""

    @property
    def is_silent(self) -> bool:
        """Whether there is no request on it, or none whose headers are there."""

    @property
    def is_unfinished(self) -> bool:
        """Whether its request's body is still on its way."""

    def give_up(self) -> None:
        """Close it."""


class Connections:
    """The open ones of a server; used on its event loop alone.

    Of an address there are 250 at most, unless it is a proxy's: this machine's, or one that the
    settings trust.
    """

    def __init__(
        self, most: int = MOST, proxies: Collection[IPv4Network | IPv6Network] = ()
    ) -> None:
        self._most = most
        self._proxies = proxies
        self._open: dict[Connection, None] = {}  # the oldest first

    def admit(self, connection: Connection) -> bool:
        """Take it in; where there is no room, in place of the one that has idled for longest.

        False: all are at work.
        """
        if self._has_room(connection.address) or self._make_room(connection.address):
            self._open[connection] = None
            return True
        return False

    def leave(self, connection: Connection) -> None:
        """It is closed."""
        self._open.pop(connection, None)

    def _has_room(self, address: str) -> bool:
        return len(self._open) < self._most and not self._has_too_many(address)

    def _has_too_many(self, address: str) -> bool:
        return self._of(address) >= _MOST_OF_AN_ADDRESS and not self._is_proxy(address)

    def _of(self, address: str) -> int:
        return sum(connection.address == address for connection in self._open)

    def _is_proxy(self, address: str) -> bool:
        try:
            peer = ip_address(address)
        except ValueError:
            return False
        return peer.is_loopback or any(peer in network for network in self._proxies)

    def _make_room(self, address: str) -> bool:
        among = list(self._open)
        if self._has_too_many(address):
            among = [connection for connection in among if connection.address == address]
        idle = next((connection for connection in among if connection.is_silent), None)
        idle = idle or next((connection for connection in among if connection.is_unfinished), None)
        if idle is None:
            return False
        self.leave(idle)
        idle.give_up()
        return True


def room_for_connections(wanted: int = MOST) -> int:
    """How many connections this process can have open: its limit of open files is raised for them.

    A server that runs into that limit can accept nobody, and says so in the log again and again.
    """
    if sys.platform == "win32":
        return wanted
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, soft - _FILES_FOR_OTHERS, soft // 2))
