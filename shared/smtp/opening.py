"""Opening a connection to a mail server: connect, TLS, EHLO, login."""

from __future__ import annotations

import base64
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, TypeVar

from shared.background import on_own_thread
from shared.mime.addresses import BadAddress, ascii_domain
from shared.smtp.ehlo import extensions
from shared.smtp.ehlo_name import ehlo_names
from shared.smtp.oauth import TokenSource, TokenUnavailable
from shared.smtp.reply import LONGEST_TEXT, ProtocolError, Reply, Stage
from shared.smtp.wire import Tls, Wire
from shared.transports.base import AccountFault

T = TypeVar("T")

# The name was refused, not the command: 550 and 554 by policy, the others as syntax.
_NAME_REFUSED = frozenset({501, 504, 550, 553, 554})
# Servers that offer PLAIN and then do not know it; 504 is RFC 4954's word for that.
_OFFERED_IN_VAIN = frozenset({502, 504, 553})


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
    tokens: TokenSource | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """A connection that is ready for MAIL. Extensions: keyword in small letters → parameters."""

    wire: Wire
    extensions: Mapping[str, str]


class Said(NamedTuple):
    """A line of a conversation, without what is secret."""

    by_us: bool
    line: str


@dataclass(slots=True)
class Rehearsal:
    """What was heard while a connection was tried, as far as that went.

    steps: those that went well, and what each was answered. extensions: as of the last EHLO; None:
    it did not come to that.
    """

    steps: list[tuple[Stage, str]] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    tls: Tls | None = None
    extensions: Mapping[str, str] | None = None


async def open_connection(server: Server) -> OpenConnection:
    """Connect, secure the connection, introduce ourselves and log in. Raises AccountFault."""
    return await _opened(server, _Opening.run)


async def try_connection(server: Server, rehearsal: Rehearsal) -> None:
    """The same step by step, and then goodbye: nothing is sent. Raises AccountFault.

    `rehearsal` is updated live: it tells what went before a failure, too.
    """
    await _opened(server, _Opening.rehearse, rehearsal)


async def _opened(
    server: Server,
    steps: Callable[[_Opening], Awaitable[T]],
    rehearsal: Rehearsal | None = None,
) -> T:
    opening = _Opening(server, rehearsal)
    try:
        return await steps(opening)
    except (OSError, ProtocolError, BadAddress, ValueError, OverflowError) as error:
        opening.close()
        raise AccountFault(_reason(error, opening.stage), opening.stage) from error
    except BaseException:
        opening.close()
        raise


