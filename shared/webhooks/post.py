"""One POST to a webhook's receiver: bounded in time and size, and only where it may go."""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Collection
from functools import cache
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from shared.background import NoAnswerYet, Work
from shared.retry_after import seconds_of
from shared.version import VERSION
from shared.webhooks.destinations import (
    BadDestination,
    Destination,
    destination_of,
    require_public,
)
from shared.webhooks.webhook import Answer

if TYPE_CHECKING:
    from typing_extensions import Buffer

SECONDS = 15.0
"""For the whole of an attempt, whatever it waits for."""
_SECONDS_TO_LOOK_UP = 5.0
_MOST_ANSWERED = 64 * 1024
_ADDRESSES_TRIED = 3


class Poster:
    """Posts to one receiver, over one connection while that lasts. For one thread at a time."""

    def __init__(self, url: str, allowed_hosts: Collection[str], seconds: float = SECONDS) -> None:
        self.url = url
        self._allowed_hosts = allowed_hosts
        self._seconds = seconds
        self._connection: _Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def post(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Post; never raises for what the receiver or the network does. No redirect is followed."""
        began = time.monotonic()
        try:
            status, retry_after = self._post(body, headers, began + self._seconds)
            fault = None if 200 <= status < 300 else _words(status)
        except BadDestination as error:
            status, retry_after, fault = None, None, f"not sent: {error}"
        except (OSError, HTTPException, NoAnswerYet, ValueError) as error:
            self.close()
            late = time.monotonic() - began >= self._seconds
            status, retry_after = None, None
            fault = f"no answer within {self._seconds:g} seconds" if late else _told(error)
        return Answer(status, fault, round((time.monotonic() - began) * 1000), retry_after)

    def _post(
        self, body: bytes, headers: dict[str, str], deadline: float
    ) -> tuple[int, float | None]:
        kept = self._connection is not None
        try:
            return self._exchange(body, headers, deadline)
        except (OSError, HTTPException):
            self.close()
            if not kept or time.monotonic() >= deadline:
                raise
        # The receiver had closed what was kept open.
        return self._exchange(body, headers, deadline)

    def _exchange(
        self, body: bytes, headers: dict[str, str], deadline: float
    ) -> tuple[int, float | None]:
        if self._connection is None:
            destination = destination_of(self.url, self._allowed_hosts)
            self._connection = _connected(destination, deadline)
        connection = self._connection
        connection.wire.deadline = deadline
        connection.request(
            "POST",
            connection.destination.target,
            body,
            {
                "Host": connection.destination.host_header,
                "Content-Type": "application/json",
                "User-Agent": f"Rowpost/{VERSION}",
                **headers,
            },
        )
        response = connection.getresponse()
        # What it says is not kept; it is read so that the connection can be used again.
        whole = len(response.read(_MOST_ANSWERED + 1)) <= _MOST_ANSWERED
        if not whole or response.will_close:
            self.close()
        return response.status, seconds_of(response.getheader("Retry-After"))

    def close(self) -> None:
        """Close the connection; the next message opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Wire:
    """A socket that is waited for until a deadline, however many reads that takes: a receiver that
    says a byte now and then would keep the time-out of a single one from passing.

    It has what `http.client` asks of a socket: `sendall`, `makefile` and `close`.
    """

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._connected = connected
        self.deadline = deadline

    def sendall(self, sent: bytes) -> None:
        self._allow_what_is_left()
        self._connected.sendall(sent)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What is read until the end of an answer; closing it closes nothing else."""
        return io.BufferedReader(_Answer(self))

    def receive_into(self, buffer: Buffer) -> int:
        self._allow_what_is_left()
        return self._connected.recv_into(buffer)

    def close(self) -> None:
        self._connected.close()

    def _allow_what_is_left(self) -> None:
        self._connected.settimeout(_left(self.deadline))


class _Answer(io.RawIOBase):
    """The reading side of a wire."""

    def __init__(self, wire: _Wire) -> None:
        super().__init__()
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        return self._wire.receive_into(buffer)


class _Connection(HTTPConnection):
    """To an address that was judged already: names are not looked up again."""

    def __init__(self, destination: Destination, wire: _Wire) -> None:
        super().__init__(destination.host, destination.port)
        self.destination = destination
        self.wire = wire
        self.sock: Any = wire
        self.auto_open = 0


def _left(deadline: float) -> float:
    """Seconds; raises TimeoutError when none are left."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _connected(destination: Destination, deadline: float) -> _Connection:
    """Look the name up once, judge every address, and connect to one of these."""
    problem: OSError | None = None
    for address in _addresses(destination, deadline)[:_ADDRESSES_TRIED]:
        try:
            connected = socket.create_connection((address, destination.port), _left(deadline) / 2)
        except OSError as error:
            problem = problem or error
            continue
        return _Connection(destination, _secured(destination, connected, deadline))
    raise problem or TimeoutError("its server does not answer")


def _secured(destination: Destination, connected: socket.socket, deadline: float) -> _Wire:
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not destination.secure:
        return _Wire(connected, deadline)
    try:
        # With a time-out the handshake as a whole takes no longer, whatever the other side says.
        connected.settimeout(_left(deadline))
        secured = _tls().wrap_socket(connected, server_hostname=destination.host)
    except (OSError, ValueError):
        connected.close()
        raise
    return _Wire(secured, deadline)


@cache
def _tls() -> ssl.SSLContext:
    """Certificates are verified against those that this machine trusts, and their names are."""
    return ssl.create_default_context()


def _addresses(destination: Destination, deadline: float) -> list[str]:
    """The addresses of a host, all of them judged. Raises BadDestination."""

    def look_up() -> list[str]:
        found = socket.getaddrinfo(
            destination.host, destination.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )
        return list(dict.fromkeys(str(one[4][0]) for one in found))

    seconds = min(_SECONDS_TO_LOOK_UP, deadline - time.monotonic())
    addresses = Work(look_up, "webhook name", daemon=True).result(seconds)
    if not destination.allowed:
        for address in addresses:
            require_public(ip_address(address))
    return addresses


def _words(status: int) -> str:
    if 300 <= status < 400:
        return f"its receiver answered {status}: redirects are not followed"
    return f"its receiver answered {status}"


def _told(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message.rstrip('.')}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'the connection was closed'}"
    if isinstance(error, socket.gaierror):
        return "its host's name is not known"
    if isinstance(error, NoAnswerYet):
        return "its host's name could not be looked up in time"
    if isinstance(error, ConnectionRefusedError):
        return "its server refuses the connection"
    return f"no answer: {type(error).__name__}"
