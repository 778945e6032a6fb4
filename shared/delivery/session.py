"""One SMTP session: `smtplib` opens it, the transactions on it are our own.

`smtplib` connects, says EHLO, starts TLS and logs in. From there MAIL, RCPT and DATA go out in one
write where the server offers PIPELINING (RFC 2920), and the final dot of one email may travel with
the envelope of the next, so that an email costs one round trip.
"""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import NoReturn

from shared.delivery.reply import MalformedReply, Reply, Stage
from shared.errors import RowpostError

_MOST_LINES = 100
_LONGEST_LINE = 8192
_READ_AT_ONCE = 65_536
_WRITE_AT_ONCE = 1 << 20
_QUIT_SECONDS = 2.0
_NOT_IN_AN_ADDRESS = frozenset("\r\n\0<> \t")


class TlsMode(StrEnum):
    """Plain, upgraded by STARTTLS (RFC 3207), or TLS from the first byte (RFC 8314)."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how to connect. Timeouts are in seconds, each for one wait.

    `allow_plain_login`: log in without TLS to another machine too. `ca_file`: certificates to
    trust instead of the system's.
    """

    host: str
    port: int
    tls: TlsMode = TlsMode.NONE
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    allow_plain_login: bool = False
    connect_timeout: float = 30.0
    command_timeout: float = 60.0
    reply_timeout: float = 300.0
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who an email is from and who gets it now; its size in octets (RFC 1870)."""

    sender: str
    recipients: tuple[str, ...]
    size: int
    smtputf8: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """The replies to an envelope; the recipients' in the envelope's order."""

    sender: Reply
    recipients: tuple[Reply, ...]
    data: Reply | None

    @property
    def accepted(self) -> tuple[int, ...]:
        """Which recipients were accepted: 250, 251 or 252 (RFC 5321, 4.2.3)."""
        return tuple([n for n, reply in enumerate(self.recipients) if reply.positive])

    @property
    def ready(self) -> bool:
        """Whether the server waits for the message, and for somebody."""
        return (
            self.data is not None
            and self.data.code == 354
            and self.sender.positive
            and any(reply.positive for reply in self.recipients)
        )


class AccountFault(RowpostError):
    """The account can't be used: no connection, no TLS, or no login. No email is to blame."""

    def __init__(self, stage: Stage, reason: str, reply: Reply | None = None) -> None:
        super().__init__(reason if reply is None else f"{reason}: {reply}")
        self.stage = stage
        self.reply = reply

    @property
    def login_refused(self) -> bool:
        return self.stage is Stage.LOGIN and self.reply is not None and self.reply.permanent


class ConnectionLost(RowpostError):
    """The connection broke, or the server spoke something other than SMTP."""


