"""Reading a mail server's replies from a socket, with a bound on their size and their time."""

from __future__ import annotations

import socket
from time import monotonic

from shared.delivery.reply import ProtocolError, Reply

MOST_LINES = 100
LONGEST_LINE = 8 * 1024
_CHUNK = 64 * 1024


class ReplyReader:
    """Reads one reply after another; what has arrived beyond one is kept for the next.

    The socket must have a timeout, Python's or the kernel's. It holds for a short wait; a reply may
    be given a longer one.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = b""
        self._start = 0

    def read(self, timeout: float) -> Reply:
        """The next reply, as `read_lines`. Raises ProtocolError also where it is no reply."""
        return Reply.parse(self.read_lines(timeout))

    def read_lines(self, timeout: float) -> list[bytes]:
        """The lines of the next reply without their ends, within `timeout` seconds.

        Raises TimeoutError after that time, ProtocolError where lines come without a code or
        without an end, and another OSError where the connection ends.
        """
        lines: list[bytes] = []
        deadline = 0.0
        while len(lines) < MOST_LINES:
            start = self._start
            end = self._buffer.find(b"\n", start)
            if (end if end >= 0 else len(self._buffer)) - start > LONGEST_LINE:
                raise ProtocolError("the mail server sent a line without an end")
            if end < 0:
                deadline = deadline or monotonic() + timeout
                self._receive(deadline)
                continue
            self._start = end + 1
            line = self._buffer[start:end].removesuffix(b"\r")
            lines.append(line)
            if line[3:4] != b"-":
                return lines
            if not line[:3].isdigit():
                break
        raise ProtocolError("the mail server sent something that is no SMTP reply")

    def _receive(self, deadline: float) -> None:
        try:
            received = self._socket.recv(_CHUNK)
        except (TimeoutError, BlockingIOError):
            received = self._receive_until(deadline)
        if not received:
            raise ConnectionAbortedError("the mail server closed the connection")
        if monotonic() > deadline:
            raise TimeoutError
        self._buffer = self._buffer[self._start :] + received
        self._start = 0

    def _receive_until(self, deadline: float) -> bytes:
        remaining = deadline - monotonic()
        if remaining <= 0:
            raise TimeoutError
        usual = self._socket.gettimeout()
        self._socket.settimeout(remaining)
        try:
            return self._socket.recv(_CHUNK)
        finally:
            self._socket.settimeout(usual)
