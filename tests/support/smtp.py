"""A mail server that does as a test tells it: it accepts, refuses, hangs, lies or hangs up."""

from __future__ import annotations

import base64
import binascii
import email.parser
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest

from shared.smtp import opening

HOST = "127.0.0.1"
ALL_EXTENSIONS = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8")
LONGEST_WAIT = 60.0
HANDSHAKE_SECONDS = 3.0
START_SECONDS = 20.0


# What a server can do instead of its usual answer.


@dataclass(frozen=True)
class Drop:
    """Close the connection without an answer; in place of a final reply the message is lost."""


@dataclass(frozen=True)
class AcceptAndDrop:
    """In place of a final reply: keep the message, but close the connection without a word."""


@dataclass(frozen=True)
class Hang:
    """Say nothing more, and leave the connection open."""


@dataclass(frozen=True)
class AcceptAndHang:
    """In place of a final reply: keep the message, and say nothing more."""


@dataclass(frozen=True)
class Endless:
    """A reply that has always one more line."""

    code: bytes = b"250"


@dataclass(frozen=True)
class Drip:
    """A line that never ends, one octet at a time."""

    interval: float = 0.02


@dataclass(frozen=True)
class After:
    """The answer (None: the usual one), but only once this event is set."""

    event: threading.Event
    answer: Answer | None = None


@dataclass(frozen=True)
class Late:
    """The answer (None: the usual one), so many seconds late."""

    seconds: float
    answer: Answer | None = None


Answer = bytes | Drop | AcceptAndDrop | Hang | AcceptAndHang | Endless | Drip | After | Late
"""Octets are sent as they are, with a line end. Below 400 the command takes effect as usual."""


@dataclass(frozen=True)
class Command:
    """What a client said. `count`: how often this verb has come to this server, from 1 on."""

    verb: str
    argument: str
    connection: int
    count: int
    content: bytes = b""


Reaction = Answer | Mapping[str, Answer] | Callable[[Command], Answer | None]
"""One answer; one by address (for MAIL and RCPT); or a decision, None being the usual answer."""


def only(number: int, answer: Answer) -> Reaction:
    """This answer to the command's `number`-th coming, from 1 on, the usual one otherwise."""
    return lambda command: answer if command.count == number else None


def first(number: int, answer: Answer) -> Reaction:
    """This answer to the first `number` comings of the command, then the usual one."""
    return lambda command: answer if command.count <= number else None


@dataclass(frozen=True)
class Accepted:
    """An email that the server took responsibility for; `parameters` are those of MAIL."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    connection: int
    parameters: tuple[str, ...] = ()

    @property
    def message_id(self) -> str:
        return message_id(self.content)


def message_id(content: bytes) -> str:
    head = content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    found = email.parser.BytesHeaderParser().parsebytes(head).get("Message-ID", "")
    return str(found).strip()


@dataclass(frozen=True)
class TlsFiles:
    """A certificate for `localhost` and 127.0.0.1, its key, and the authority that signed it."""

    authority: Path
    certificate: Path
    key: Path


@dataclass
class SmtpServer:
    """Listens on a port of the loopback address between `with` and its end.

    reactions: by verb (CONNECT, EHLO, HELO, STARTTLS, AUTH, MAIL, RCPT, DATA, RSET, NOOP, QUIT);
        BODY is the moment when the first octets of a message have come, DATA_END the final dot.
    extensions: what EHLO offers, beside SIZE, AUTH and STARTTLS; None: the server knows HELO only.
    login: user name and password, which AUTH then requires before MAIL; login_methods: which.
    """

    reactions: Mapping[str, Reaction] = field(default_factory=dict)
    extensions: tuple[str, ...] | None = ALL_EXTENSIONS
    size_limit: int | None = None
    login: tuple[str, str] | None = None
    login_methods: str = "PLAIN LOGIN"
    access_tokens: set[str] = field(default_factory=set)
    """Good for the user of `login`, by XOAUTH2."""
    tls: TlsFiles | None = None
    implicit_tls: bool = False
    port: int = 0
    host: str = HOST
    messages: list[Accepted] = field(default_factory=list)
    commands: list[tuple[int, str]] = field(default_factory=list)
    """What all clients said, line by line, with the number of their connection."""
    bursts: list[bytes] = field(default_factory=list)
    """The octets of messages and commands as they arrived together; the first 1,000."""

    def __post_init__(self) -> None:
        self.connections = 0
        self.stopping = threading.Event()
        self._changed = threading.Condition()
        self._counts: Counter[str] = Counter()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server((self.host, self.port), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._context = _server_context(self.tls) if self.tls else None
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End all connections and stop listening."""
        self.stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(5)
        self.drop_connections()
        for thread in self._threads:
            thread.join(5)

    def drop_connections(self) -> None:
        """Cut all connections that are open now."""
        with self._changed:
            connections = list(self._open)
        for connection in connections:
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def wait_for_messages(self, number: int, timeout: float = 10) -> bool:
        """Whether so many messages were accepted before the time was over."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.messages) >= number, timeout)

    def wait_for_command(self, verb: str, number: int = 1, timeout: float = 10) -> bool:
        """Whether this verb (or BODY, DATA_END) came so often before the time was over."""
        with self._changed:
            return self._changed.wait_for(lambda: self._counts[verb] >= number, timeout)

    def copies(self) -> Counter[str]:
        """How many copies of each message were accepted, by Message-ID."""
        return Counter(message.message_id for message in self.messages)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            talk = _Conversation(self, connection, self.connections, self._context)
            thread = threading.Thread(target=talk.run, daemon=True)
            self._threads = [one for one in self._threads if one.is_alive()] + [thread]
            thread.start()

    def opened(self, connection: socket.socket) -> None:
        with self._changed:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._changed:
            self._open.discard(connection)

    def reaction(
        self, verb: str, argument: str, connection: int, content: bytes = b""
    ) -> Answer | None:
        """What the test wants to happen now; None: the usual answer."""
        with self._changed:
            self._counts[verb] += 1
            count = self._counts[verb]
            self._changed.notify_all()
        wanted = self.reactions.get(verb)
        if isinstance(wanted, Mapping):
            return wanted.get(argument)
        if callable(wanted):
            return wanted(Command(verb, argument, connection, count, content))
        return wanted

    def keep(self, message: Accepted) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()


def wait_for_greeting(port: int, failure: Callable[[], str], greeting: bytes = b"220") -> None:
    """Until a mail server greets on this port of the loopback address, in words that so begin."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=5) as asked:
            if asked.recv(len(greeting)) == greeting:
                asked.sendall(b"QUIT\r\n")
                return
        time.sleep(0.02)
    raise AssertionError(failure())