class SmtpSession:
    """A connection that is logged in. One thread at a time; any ConnectionLost closes it."""

    def __init__(self, connection: socket.socket, server: Server, offers: dict[str, str]) -> None:
        self._socket = connection
        self._server = server
        self._unread = bytearray()
        self._eight_bit_names = "smtputf8" in offers
        self.pipelining = "pipelining" in offers
        self.declares_size = "size" in offers
        self.size_limit = _size_limit(offers.get("size"))
        self.sent = 0
        self.closed = False
        self._expected: Envelope | None = None
        self._patience = server.command_timeout
        self._waited_from = 0.0

    @classmethod
    def connect(cls, server: Server) -> SmtpSession:
        """Connect, say EHLO, start TLS and log in as `server` demands.

        A demanded TLS never falls back to clear text; certificate and name are verified; no login
        before TLS, unless to this very machine or where the account allows it. Raises AccountFault.
        """
        stage = Stage.CONNECT
        client: smtplib.SMTP | None = None
        try:
            client = _dial(server)
            stage = Stage.EHLO
            _greet(client)
            if server.tls is TlsMode.STARTTLS:
                stage = Stage.STARTTLS
                _start_tls(client, server)
            stage = Stage.LOGIN
            _log_in(client, server)
        except (OSError, smtplib.SMTPException, RowpostError, ValueError) as error:
            if client is not None:
                client.close()
            raise _fault(stage, error) from error
        return cls(_taken(client, server), server, dict(client.esmtp_features))

    @property
    def smtputf8(self) -> bool:
        """Whether the server takes addresses that are not ASCII (RFC 6531)."""
        return self._eight_bit_names

    def write_envelope(self, envelope: Envelope) -> None:
        """Send MAIL, RCPT and DATA in one write; without PIPELINING, just MAIL.

        Raises ConnectionLost.
        """
        self._expected = envelope
        self._send(self._opening(envelope))

    def read_envelope(self) -> Opened:
        """The replies to the envelope last written. Raises ConnectionLost.

        Where nothing is to follow, the session is ready for the next envelope afterwards.
        """
        envelope = self._expected
        if envelope is None:
            raise ConnectionLost("no envelope was written")
        self._expected = None
        opened = self._pipelined(envelope) if self.pipelining else self._in_turn(envelope)
        if not opened.ready and not self.closed:
            self._start_over(opened)
        return opened

    def write_body(self, content: bytes) -> None:
        """Send the message, dot-stuffed (RFC 5321, 4.5.2), all but its final dot.

        `content` ends with CRLF. Raises ConnectionLost.
        """
        if content.startswith(b"."):
            self._send(b".")
        stuffed = content.replace(b"\r\n.", b"\r\n..") if b"\r\n." in content else content
        if len(stuffed) <= _WRITE_AT_ONCE:
            self._send(stuffed)
            return
        view = memoryview(stuffed)
        for start in range(0, len(view), _WRITE_AT_ONCE):
            self._send(view[start : start + _WRITE_AT_ONCE])

    def write_dot(self, followed_by: Envelope | None = None) -> None:
        """Send the final dot: from here on the email may be delivered.

        With PIPELINING the next envelope may go with it. Raises ConnectionLost, and then the dot
        may have left or not.
        """
        self._expected = followed_by
        self._send(b".\r\n" if followed_by is None else b".\r\n" + self._opening(followed_by))

    def read_final_reply(self) -> Reply:
        """The reply to the final dot, waited for as long as the server's reply timeout.

        Raises ConnectionLost: then nobody knows what became of the email.
        """
        self._wait_at_most(self._server.reply_timeout)
        reply = self._read()
        self._wait_at_most(self._server.command_timeout)
        if reply.positive:
            self.sent += 1
        return reply

    def quit(self) -> None:
        """Say goodbye, waiting two seconds at most, and close. Never raises."""
        if not self.closed:
            with suppress(ConnectionLost):
                self._wait_at_most(_QUIT_SECONDS)
                self._send(b"QUIT\r\n")
                self._read()
        self.close()

    def close(self) -> None:
        """Drop the connection, from any thread. Never raises."""
        self.closed = True
        with suppress(OSError):  # The other side may have been faster.
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _opening(self, envelope: Envelope) -> bytes:
        mail = f"MAIL FROM:<{_safe(envelope.sender)}>"
        if self.declares_size:
            mail += f" SIZE={envelope.size}"
        if envelope.smtputf8:
            mail += " SMTPUTF8"
        if not self.pipelining:
            return f"{mail}\r\n".encode()
        rcpts = "".join([f"RCPT TO:<{_safe(one)}>\r\n" for one in envelope.recipients])
        return f"{mail}\r\n{rcpts}DATA\r\n".encode()

    def _pipelined(self, envelope: Envelope) -> Opened:
        sender = self._read()
        recipients = tuple([self._read() for _ in envelope.recipients])
        return Opened(sender, recipients, self._read())

    def _in_turn(self, envelope: Envelope) -> Opened:
        sender = self._read()
        if not sender.positive:
            return Opened(sender, (), None)
        recipients = tuple([self._ask(f"RCPT TO:<{_safe(one)}>") for one in envelope.recipients])
        if not any(reply.positive for reply in recipients):
            return Opened(sender, recipients, None)
        return Opened(sender, recipients, self._ask("DATA"))

    def _start_over(self, opened: Opened) -> None:
        """Leave a transaction that comes to nothing.

        A server that wants the message though it refused everybody gets an empty one, whose answer
        does not matter (RFC 2920, 3.1).
        """
        if opened.data is not None and opened.data.code == 354:
            self._ask(".")
        self._ask("RSET")

    def _ask(self, command: str) -> Reply:
        self._send(f"{command}\r\n".encode())
        return self._read()

    def _send(self, content: bytes | memoryview) -> None:
        try:
            self._socket.sendall(content)
        except OSError as error:
            self._lost(error)

    def _read(self) -> Reply:
        """The next reply. After a 421 the server is gone, and so is the session."""
        lines: list[bytes] = []
        self._waited_from = time.monotonic()
        while len(lines) < _MOST_LINES:
            line = self._read_line()
            lines.append(line)
            if line[3:4] != b"-":
                break
        else:
            self._lost(MalformedReply("the mail server's reply does not end"))
        try:
            reply = Reply.parse(lines)
        except MalformedReply as error:
            self._lost(error)
        if reply.code == 421:
            self.close()
        return reply

    def _read_line(self) -> bytes:
        while (end := self._unread.find(b"\n")) < 0:
            if len(self._unread) > _LONGEST_LINE:
                self._lost(MalformedReply("a line of the mail server's reply is too long"))
            if self._unread and time.monotonic() - self._waited_from > self._patience:
                self._lost(TimeoutError())  # It answers, a byte now and then.
            try:
                received = self._socket.recv(_READ_AT_ONCE)
            except OSError as error:
                self._lost(error)
            if not received:
                self._lost(ConnectionResetError("the mail server closed the connection"))
            self._unread += received
        line = bytes(self._unread[:end]).rstrip(b"\r")
        del self._unread[: end + 1]
        return line

    def _wait_at_most(self, seconds: float) -> None:
        self._patience = seconds
        try:
            self._socket.settimeout(seconds)
        except OSError as error:
            self._lost(error)

    def _lost(self, error: Exception) -> NoReturn:
        self.close()
        raise ConnectionLost(f"the connection was lost: {_words(error)}") from error


