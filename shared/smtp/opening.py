"""Opening a connection to a mail server: connect, TLS, EHLO, login; by Python's smtplib."""

from __future__ import annotations

import base64
import ipaddress
import smtplib
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from time import monotonic
from typing import TypeVar

from shared.errors import RowpostError
from shared.mime.addresses import BadAddress, ascii_domain
from shared.smtp.ehlo_name import ehlo_names
from shared.smtp.oauth import AccessTokens, TokenUnavailable
from shared.smtp.reply import ProtocolError, Reply, Stage
from shared.smtp.reply_parser import ReplyReader

T = TypeVar("T")

_CHUNK = 64 * 1024
# The name was refused, not the command: 550 and 554 by policy, the others as syntax.
_NAME_REFUSED = frozenset({501, 504, 550, 553, 554})
# Servers that offer PLAIN and then do not know it; 504 is RFC 4954's word for that.
_OFFERED_IN_VAIN = frozenset({502, 504, 553})
_SHORTEST_WAIT = 0.001


class TlsMode(StrEnum):
    """How a connection is secured. A mode that is asked for never falls back to another."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server and how to use it. All times are seconds.

    allow_plain_login: log in without TLS also to another machine than this one.
    connect_timeout: for the connection, and again for the greeting.
    command_timeout: for each reply, and for each part of an email to be written.
    reply_timeout: for the reply to the final dot.
    ehlo_name: what EHLO says; this machine's name where it is not given (see `ehlo_names`).
    ca_file: certificates to trust in place of the system's.
    tokens: log in by access token (XOAUTH2) instead of a password.
    """

    host: str
    port: int
    tls: TlsMode
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    allow_plain_login: bool = False
    connect_timeout: float = 30
    command_timeout: float = 60
    reply_timeout: float = 300
    ehlo_name: str | None = None
    ca_file: str | None = None
    tokens: AccessTokens | None = field(default=None, repr=False)


class AccountFault(RowpostError):
    """The server can't be used as the account says: its text says why, `stage` at what.

    reply: the server's words, if it had any.
    login_refused: user name or password were refused; trying again will not help.
    """

    def __init__(
        self, reason: str, stage: Stage, reply: Reply | None = None, *, login_refused: bool = False
    ) -> None:
        super().__init__(reason)
        self.stage = stage
        self.reply = reply
        self.login_refused = login_refused


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """A connection that is ready for MAIL. Extensions: keyword in small letters → parameters."""

    socket: socket.socket
    reader: ReplyReader
    extensions: Mapping[str, str]


Hear = Callable[[Stage, str], None]
"""Is told what each step that went well was answered."""


def open_connection(server: Server) -> OpenConnection:
    """Connect, secure the connection, introduce ourselves and log in. Raises AccountFault."""
    return _opened(server, _Opening.run)


def try_connection(server: Server, hear: Hear) -> None:
    """The same step by step, and then goodbye: nothing is sent. Raises AccountFault."""
    _opened(server, _Opening.rehearse, hear)


def _opened(server: Server, steps: Callable[[_Opening], T], hear: Hear | None = None) -> T:
    opening = _Opening(server, hear)
    try:
        return steps(opening)
    except (OSError, ProtocolError, BadAddress, ValueError, OverflowError) as error:
        opening.close()
        raise AccountFault(_reason(error, opening.stage), opening.stage) from error
    except BaseException:
        opening.close()
        raise


