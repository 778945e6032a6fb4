"""Requests to a mail service that speaks HTTP, told apart by how far they came.

Each has a connection of its own: one that is kept may be closed by the service at the moment of a
POST, and then nobody knows whether it was taken. What fails before the last octet of a request has
left did nothing (RFC 9112, section 8); what fails after it may have been carried out.
"""

from __future__ import annotations

import asyncio
import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple

from shared.background import on_own_thread
from shared.retry_after import seconds_of
from shared.smtp.oauth import TokenSource, TokenUnavailable
from shared.smtp.opening import Server, TlsMode
from shared.smtp.reply import Stage
from shared.transports.base import AccountFault, ConnectionLost, OutcomeUnknown

LONGEST_REPLY_SECONDS = 60.0
_TOKEN_SECONDS = 60.0
_TOKEN_GOOD_SECONDS = 1_800.0
_SECONDS_TO_END = 1.0
"""Once a request is cut off, until it tells how far it came."""
_MOST_OCTETS = 64 * 1024
_LONGEST_TEXT = 300


class Answer(NamedTuple):
    """What the service answered; of its body as much as was wanted. Names of headers in small
    letters.

    is_whole: all of the body came, and was read.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool = True

    @property
    def code(self) -> str:
        """The service's own word for what went wrong; empty where it gives none."""
        error = self._error()
        code = error.get("code") if isinstance(error, dict) else None
        return str(code or self.headers.get("x-ms-error-code", ""))[:100]

    @property
    def text(self) -> str:
        """The same and its message, on one line, as a person reads it."""
        error = self._error()
        message = error.get("message") if isinstance(error, dict) else None
        words = " ".join(str(part) for part in (self.code, message) if part).split()
        return " ".join(words)[:_LONGEST_TEXT] or f"HTTP {self.status}"

    @property
    def retry_after(self) -> float | None:
        """Seconds that the service wants to be left alone, a day at most (RFC 9110 10.2.3); None
        where it says nothing that can be read."""
        return seconds_of(self.headers.get("retry-after"))

    def json(self) -> dict[str, Any]:
        """The object in the body; an empty one where there is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _error(self) -> object:
        return self.json().get("error")


class _Request(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    most_octets: int = _MOST_OCTETS
    """Of the answer's body."""