def too_big(size: int, limit: int | None) -> bool:
    """Whether a message exceeds what the server says it takes; 0 or nothing said is no limit."""
    return limit is not None and 0 < limit < size


class _Client(smtplib.SMTP):
    """`smtplib`'s client with replies of bounded length."""

    def getreply(self) -> tuple[int, bytes]:
        """As in `smtplib`, but no reply has more than 100 lines."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        if self.file is None:
            self.file = self.sock.makefile("rb")
        lines: list[bytes] = []
        while len(lines) < _MOST_LINES:
            line = self.file.readline(_LONGEST_LINE + 1)
            if not line:
                self.close()
                raise smtplib.SMTPServerDisconnected("the mail server closed the connection")
            if len(line) > _LONGEST_LINE:
                break
            lines.append(line.rstrip(b"\r\n"))
            if line[3:4] != b"-":
                reply = Reply.parse(lines)
                return reply.code, b"\n".join(one[4:].strip(b" \t") for one in lines)
        self.close()
        raise MalformedReply("the mail server's reply does not end")


class _TlsClient(_Client, smtplib.SMTP_SSL):
    """The same with TLS from the first byte."""


def _dial(server: Server) -> smtplib.SMTP:
    name = _our_name()
    if server.tls is TlsMode.IMPLICIT:
        client: smtplib.SMTP = _TlsClient(
            local_hostname=name, timeout=server.connect_timeout, context=_context(server)
        )
    else:
        client = _Client(local_hostname=name, timeout=server.connect_timeout)
    # What `smtplib` checks a certificate's name against when no host went to the constructor.
    client._host = server.host  # type: ignore[attr-defined]
    code, text = client.connect(server.host, server.port)
    if code != 220:
        client.close()
        raise smtplib.SMTPConnectError(code, text)
    if client.sock is not None:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sock.settimeout(server.command_timeout)
    return client


@lru_cache(maxsize=1)
def _our_name() -> str:
    """What EHLO says: this machine's full name, else an address literal (RFC 5321, 4.1.3)."""
    name = socket.getfqdn()
    return name if "." in name and name.isascii() else "[127.0.0.1]"


def _greet(client: smtplib.SMTP) -> None:
    client.ehlo_or_helo_if_needed()


def _start_tls(client: smtplib.SMTP, server: Server) -> None:
    if not client.has_extn("starttls"):
        raise smtplib.SMTPNotSupportedError("the mail server does not offer STARTTLS")
    code, text = client.starttls(context=_context(server))
    if code != 220:
        raise smtplib.SMTPResponseException(code, text)
    client.ehlo_or_helo_if_needed()


def _log_in(client: smtplib.SMTP, server: Server) -> None:
    if server.username is None:
        return
    if server.password is None:
        raise smtplib.SMTPNotSupportedError("the account has a login but no password")
    if (
        server.tls is TlsMode.NONE
        and not server.allow_plain_login
        and not _is_this_machine(client.sock)
    ):
        raise smtplib.SMTPNotSupportedError(
            "a login without TLS is not allowed: set SMTPSSLFlag to Y"
        )
    client.login(server.username, server.password)


def _is_this_machine(connection: socket.socket | None) -> bool:
    if connection is None:
        return False
    return ipaddress.ip_address(connection.getpeername()[0].partition("%")[0]).is_loopback


def _context(server: Server) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.ca_file)


def _taken(client: smtplib.SMTP, server: Server) -> socket.socket:
    """The connection itself; what `smtplib` reads ahead is nothing, each reply was asked for."""
    connection = client.sock
    if connection is None:
        raise AccountFault(Stage.CONNECT, "the mail server closed the connection")
    connection.settimeout(server.command_timeout)
    if client.file is not None:
        client.file.close()
        client.file = None
    client.sock = None
    return connection


def _fault(stage: Stage, error: Exception) -> AccountFault:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        reply = Reply.parse([b"%d %s" % (error.smtp_code, words.replace("\n", " ").encode())])
        return AccountFault(stage, _WHAT_FAILED[stage], reply)
    return AccountFault(stage, f"{_WHAT_FAILED[stage]}: {_words(error)}")


_WHAT_FAILED = {
    Stage.CONNECT: "cannot connect to the mail server",
    Stage.EHLO: "the mail server refuses to talk to us",
    Stage.STARTTLS: "TLS could not be started",
    Stage.LOGIN: "the mail server refuses the login",
}


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    if isinstance(error, UnicodeError):
        return "its login or password holds other characters than ASCII"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def _size_limit(offered: str | None) -> int | None:
    return int(offered) if offered and offered.isdigit() else None


def _safe(address: str) -> str:
    """The last guard against a second command inside an address."""
    if not _NOT_IN_AN_ADDRESS.isdisjoint(address):
        raise ValueError("an address holds a character that no command may hold")
    return address