class _Opening(smtplib.SMTP):
    """smtplib's dialogue, but read through a reader that has bounds."""

    def __init__(self, server: Server, hear: Hear | None = None) -> None:
        # A name that is given, though not the right one yet, keeps smtplib from asking the DNS.
        super().__init__(local_hostname="")
        self._server = server
        self._hear = hear
        self._reply_timeout = server.connect_timeout
        self.stage = Stage.CONNECT

    def run(self) -> OpenConnection:
        self._require_whole_login()
        self._connect()
        self._introduce()
        if self._server.tls is TlsMode.STARTTLS:
            self._start_tls()
            self._introduce()
        if self._server.username and self._server.tokens:
            self._log_in_by_token(self._server.username, self._server.tokens)
        elif self._server.username:
            self._log_in(self._server.username, self._server.password or "")
        return OpenConnection(self._socket, self._reader, self.esmtp_features)

    def rehearse(self) -> None:
        """All that `run` does, a word without consequences, and goodbye."""
        self.run()
        self.stage = Stage.NOOP
        self.docmd("NOOP")
        self._require_positive("NOOP refused")
        self.stage = Stage.QUIT
        self.docmd("QUIT")
        self._require_positive("QUIT refused")
        self.close()

    def getreply(self) -> tuple[int, bytes]:
        lines = self._read_lines()
        self._reply = Reply.parse(lines)
        return self._reply.code, b"\n".join(line[4:].strip() for line in lines)

    def _read_lines(self) -> list[bytes]:
        deadline = monotonic() + self._reply_timeout
        while (lines := self._reader.reply()) is None:
            self._socket.settimeout(max(deadline - monotonic(), _SHORTEST_WAIT))
            received = self._socket.recv(_CHUNK)
            if not received:
                raise ConnectionAbortedError
            if monotonic() > deadline:
                raise TimeoutError
            self._reader.feed(received)
        return lines

    def _require_whole_login(self) -> None:
        secret = self._server.password or self._server.tokens
        if bool(self._server.username) != bool(secret):
            missing = "password" if self._server.username else "user name"
            raise AccountFault(f"cannot log in: the account has no {missing}", Stage.LOGIN)

    def _connect(self) -> None:
        address = (_host(self._server.host), self._server.port)
        plain = socket.create_connection(address, self._server.connect_timeout)
        self._use(plain)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._server.tls is TlsMode.IMPLICIT:
            self._secure()
            self.stage = Stage.CONNECT
        self.getreply()
        self._require_positive("connection refused")
        self._reply_timeout = self._server.command_timeout
        self._socket.settimeout(self._server.command_timeout)

    def _introduce(self) -> None:
        self.stage = Stage.EHLO
        own_address = self._socket.getsockname()[0].partition("%")[0]
        for name in ehlo_names(self._server.ehlo_name, socket.gethostname(), own_address):
            self.local_hostname = name
            self.ehlo()
            if self._reply.code not in _NAME_REFUSED:
                break
        if self._reply.permanent:
            self.helo()
        self._require_positive("greeting refused")

    def _start_tls(self) -> None:
        self.stage = Stage.STARTTLS
        if "starttls" not in self.esmtp_features:
            raise AccountFault(
                "TLS failed: the server does not offer STARTTLS, which the account requires",
                self.stage,
            )
        self.docmd("STARTTLS")
        self._require_positive("TLS refused")
        self._secure()

    def _secure(self) -> None:
        """Go on in TLS. The new reader knows nothing of what came in clear text (RFC 3207 4.2)."""
        self.stage = Stage.STARTTLS
        context = _tls_context(self._server.ca_file)
        secured = context.wrap_socket(self._socket, server_hostname=_host(self._server.host))
        self._use(secured)
        self._tell(f"{secured.version()}, and the certificate is good")

    def _use(self, sock: socket.socket) -> None:
        self.sock = self._socket = sock
        self._reader = ReplyReader()

    def _log_in(self, username: str, password: str) -> None:
        self.stage = Stage.LOGIN
        self._require_privacy()
        plain = _base64(f"\0{username}\0{password}")
        name, word = _base64(username), _base64(password)
        offered = self.esmtp_features.get("auth", "").upper().split()
        if "PLAIN" in offered:
            self.docmd("AUTH", f"PLAIN {plain}")
        if "LOGIN" in offered and ("PLAIN" not in offered or self._reply.code in _OFFERED_IN_VAIN):
            self._log_in_by_steps("AUTH LOGIN", name, word)
        elif "PLAIN" not in offered:
            raise AccountFault(
                "cannot log in: the server offers neither PLAIN nor LOGIN", self.stage
            )
        # Some servers repeat in their reply the command that they did not understand.
        self._reply = _without(self._reply, plain, word, password)
        self._require_positive("login refused", login_refused=self._reply.permanent)

    def _log_in_by_steps(self, *lines: str) -> None:
        for line in lines:
            self.docmd(line)
            if not self._reply.intermediate:
                return

    def _log_in_by_token(self, username: str, tokens: AccessTokens) -> None:
        """XOAUTH2; a token that the server refuses is replaced by a new one, once."""
        self.stage = Stage.LOGIN
        self._require_privacy()
        if "XOAUTH2" not in self.esmtp_features.get("auth", "").upper().split():
            raise AccountFault("cannot log in: the server does not offer XOAUTH2", self.stage)
        try:
            self._present(username, token := tokens.get())
            if self._reply.permanent:
                self._present(username, tokens.renew(token))
        except TokenUnavailable as error:
            raise AccountFault(
                f"cannot log in: {error}", self.stage, login_refused=error.refused
            ) from error
        self._require_positive("login refused", login_refused=self._reply.permanent)

    def _present(self, username: str, token: str) -> None:
        initial = _base64(f"user={username}\x01auth=Bearer {token}\x01\x01")
        self.docmd("AUTH", f"XOAUTH2 {initial}")
        if self._reply.intermediate:  # The reasons; the refusal follows an empty line.
            self.docmd("")
        self._reply = _without(self._reply, initial, token)

    def _require_privacy(self) -> None:
        if self._server.tls is not TlsMode.NONE or self._server.allow_plain_login:
            return
        if not ipaddress.ip_address(self._socket.getpeername()[0].partition("%")[0]).is_loopback:
            raise AccountFault(
                "cannot log in: without TLS the password would be readable on the way;"
                " switch TLS on, or allow a plain login for this account",
                self.stage,
            )

    def _require_positive(self, refusal: str, *, login_refused: bool = False) -> None:
        if self._reply.positive:
            self._tell(str(self._reply))
            return
        raise AccountFault(
            f"{refusal}: {self._reply}", self.stage, self._reply, login_refused=login_refused
        )

    def _tell(self, answer: str) -> None:
        if self._hear is not None:
            self._hear(self.stage, answer)