@contextmanager
def refused_port() -> Iterator[int]:
    """A port that refuses connections for as long as the test holds it."""
    with closing(socket.socket()) as bound:
        bound.bind((HOST, 0))
        yield bound.getsockname()[1]


@pytest.fixture
def smtp_server() -> Iterator[Callable[..., SmtpServer]]:
    """Makes running servers, as `SmtpServer(...)`, that end with the test."""
    with ExitStack() as stack:

        def start(**behaviour: object) -> SmtpServer:
            return stack.enter_context(SmtpServer(**behaviour))  # type: ignore[arg-type]

        yield start


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return make_tls_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def trusted(tls_files: TlsFiles, monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsFiles]:
    """The certificates of the test's own authority are good everywhere, for this one test."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tls_files.authority))
    opening._tls_context.cache_clear()
    yield tls_files
    opening._tls_context.cache_clear()


def make_tls_files(
    folder: Path,
    name: str = "localhost",
    address: str = HOST,
    *further_names: str,
    days: int = 30,
    self_signed: bool = False,
) -> TlsFiles:
    """An authority of its own, and a certificate that it has signed for the names and address, or
    nobody but itself. It is good for so many days from now on; below 0: until so many days ago."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def certificate(
        subject: str,
        issuer: str,
        of: ec.EllipticCurvePrivateKey,
        by: ec.EllipticCurvePrivateKey,
        lasts: int = 30,
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
            .public_key(of.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=lasts))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(of.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), False
            )
        )

    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    signs = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    authority = (
        certificate("Test authority", "Test authority", authority_key, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(signs, critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    signs_it = key if self_signed else authority_key
    dns_names = [x509.DNSName(each) for each in (name, *further_names)]
    names = [*dns_names, x509.IPAddress(ipaddress.ip_address(address))]
    server = (
        certificate(name, name if self_signed else "Test authority", key, signs_it, days)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(signs_it, hashes.SHA256())
    )
    files = TlsFiles(folder / "authority.pem", folder / "certificate.pem", folder / "key.pem")
    files.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    files.certificate.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def _server_context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context


class _Over(Exception):
    """The conversation has ended."""


class _Conversation:
    """One client's connection: reads its commands, pipelined or not, and answers them."""

    def __init__(
        self,
        server: SmtpServer,
        connection: socket.socket,
        number: int,
        context: ssl.SSLContext | None,
    ) -> None:
        self._server = server
        self._socket = connection
        self._number = number
        self._context = context
        self._secure = False
        self._authenticated = False
        self._received = bytearray()
        self._answers: list[bytes] = []
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._parameters: tuple[str, ...] = ()

    def run(self) -> None:
        self._server.opened(self._socket)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._server.implicit_tls:
                self._start_tls()
            self._react("CONNECT", "", b"220 test.example ESMTP")
            while True:
                self._obey(self._line())
        except (OSError, _Over):
            pass
        finally:
            self._server.closed(self._socket)
            self._socket.close()

    def _obey(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace")
        self._server.commands.append((self._number, text))
        verb, _, argument = text.partition(" ")
        command = _COMMANDS.get(verb.upper())
        if command is None:
            self._answers.append(b"500 5.5.2 unknown command")
        else:
            command(self, argument)

    # One method for each command.

    def _ehlo(self, name: str) -> None:
        if self._server.extensions is None:
            self._react("EHLO", name, b"502 5.5.1 not implemented")
            return
        offers = ["test.example", *self._server.extensions]
        if self._server.size_limit is not None:
            offers.append(f"SIZE {self._server.size_limit}")
        if self._context and not self._secure:
            offers.append("STARTTLS")
        if self._server.login:
            offers.append(f"AUTH {self._server.login_methods}")
        lines = [f"250-{offer}" for offer in offers[:-1]] + [f"250 {offers[-1]}"]
        self._react("EHLO", name, "\r\n".join(lines).encode())
        self._forget()

    def _helo(self, name: str) -> None:
        self._react("HELO", name, b"250 test.example")
        self._forget()

    def _starttls(self, _: str) -> None:
        usual = b"220 2.0.0 go ahead" if self._context else b"502 5.5.1 not implemented"
        if self._react("STARTTLS", "", usual):
            self._flush()
            self._start_tls()

    def _auth(self, argument: str) -> None:
        method, _, initial = argument.partition(" ")
        wanted = self._server.reaction("AUTH", method, self._number)
        if wanted is not None:
            self._authenticated = self._do(wanted, b"235 2.7.0 welcome")
            return
        if method.upper() == "XOAUTH2":
            self._by_token(initial)
            return
        try:
            given = self._plain(initial) if method.upper() == "PLAIN" else self._login()
        except (binascii.Error, ValueError):
            self._answers.append(b"501 5.5.2 not base64")
            return
        self._authenticated = given == self._server.login
        refused = b"535 5.7.8 authentication credentials invalid"
        self._answers.append(b"235 2.7.0 welcome" if self._authenticated else refused)

    def _by_token(self, initial: str) -> None:
        user, _, rest = _decoded(initial).removeprefix("user=").partition("\x01auth=Bearer ")
        token, _, end = rest.partition("\x01")
        is_known = self._server.login is not None and user == self._server.login[0]
        if is_known and end == "\x01" and token in self._server.access_tokens:
            self._authenticated = True
            self._answers.append(b"235 2.7.0 Authentication successful")
            return
        assert self._ask('{"status":"400","schemes":"Bearer"}') == ""
        self._answers.append(b"535 5.7.3 Authentication unsuccessful")

    def _plain(self, initial: str) -> tuple[str, str]:
        answer = _decoded(initial) if initial else self._ask("")
        _, name, password = answer.split("\0")
        return name, password

    def _login(self) -> tuple[str, str]:
        return self._ask("Username:"), self._ask("Password:")

    def _ask(self, question: str) -> str:
        self._answers.append(b"334 " + base64.b64encode(question.encode()))
        return _decoded(self._line().decode("ascii"))

    def _mail(self, argument: str) -> None:
        address, *parameters = _path(argument)
        if self._server.login and not self._authenticated:
            usual = b"530 5.7.0 authentication required"
        elif self._is_too_big(parameters):
            usual = b"552 5.3.4 message too big"
        else:
            usual = b"250 2.1.0 ok"
        if self._react("MAIL", address, usual):
            self._sender, self._parameters = address, tuple(parameters)

    def _is_too_big(self, parameters: list[str]) -> bool:
        declared = [int(one[5:]) for one in parameters if one.upper().startswith("SIZE=")]
        limit = self._server.size_limit
        return bool(limit and declared and declared[0] > limit)

    def _rcpt(self, argument: str) -> None:
        address = _path(argument)[0]
        usual = b"250 2.1.5 ok" if self._sender is not None else b"503 5.5.1 MAIL first"
        if self._react("RCPT", address, usual):
            self._recipients.append(address)

    def _data(self, _: str) -> None:
        usual = b"354 go ahead" if self._recipients else b"554 5.5.1 no valid recipients"
        if not self._react("DATA", "", usual) or not self._answers[-1].startswith(b"354"):
            return
        self._flush()
        content = self._body()
        message = Accepted(
            self._sender or "",
            tuple(self._recipients),
            content,
            self._number,
            self._parameters,
        )
        self._forget()
        self._finish(message)

    def _finish(self, message: Accepted) -> None:
        wanted = self._server.reaction(
            "DATA_END", message.sender, self._number, content=message.content
        )
        usual = b"250 2.0.0 queued" if message.recipients else b"554 5.5.1 no valid recipients"
        if isinstance(wanted, AcceptAndDrop | AcceptAndHang):
            self._server.keep(message)
            wanted = Drop() if isinstance(wanted, AcceptAndDrop) else Hang()
        if self._do(wanted, usual):
            self._server.keep(message)

    def _rset(self, _: str) -> None:
        self._react("RSET", "", b"250 2.0.0 ok")
        self._forget()

    def _noop(self, _: str) -> None:
        self._react("NOOP", "", b"250 2.0.0 ok")

    def _quit(self, _: str) -> None:
        self._react("QUIT", "", b"221 2.0.0 goodbye")
        self._flush()
        raise _Over

    def _forget(self) -> None:
        self._sender, self._recipients, self._parameters = None, [], ()

    # How a test's wish becomes an answer.

    def _react(self, verb: str, argument: str, usual: bytes) -> bool:
        return self._do(self._server.reaction(verb, argument, self._number), usual)

    def _do(self, wanted: Answer | None, usual: bytes) -> bool:
        """Answer; whether the command takes effect. A 421 ends the conversation."""
        match wanted:
            case After(event, answer):
                self._flush()
                self._wait(event)
                return self._do(answer, usual)
            case Late(seconds, answer):
                self._flush()
                self._server.stopping.wait(seconds)
                return self._do(answer, usual)
            case Drop() | AcceptAndDrop():
                self._flush()
                raise _Over
            case Hang() | AcceptAndHang():
                self._flush()
                self._server.stopping.wait(LONGEST_WAIT)
                raise _Over
            case Endless(code):
                self._flush()
                self._send_for_ever(code + b"-and another line\r\n", 0)
            case Drip(interval):
                self._flush()
                self._send_for_ever(b"2", interval)
        answer = wanted if isinstance(wanted, bytes) else usual
        self._answers.append(answer)
        if answer.startswith(b"421"):
            self._flush()
            raise _Over
        return answer[:1] in (b"2", b"3")

    def _wait(self, event: threading.Event) -> None:
        deadline = time.monotonic() + LONGEST_WAIT
        while not event.wait(0.02) and not self._server.stopping.is_set():
            if time.monotonic() > deadline:
                raise _Over

    def _send_for_ever(self, piece: bytes, interval: float) -> None:
        while not self._server.stopping.wait(interval):
            self._socket.sendall(piece)
        raise _Over

    # The connection.

    def _start_tls(self) -> None:
        assert self._context is not None
        self._received.clear()
        self._server.closed(self._socket)
        self._socket.settimeout(HANDSHAKE_SECONDS)
        self._socket = self._context.wrap_socket(self._socket, server_side=True)
        self._socket.settimeout(None)
        self._server.opened(self._socket)
        self._secure = True

    def _line(self) -> bytes:
        while (end := self._received.find(b"\n")) < 0:
            self._receive()
        line = bytes(self._received[:end]).removesuffix(b"\r")
        del self._received[: end + 1]
        return line

    def _body(self) -> bytes:
        """The message without its final dot, and without the dots added on the way."""
        searched, begun = 0, False
        self._received[:0] = b"\r\n"
        while (end := self._received.find(b"\r\n.\r\n", searched)) < 0:
            searched = max(0, len(self._received) - 4)
            if not begun and len(self._received) > 2:
                begun = True
                self._react("BODY", "", b"")
                self._answers.clear()
            self._receive()
        stuffed = bytes(self._received[: end + 2])
        del self._received[: end + 5]
        return stuffed.replace(b"\r\n.", b"\r\n")[2:]

    def _receive(self) -> None:
        self._flush()
        received = self._socket.recv(256 * 1024)
        if not received:
            raise _Over
        self._received += received
        if len(self._server.bursts) < 1000:
            self._server.bursts.append(received)

    def _flush(self) -> None:
        if self._answers:
            answers = b"".join(answer + b"\r\n" for answer in self._answers)
            self._answers = []
            self._socket.sendall(answers)


_COMMANDS: dict[str, Callable[[_Conversation, str], None]] = {
    "EHLO": _Conversation._ehlo,
    "HELO": _Conversation._helo,
    "STARTTLS": _Conversation._starttls,
    "AUTH": _Conversation._auth,
    "MAIL": _Conversation._mail,
    "RCPT": _Conversation._rcpt,
    "DATA": _Conversation._data,
    "RSET": _Conversation._rset,
    "NOOP": _Conversation._noop,
    "QUIT": _Conversation._quit,
}
_PATH = re.compile(r"(?:FROM|TO):\s*<([^>]*)>\s*(.*)", re.IGNORECASE)


def _path(argument: str) -> list[str]:
    match = _PATH.fullmatch(argument)
    return [match[1], *match[2].split()] if match else [argument]


def _decoded(text: str) -> str:
    return base64.b64decode(text, validate=True).decode()