@dataclass(slots=True)
class RestService:
    """A service of one account: where it is, and the tokens that let us in."""

    server: Server
    tokens: TokenSource
    _token: str | None = field(default=None, repr=False)
    _token_until: float = 0.0
    _socket: socket.socket | None = None
    """Of the request under way."""

    @property
    def has_token(self) -> bool:
        """Whether a token is at hand that is good for a while."""
        return self._token is not None and time.monotonic() < self._token_until

    async def log_in(self) -> None:
        """Get a token. Raises AccountFault."""
        try:
            async with asyncio.timeout(_TOKEN_SECONDS):
                self._token = await on_own_thread(self.tokens.get, "access token")
        except TokenUnavailable as error:
            raise AccountFault(str(error), Stage.LOGIN, login_refused=error.refused) from error
        except TimeoutError:
            raise AccountFault("no access token came in time", Stage.LOGIN) from None
        self._token_until = time.monotonic() + _TOKEN_GOOD_SECONDS

    async def connect(self) -> None:
        """See whether the service is there. Raises AccountFault."""
        try:
            connection = await self._opened()
        except ConnectionLost as error:
            raise AccountFault(str(error), Stage.CONNECT) from error
        connection.close()

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        most_octets: int = _MOST_OCTETS,
    ) -> Answer:
        """What the service answers, with so many octets of its body at most. Raises ConnectionLost
        where not all of the request left, and OutcomeUnknown where it may have been carried out.

        A token that it refuses is renewed where that is possible, and the request made once more.
        """
        if self._token is None:
            raise ConnectionLost("there is no access token")
        request = _Request(method, path, headers, body, most_octets)
        answer = await self._asked(request)
        if answer.status == HTTPStatus.UNAUTHORIZED and await self._has_renewed_token():
            answer = await self._asked(request)
        return answer

    def abort(self) -> None:
        """Cut what is under way. Never raises."""
        under_way, self._socket = self._socket, None
        if under_way is not None:
            with suppress(OSError):  # Below TLS, whose own shutdown is not for another thread.
                socket.socket.shutdown(under_way, socket.SHUT_RDWR)

    async def _asked(self, request: _Request) -> Answer:
        own = {"Authorization": f"Bearer {self._token}", "Connection": "close"}
        sent = request._replace(headers={**request.headers, **own})
        connection = await self._opened()
        # The connection forgets it with the first line of an answer that is its last.
        self._socket = connection.sock
        exchange = asyncio.ensure_future(
            on_own_thread(lambda: _exchange(connection, sent), "request")
        )
        try:
            await asyncio.wait([exchange], timeout=self._reply_seconds)
            in_time = exchange.done()
            if not in_time:
                self.abort()
                await asyncio.wait([exchange], timeout=_SECONDS_TO_END)
            if exchange.done() and (in_time or not _is_in_doubt(exchange)):
                return exchange.result()
            raise OutcomeUnknown("the service did not answer in time")
        finally:
            self.abort()
            exchange.cancel()

    async def _has_renewed_token(self) -> bool:
        """Whether there is another token in place of the one that was refused."""
        refused = self._token or ""
        with suppress(TokenUnavailable, TimeoutError):
            async with asyncio.timeout(_TOKEN_SECONDS):
                self._token = await on_own_thread(
                    lambda: self.tokens.renew(refused), "access token"
                )
            self._token_until = time.monotonic() + _TOKEN_GOOD_SECONDS
        return self._token != refused

    async def _opened(self) -> http.client.HTTPConnection:
        """A connection, whatever a name server or a handshake does. Raises ConnectionLost."""
        is_late = threading.Event()

        def connected() -> http.client.HTTPConnection:
            connection = self._connected()
            if is_late.is_set():
                connection.close()
            return connection

        try:
            async with asyncio.timeout(self._connect_seconds):
                return await on_own_thread(connected, "connection")
        except TimeoutError:
            reason = f"{self.server.host} can't be reached in time"
            raise ConnectionLost(reason) from None
        finally:
            is_late.set()

    @property
    def _connect_seconds(self) -> float:
        return min(self.server.connect_timeout, LONGEST_REPLY_SECONDS)

    @property
    def _reply_seconds(self) -> float:
        return min(self.server.reply_timeout, LONGEST_REPLY_SECONDS)

    def _connected(self) -> http.client.HTTPConnection:
        """On a thread."""
        connection = self._unconnected()
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise ConnectionLost(f"{self.server.host} can't be reached: {reason}") from error
        peer = connection.sock.getpeername()[0].partition("%")[0]
        if self.server.tls is TlsMode.NONE and not ipaddress.ip_address(peer).is_loopback:
            connection.close()  # A token would go over it.
            raise ConnectionLost("without TLS nothing but a service on this machine is asked")
        connection.sock.settimeout(self._reply_seconds)
        return connection

    def _unconnected(self) -> http.client.HTTPConnection:
        server, patience = self.server, self._connect_seconds
        connection = http.client.HTTPConnection(server.host, server.port, timeout=patience)
        if server.tls is not TlsMode.NONE:
            context = ssl.create_default_context(cafile=server.ca_file)
            connection = http.client.HTTPSConnection(
                server.host, server.port, timeout=patience, context=context
            )
        connection.response_class = _Response
        return connection


class _Response(http.client.HTTPResponse):
    """One whose head ends with an empty line: `http.client` takes the end of the connection for it,
    but then not all of its meaning has come (RFC 9112, section 8)."""

    def begin(self) -> None:
        lines = self.fp = _Lines(self.fp)  # type: ignore[assignment]
        super().begin()
        if lines.last not in (b"\r\n", b"\n"):
            raise http.client.IncompleteRead(lines.last)


class _Lines:
    """A file, and the last line that was read from it."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.last = b""

    def readline(self, most: int) -> bytes:
        self.last = self._file.readline(most)
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _exchange(connection: http.client.HTTPConnection, sent: _Request) -> Answer:
    """On a thread. Raises ConnectionLost and OutcomeUnknown, as `RestService.ask`."""
    try:
        try:
            connection.request(sent.method, sent.path, sent.body, dict(sent.headers))
        except OSError as error:
            return _answer_to_a_part(connection, error)
        return _answer(connection, sent.most_octets)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise OutcomeUnknown(f"the service broke off: {type(error).__name__}") from error
    finally:
        connection.close()


def _answer(connection: http.client.HTTPConnection, most_octets: int = _MOST_OCTETS) -> Answer:
    """What was carried out is said by the first line: whatever becomes of the body, that counts."""
    with connection.getresponse() as response:
        headers = {name.lower(): value for name, value in response.getheaders()}
        body, is_whole = b"", False
        with suppress(OSError, http.client.HTTPException, ValueError):
            body = response.read(most_octets)
            is_whole = not response.read(1) and not response.length
        return Answer(response.status, headers, body, is_whole)


def _answer_to_a_part(connection: http.client.HTTPConnection, error: OSError) -> Answer:
    """Who refuses a request may say so before all of it is there, and hang up. Raises
    ConnectionLost where nothing was said."""
    try:
        return _answer(connection)
    except (OSError, http.client.HTTPException):
        reason = f"the service broke off within the request: {type(error).__name__}"
        raise ConnectionLost(reason) from error


def _is_in_doubt(exchange: asyncio.Future[Answer]) -> bool:
    return isinstance(exchange.exception(), OutcomeUnknown)
