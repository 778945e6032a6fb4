"""Requests to a mail service that speaks HTTP, told apart by how far they came.

Each has a connection of its own: one that is kept may be closed by the service at the moment of a
POST, and then nobody knows whether it was taken. What fails before the first octet of a request has
left did nothing; what fails after it may have been carried out.
"""

from __future__ import annotations

import asyncio
import http.client
import ipaddress
import json
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from shared.background import on_own_thread
from shared.smtp.oauth import TokenSource, TokenUnavailable
from shared.smtp.opening import Server, TlsMode
from shared.smtp.reply import Stage
from shared.transports.base import AccountFault, ConnectionLost, OutcomeUnknown

LONGEST_REPLY_SECONDS = 60.0
LONGEST_RETRY_AFTER = 86_400.0
_TOKEN_SECONDS = 60.0
_TOKEN_GOOD_SECONDS = 1_800.0
_MOST_OCTETS = 64 * 1024
_LONGEST_TEXT = 300


class Answer(NamedTuple):
    """What the service answered; of its body as much as was wanted. Names of headers in small
    letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

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
        return _seconds(self.headers.get("retry-after", ""))

    def json(self) -> dict[str, Any]:
        """The object in the body; an empty one where there is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def _error(self) -> object:
        return self.json().get("error")


@dataclass(slots=True)
class RestService:
    """A service of one account: where it is, and the tokens that let us in."""

    server: Server
    tokens: TokenSource
    _token: str | None = field(default=None, repr=False)
    _token_until: float = 0.0
    _connection: http.client.HTTPConnection | None = None

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
            connection = await on_own_thread(self._connected, "connection")
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
        where the request never left, and OutcomeUnknown where it may have been carried out."""
        if self._token is None:
            raise ConnectionLost("there is no access token")
        sent = {**headers, "Authorization": f"Bearer {self._token}", "Connection": "close"}
        connection = await on_own_thread(self._connected, "connection")
        self._connection = connection
        try:
            async with asyncio.timeout(self._reply_seconds):
                return await on_own_thread(
                    lambda: _exchange(connection, method, path, sent, body, most_octets), "request"
                )
        except TimeoutError:
            raise OutcomeUnknown("the service did not answer in time") from None
        finally:
            self.abort()

    def abort(self) -> None:
        """Cut what is under way. Never raises."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if connection.sock is not None:
                with suppress(OSError):
                    connection.sock.shutdown(2)
            connection.close()

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
        server = self.server
        patience = min(server.connect_timeout, LONGEST_REPLY_SECONDS)
        if server.tls is not TlsMode.NONE:
            context = ssl.create_default_context(cafile=server.ca_file)
            return http.client.HTTPSConnection(
                server.host, server.port, timeout=patience, context=context
            )
        return http.client.HTTPConnection(server.host, server.port, timeout=patience)


def _exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    most_octets: int,
) -> Answer:
    """On a thread. Raises OutcomeUnknown."""
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return Answer(
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(most_octets),
        )
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise OutcomeUnknown(f"the service broke off: {type(error).__name__}") from error


def _seconds(written: str) -> float | None:
    written = written.strip()
    try:
        seconds = float(written) if written.isascii() else None
    except ValueError:
        try:
            at = parsedate_to_datetime(written)
        except (ValueError, TypeError):
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        seconds = (at - datetime.now(UTC)).total_seconds()
    if seconds is None or not seconds >= 0:
        return None
    return min(seconds, LONGEST_RETRY_AFTER)
