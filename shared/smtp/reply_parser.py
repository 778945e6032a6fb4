"""A mail server's replies, taken apart as their bytes come in, with a bound on their size."""

from __future__ import annotations

from shared.smtp.reply import ProtocolError

MOST_LINES = 100
LONGEST_LINE = 8 * 1024


class ReplyReader:
    """Bytes go in as they come, replies come out; what arrived beyond one is kept for the next."""

    def __init__(self) -> None:
        self._buffer = b""
        self._start = 0
        self._lines: list[bytes] = []

    def feed(self, received: bytes) -> None:
        """Take in what has come."""
        self._buffer = self._buffer[self._start :] + received
        self._start = 0

    @property
    def unread(self) -> int:
        """How many bytes wait to be taken apart."""
        return len(self._buffer) - self._start

    @property
    def has_begun(self) -> bool:
        """Whether something of a reply is here that nobody has taken."""
        return bool(self._lines) or self.unread > 0

    def reply(self) -> list[bytes] | None:
        """The lines of the next reply without their ends; None while it is not complete.

        Raises ProtocolError where lines come without a code or without an end.
        """
        while len(self._lines) < MOST_LINES:
            start = self._start
            end = self._buffer.find(b"\n", start)
            if (end if end >= 0 else len(self._buffer)) - start > LONGEST_LINE:
                raise ProtocolError("the mail server sent a line without an end")
            if end < 0:
                return None
            self._start = end + 1
            line = self._buffer[start:end].removesuffix(b"\r")
            self._lines.append(line)
            if line[3:4] != b"-":
                complete, self._lines = self._lines, []
                return complete
            if not line[:3].isdigit():
                break
        raise ProtocolError("the mail server sent something that is no SMTP reply")
