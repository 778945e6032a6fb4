"""One POST to a webhook's receiver: bounded in time and size, and only where it may go."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse
from ipaddress import ip_address
from types import TracebackType
from typing import Self

from shared.background import NoAnswerYet, Work
from shared.version import VERSION
from shared.webhooks.destinations import (
    BadDestination,
    Destination,
    destination_of,
    require_public,
)
from shared.webhooks.webhook import Answer

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
        self._close()

    def post(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Post; never raises for what the receiver or the network does. No redirect is followed."""
        began = time.monotonic()
        try:
            status, retry_after = self._post(body, headers, began + self._seconds)
            fault = None if 200 <= status < 300 else _words(status)
        except BadDestination as error:
            status, retry_after, fault = None, None, f"not sent: {error}"
        except (OSError, HTTPException, NoAnswerYet, ValueError) as error:
            self._close()
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
            self._close()
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
        with connection.cut_off_at(deadline):
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
            self._close()
        return response.status, _retry_after(response)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Connection(HTTPConnection):
    """To an address that was judged already: names are not looked up again."""

    def __init__(self, destination: Destination, open_socket: socket.socket) -> None:
        super().__init__(destination.host, destination.port)
        self.destination = destination
        self.sock = open_socket
        self.auto_open = 0

    def cut_off_at(self, deadline: float) -> _CutOff:
        """While the block runs, what waits for the receiver ends at this moment."""
        return _CutOff(self.sock, deadline)


class _CutOff:
    """A receiver that says a byte now and then would keep any time-out of a single read from
    passing."""

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._connected = connected
        self._timer = threading.Timer(max(0.0, deadline - time.monotonic()), self._cut)
        self._timer.daemon = True
        self._is_cut = False

    def _cut(self) -> None:
        self._is_cut = True
        with suppress(OSError):
            # Below TLS, whose own shutdown is not for another thread.
            socket.socket.shutdown(self._connected, socket.SHUT_RDWR)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if self._is_cut:
            # What was cut off may look like an end.
            raise TimeoutError from error


def _connected(destination: Destination, deadline: float) -> _Connection:
    """Look the name up once, judge every address, and connect to one of these."""
    problem: OSError | None = None
    for address in _addresses(destination, deadline)[:_ADDRESSES_TRIED]:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            connected = socket.create_connection((address, destination.port), left / 2)
        except OSError as error:
            problem = error
            continue
        return _Connection(destination, _secured(destination, connected, deadline))
    raise problem or TimeoutError("its server does not answer")


def _secured(destination: Destination, connected: socket.socket, deadline: float) -> socket.socket:
    connected.settimeout(SECONDS)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not destination.secure:
        return connected
    secured = ssl.create_default_context().wrap_socket(
        connected, server_hostname=destination.host, do_handshake_on_connect=False
    )
    try:
        with _CutOff(secured, deadline):
            secured.do_handshake()
    except (OSError, ValueError):
        secured.close()
        raise
    return secured


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


def _retry_after(response: HTTPResponse) -> float | None:
    """RFC 9110, section 10.2.3: seconds, or a date."""
    written = (response.getheader("Retry-After") or "").strip()
    if written.isascii() and written.isdigit():
        return float(written[:9])
    with suppress(ValueError, TypeError):
        at = parsedate_to_datetime(written)
        if at.tzinfo is not None:
            return max(0.0, (at - datetime.now(UTC)).total_seconds())
    return None


def _words(status: int) -> str:
    if 300 <= status < 400:
        return f"its receiver answered {status}: redirects are not followed"
    return f"its receiver answered {status}"


def _told(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'the connection was closed'}"
    if isinstance(error, socket.gaierror):
        return "its host's name is not known"
    if isinstance(error, NoAnswerYet):
        return "its host's name could not be looked up in time"
    if isinstance(error, ConnectionRefusedError):
        return "its server refuses the connection"
    return f"no answer: {type(error).__name__}"
