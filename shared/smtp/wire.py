"""The wire: a connection's bytes on asyncio, with TLS or without; replies come out whole."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple, cast

from shared.background import on_own_thread
from shared.smtp.reply_parser import ReplyReader

_MOST_UNREAD = 64 * 1024
_SHORTEST_SHARE = 1.0


class Tls(NamedTuple):
    """How a connection is secured, and what the server's certificate says: whom it is for (a
    subject may be empty, then the names are all), who signed it, and until when it is good."""

    version: str
    subject: str
    issuer: str
    names: tuple[str, ...]
    valid_until: datetime


class Wire(asyncio.Protocol):
    """One connection. Its verbs raise TimeoutError at their time, another OSError when the
    connection is lost, ProtocolError where what came is no reply.

    One verb at a time. A single timer serves them all: most waits end long before it rings.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = ReplyReader()
        self._transport: asyncio.Transport
        self._lost: Exception | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._until = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._may_write = True
        self._may_read = True

    @classmethod
    async def connect(cls, host: str, port: int, seconds: float) -> Wire:
        """A connection to the first address of the host that takes one."""
        until = asyncio.get_running_loop().time() + seconds
        async with asyncio.timeout(seconds):
            found = await on_own_thread(
                lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), "name look-up"
            )
        failure: OSError = ConnectionRefusedError()
        for place, (family, *_, address) in enumerate(found):
            left = until - asyncio.get_running_loop().time()
            share = max(left / (len(found) - place), min(left, _SHORTEST_SHARE))
            try:
                async with asyncio.timeout(share):
                    return await cls._to(str(address[0]), int(address[1]), family)
            except OSError as error:
                failure = error
        raise failure

    @classmethod
    async def _to(cls, address: str, port: int, family: int) -> Wire:
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(cls, address, port, family=family)
        return wire

    async def secure(self, context: ssl.SSLContext, name: str, seconds: float) -> str:
        """Go on in TLS with the server of this name; answers the version.

        What came in clear text is forgotten (RFC 3207, 4.2).
        """
        self._require_connection()
        self._reader = ReplyReader()
        async with asyncio.timeout(seconds):
            transport = await self._loop.start_tls(
                self._transport, self, context, server_hostname=name
            )
        if transport is None or self._lost is not None:
            raise self._lost or ConnectionAbortedError()
        self._transport = transport
        return str(transport.get_extra_info("ssl_object").version())

    @property
    def tls(self) -> Tls | None:
        """How it is secured, once it is."""
        session = self._transport.get_extra_info("ssl_object")
        if session is None:
            return None
        certificate = session.getpeercert()
        return Tls(
            str(session.version()),
            _distinguished_name(certificate["subject"]),
            _distinguished_name(certificate["issuer"]),
            tuple(name for _, name in certificate.get("subjectAltName", ())),
            datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC),
        )

    async def send(self, octets: bytes | memoryview, seconds: float) -> None:
        """Write all of it. Answers as soon as little enough of it still waits to be taken."""
        self._require_connection()
        self._transport.write(octets)
        self._require_connection()
        if not self._may_write:
            self._until = self._loop.time() + seconds
            while not self._may_write:
                await self._something()
            self._require_connection()

    async def reply(self, seconds: float) -> list[bytes]:
        """The lines of the next reply.

        A whole one counts even if it is late: it may have waited for us, and not we for it.
        """
        if (lines := self.reply_at_hand()) is None:
            self._until = self._loop.time() + seconds
            while (lines := self.reply_at_hand()) is None:
                self._require_connection()
                await self._something()
        return lines

    def reply_at_hand(self) -> list[bytes] | None:
        """The same, of what has come; None while it is not whole. Nearly all have: with PIPELINING
        an email's replies come together."""
        lines = self._reader.reply()
        if not self._may_read and self._reader.unread <= _MOST_UNREAD and self._lost is None:
            self._may_read = True
            self._transport.resume_reading()
        return lines

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has come that nobody asked for, be it the end of the connection."""
        return self._lost is None and not self._reader.has_begun

    @property
    def own_address(self) -> str:
        return str(self._transport.get_extra_info("sockname")[0])

    @property
    def peer_address(self) -> str:
        return str(self._transport.get_extra_info("peername")[0])

    def abort(self) -> None:
        """Drop the connection, with what has not left yet. Never raises."""
        self._lost = self._lost or ConnectionAbortedError()
        if self._timer is not None:
            self._timer.cancel()
        self._transport.abort()
        self._wake()

    # asyncio's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        if self._reader.unread > _MOST_UNREAD and self._may_read:
            self._may_read = False
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = self._lost or exc or ConnectionAbortedError()
        self._wake()

    def pause_writing(self) -> None:
        self._may_write = False

    def resume_writing(self) -> None:
        self._may_write = True
        self._wake()

    # Waiting.

    def _require_connection(self) -> None:
        if self._lost is not None:
            raise self._lost if isinstance(self._lost, OSError) else ConnectionAbortedError()
        if self._transport.is_closing() and self._reader.unread == 0:
            raise ConnectionAbortedError

    async def _something(self) -> None:
        """Wait until something happens. Raises TimeoutError at its time."""
        self._require_connection()
        self._waiting = self._loop.create_future()
        if self._timer is not None and self._timer.when() > self._until:
            self._timer.cancel()
            self._timer = None
        if self._timer is None and self._until < math.inf:
            self._timer = self._loop.call_at(self._until, self._ring)
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _ring(self) -> None:
        self._timer = None
        if self._waiting is None or self._waiting.done():
            return
        if self._loop.time() < self._until:
            self._timer = self._loop.call_at(self._until, self._ring)
        else:
            self._waiting.set_exception(TimeoutError())


def _distinguished_name(parts: Iterable[Iterable[tuple[str, str]]]) -> str:
    """As `ssl` gives it, on one line."""
    return ", ".join(f"{name}={value}" for part in parts for name, value in part)