class _Opening:
    def __init__(self, server: Server, rehearsal: Rehearsal | None = None) -> None:
        self._server = server
        self._rehearsal = rehearsal
        self._secrets: tuple[str, ...] = ()
        """Some servers repeat in their reply the command that they did not understand."""
        self._wire: Wire | None = None
        self._reply = Reply(0)
        self._lines: list[bytes] = []
        self._extensions: dict[str, str] = {}
        self.stage = Stage.CONNECT

    async def run(self) -> OpenConnection:
        self._require_whole_login()
        wire = await self._connect()
        await self._introduce(wire)
        if self._server.tls is TlsMode.STARTTLS:
            await self._start_tls(wire)
            await self._introduce(wire)
        if self._server.username and self._server.tokens:
            await self._log_in_by_token(wire, self._server.username, self._server.tokens)
        elif self._server.username:
            await self._log_in(wire, self._server.username, self._server.password or "")
        return OpenConnection(wire, self._extensions)

    async def rehearse(self) -> None:
        """All that `run` does, a word without consequences, and goodbye."""
        wire = (await self.run()).wire
        self.stage = Stage.NOOP
        await self._say(wire, "NOOP")
        self._require_positive("NOOP refused")
        self.stage = Stage.QUIT
        await self._say(wire, "QUIT")
        self._require_positive("QUIT refused")
        self.close()

    def close(self) -> None:
        if self._wire is not None:
            self._wire.abort()

    async def _say(self, wire: Wire, line: str) -> None:
        self._note(line, by_us=True)
        await wire.send(f"{line}\r\n".encode("ascii"), self._server.command_timeout)
        await self._hear_reply(wire, self._server.command_timeout)

    async def _hear_reply(self, wire: Wire, seconds: float) -> None:
        self._lines = [self._without_secrets(line) for line in await wire.reply(seconds)]
        for line in self._lines:
            self._note(line.decode("utf-8", "replace"), by_us=False)
        self._reply = Reply.parse(self._lines)

    def _without_secrets(self, line: bytes) -> bytes:
        text = line[4:]
        for secret in filter(None, self._secrets):
            text = text.replace(secret.encode(), b"***")
        return line[:4] + text

    def _note(self, line: str, *, by_us: bool) -> None:
        if self._rehearsal is None:
            return
        if by_us:
            for secret in filter(None, self._secrets):
                line = line.replace(secret, "***")
        shown = "".join(char if char.isprintable() else " " for char in line[:LONGEST_TEXT])
        self._rehearsal.said.append(Said(by_us, shown))

    def _require_whole_login(self) -> None:
        secret = self._server.password or self._server.tokens
        if bool(self._server.username) != bool(secret):
            missing = "password" if self._server.username else "user name"
            raise AccountFault(f"cannot log in: the account has no {missing}", Stage.LOGIN)

    async def _connect(self) -> Wire:
        host, seconds = _host(self._server.host), self._server.connect_timeout
        wire = self._wire = await Wire.connect(host, self._server.port, seconds)
        if self._server.tls is TlsMode.IMPLICIT:
            await self._secure(wire)
            self.stage = Stage.CONNECT
        await self._hear_reply(wire, seconds)
        self._require_positive("connection refused")
        return wire

    async def _introduce(self, wire: Wire) -> None:
        self.stage = Stage.EHLO
        own_address = wire.own_address.partition("%")[0]
        name = ""
        for name in ehlo_names(self._server.ehlo_name, socket.gethostname(), own_address):
            await self._say(wire, f"EHLO {name}")
            if self._reply.code not in _NAME_REFUSED:
                break
        self._extensions = extensions(self._lines) if self._reply.positive else {}
        if self._rehearsal is not None:
            self._rehearsal.extensions = self._extensions
        if self._reply.permanent:
            await self._say(wire, f"HELO {name}")
        self._require_positive("greeting refused")

    async def _start_tls(self, wire: Wire) -> None:
        self.stage = Stage.STARTTLS
        if "starttls" not in self._extensions:
            raise AccountFault(
                "TLS failed: the server does not offer STARTTLS, which the account requires",
                self.stage,
            )
        await self._say(wire, "STARTTLS")
        self._require_positive("TLS refused")
        await self._secure(wire)

    async def _secure(self, wire: Wire) -> None:
        self.stage = Stage.STARTTLS
        version = await wire.secure(
            _tls_context(self._server.ca_file),
            _host(self._server.host),
            self._server.connect_timeout,
        )
        if self._rehearsal is not None:
            self._rehearsal.tls = wire.tls
        self._tell(f"{version}, and the certificate is good")

    async def _log_in(self, wire: Wire, username: str, password: str) -> None:
        self.stage = Stage.LOGIN
        self._require_privacy(wire)
        plain = _base64(f"\0{username}\0{password}")
        name, word = _base64(username), _base64(password)
        self._secrets = (plain, word, password, name)
        offered = self._extensions.get("auth", "").upper().split()
        if "PLAIN" in offered:
            await self._say(wire, f"AUTH PLAIN {plain}")
        if "LOGIN" in offered and ("PLAIN" not in offered or self._reply.code in _OFFERED_IN_VAIN):
            await self._log_in_by_steps(wire, "AUTH LOGIN", name, word)
        elif "PLAIN" not in offered:
            raise AccountFault(
                "cannot log in: the server offers neither PLAIN nor LOGIN", self.stage
            )
        self._require_positive("login refused", login_refused=self._reply.permanent)

    async def _log_in_by_steps(self, wire: Wire, *lines: str) -> None:
        for line in lines:
            await self._say(wire, line)
            if not self._reply.intermediate:
                return

    async def _log_in_by_token(self, wire: Wire, username: str, tokens: TokenSource) -> None:
        """XOAUTH2; a token that the server refuses is replaced by a new one, once."""
        self.stage = Stage.LOGIN
        self._require_privacy(wire)
        if "XOAUTH2" not in self._extensions.get("auth", "").upper().split():
            raise AccountFault("cannot log in: the server does not offer XOAUTH2", self.stage)
        try:
            token = await on_own_thread(tokens.get, "access token")
            await self._present(wire, username, token)
            if self._reply.permanent:
                token = await on_own_thread(lambda: tokens.renew(token), "access token")
                await self._present(wire, username, token)
        except TokenUnavailable as error:
            raise AccountFault(
                f"cannot log in: {error}", self.stage, login_refused=error.refused
            ) from error
        self._require_positive("login refused", login_refused=self._reply.permanent)

    async def _present(self, wire: Wire, username: str, token: str) -> None:
        initial = _base64(f"user={username}\x01auth=Bearer {token}\x01\x01")
        self._secrets = (initial, token)
        await self._say(wire, f"AUTH XOAUTH2 {initial}")
        if self._reply.intermediate:  # The reasons; the refusal follows an empty line.
            await self._say(wire, "")

    def _require_privacy(self, wire: Wire) -> None:
        if self._server.tls is not TlsMode.NONE or self._server.allow_plain_login:
            return
        if not ipaddress.ip_address(wire.peer_address.partition("%")[0]).is_loopback:
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
        if self._rehearsal is not None:
            self._rehearsal.steps.append((self.stage, answer))


@lru_cache(maxsize=8)
def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)


def _host(name: str) -> str:
    """A host's name in A-labels (UTS 46; Python's own encoding is that of 2003), or its address."""
    return name if name.isascii() else ascii_domain(name)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


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
