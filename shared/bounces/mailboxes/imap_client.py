"""An IMAP client that a server can neither hold for ever nor fill with octets."""

from __future__ import annotations

import imaplib
import logging
import socket
import ssl
import threading
from contextlib import suppress
from typing import Any

from imapclient import IMAPClient, SocketTimeout

from shared.bounces.mailboxes.inbox import ANSWER_SECONDS, CONNECT_SECONDS

MOST_AT_ONCE = 32 * 1024 * 1024
"""Octets that one command may be answered."""

# It logs every line that is said, if it is let.
logging.getLogger("imapclient").setLevel(logging.INFO)


class BoundedClient(IMAPClient):  # type: ignore[misc]  # no types there
    """`allow` before each command. `secure`: by TLS from the beginning. After `seconds` the
    connection is cut, whatever is going on."""

    def __init__(self, host: str, port: int, *, secure: bool, seconds: float) -> None:
        self._context = ssl.create_default_context() if secure else None
        self._seconds = seconds
        super().__init__(
            host, port, ssl=secure, timeout=SocketTimeout(CONNECT_SECONDS, ANSWER_SECONDS)
        )

    def allow(self) -> None:
        """The next command may be answered with MOST_AT_ONCE octets."""
        self._imap.left = MOST_AT_ONCE

    def _create_IMAP4(self) -> imaplib.IMAP4:
        """The library has no other way to be given a connection."""
        return _Connection(self.host, self.port, self._context, self._seconds)


class _Connection(imaplib.IMAP4):
    def __init__(
        self, host: str, port: int, context: ssl.SSLContext | None, seconds: float
    ) -> None:
        self.left = MOST_AT_ONCE
        self._context = context
        self._seconds = seconds
        self._handle: socket.socket | None = None
        self._alarm: threading.Timer | None = None
        try:
            super().__init__(host, port, CONNECT_SECONDS)
        except BaseException:
            self._let_go()
            raise

    def _create_socket(self, timeout: float | None) -> socket.socket:
        made = socket.create_connection((self.host, self.port), timeout)
        # Of the same connection, whoever wraps the first one meanwhile.
        self._handle = made.dup()
        self._alarm = threading.Timer(self._seconds, _cut, (self._handle,))
        self._alarm.daemon = True
        self._alarm.start()
        if self._context is None:
            return made
        return self._context.wrap_socket(made, server_hostname=self.host)

    def read(self, size: int) -> bytes:
        """imaplib's own place to be overridden, as `readline`."""
        self._spend(size)
        return super().read(size)

    def readline(self) -> bytes:
        line = super().readline()
        self._spend(len(line))
        return line

    def shutdown(self) -> None:
        self._let_go()
        super().shutdown()

    def _let_go(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        if self._handle is not None:
            self._handle.close()

    def _spend(self, octets: int) -> None:
        self.left -= octets
        if self.left < 0:
            raise self.abort("the server says more than it was asked for")


def _cut(handle: socket.socket) -> None:
    """Whoever waits for it is told that it has ended."""
    with suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)


def text_of(said: Any) -> str:
    """What a server said, as one line of text."""
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return " ".join(words.split())