@lru_cache(maxsize=8)
def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)


def _host(name: str) -> str:
    """A host's name in A-labels (UTS 46; Python's own encoding is that of 2003), or its address."""
    return name if name.isascii() else ascii_domain(name)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _without(reply: Reply, *secrets: str) -> Reply:
    text = reply.text
    for secret in secrets:
        text = text.replace(secret, "***")
    return replace(reply, text=text)


_FAILURE = {
    Stage.CONNECT: "cannot connect",
    Stage.EHLO: "greeting failed",
    Stage.STARTTLS: "TLS failed",
    Stage.LOGIN: "login failed",
    Stage.NOOP: "the connection does not last",
    Stage.QUIT: "the connection does not last",
}


def _reason(error: Exception, stage: Stage) -> str:
    return f"{_FAILURE[stage]}: {_cause(error)}"


def _cause(error: Exception) -> str:
    match error:
        case ProtocolError():
            return str(error)
        case ssl.SSLCertVerificationError():
            return f"the server's certificate is not valid: {error.verify_message}"
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER" | "RECORD_LAYER_FAILURE"):
            return "the server does not speak TLS on this port"
        case ssl.SSLError():
            return (error.reason or "handshake failure").replace("_", " ").lower()
        case socket.gaierror():
            return "the server's name cannot be found"
        case TimeoutError():
            return "no answer in time"
        case ConnectionRefusedError():
            return "connection refused"
        case ConnectionError():
            return "the server closed the connection"
        case OSError():
            return error.strerror or "network error"
        case _:
            return "the account's host, port or name for EHLO is not valid"
