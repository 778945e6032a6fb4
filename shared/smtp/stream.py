"""A stream: a connected socket, with TLS or without, that a conversation writes to and reads."""

from __future__ import annotations

import socket
import ssl
from time import monotonic

from shared.smtp.pump import READ, WRITE, ready

_CHUNK = 64 * 1024
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Stream:
    """A socket that never blocks: who must wait awaits.

    Times are of the monotonic clock. The verbs raise TimeoutError at their time, another OSError
    when the connection is lost.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        # TLS may hold bytes, decrypted already, that no selector knows of.
        self._may_hold_bytes = isinstance(sock, ssl.SSLSocket)

    async def send(self, octets: bytes | memoryview, until: float) -> None:
        """Write all of it, however slowly the other end takes it."""
        rest = octets
        while True:
            try:
                sent = self._socket.send(rest)
            except _NOT_NOW as error:
                await self._able_to_go_on(error, WRITE, until)
                continue
            if sent == len(rest):
                return
            rest = memoryview(rest)[sent:]

    async def receive(self, until: float) -> bytes:
        """What has come, as soon as something has; nothing at the end of the stream."""
        if not self._may_hold_bytes:
            await ready(self._socket, READ, until)
        while True:
            try:
                return self._socket.recv(_CHUNK)
            except _NOT_NOW as error:
                await self._able_to_go_on(error, READ, until)

    def is_quiet(self) -> bool:
        """Whether nothing has come that nobody asked for, be it the end of the stream.

        What has come is lost.
        """
        try:
            self._socket.recv(_CHUNK)
        except _NOT_NOW:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Drop the connection."""
        self._socket.close()

    async def _able_to_go_on(self, hindrance: OSError, usual: int, until: float) -> None:
        """TLS may have to read in order to write, and the other way round."""
        match hindrance:
            case ssl.SSLWantReadError():
                events = READ
            case ssl.SSLWantWriteError():
                events = WRITE
            case _:
                events = usual
        if monotonic() >= until:
            raise TimeoutError
        await ready(self._socket, events, until)
