"""The SMTP session, spoken with servers that behave and with servers that do not."""

from __future__ import annotations

import asyncio
import inspect
import ipaddress
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import lru_cache
from typing import Any, TypeVar

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.mime.bad_email import BadAddress, BadEmail
from shared.smtp.connection import SmtpSession, too_big
from shared.smtp.ehlo_name import ehlo_names
from shared.smtp.opening import Server, TlsMode
from shared.smtp.reply import Stage
from shared.transports.base import AccountFault, ConnectionLost, Envelope
from tests.support.smtp import (
    HOST,
    AcceptAndDrop,
    AcceptAndHang,
    Answer,
    Drip,
    Drop,
    Endless,
    Hang,
    Late,
    SmtpServer,
    TlsFiles,
    make_tls_files,
    only,
    refused_port,
)
from tests.support.tools import free_port

Start = Callable[..., SmtpServer]
T = TypeVar("T")

SENDER = "app@example.com"
CONTENT = b"Message-ID: <1@example.com>\r\nSubject: hello\r\n\r\nhello\r\n"
PASSWORD = "päss wörd"
PATIENCE = 30.0
# For servers that say nothing; the others have to answer within it on a busy machine, too.
QUICK = 0.7
"""Seconds after which a wait that ought to be cut short has not been."""


def account(server: SmtpServer, **wanted: Any) -> Server:
    """The account to reach this server with; impatient, so that what hangs is found out soon."""
    usual: dict[str, Any] = {
        "host": server.host,
        "port": server.port,
        "tls": TlsMode.NONE,
        "connect_timeout": 5,
        "command_timeout": 5,
        "reply_timeout": 5,
    }
    return Server(**usual | wanted)


@lru_cache(maxsize=1)
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


def carry_out(verb: Coroutine[Any, Any, T]) -> T:
    """Carry a verb out, on one loop for all that a test says."""
    return _runner().run(verb)


@pytest.fixture(scope="module", autouse=True)
def _one_loop() -> Iterator[None]:
    yield
    _runner().close()
    _runner.cache_clear()


class Spoken:
    """A session whose verbs are carried out at once, one after another."""

    def __init__(self, session: SmtpSession) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        carry_out(asyncio.sleep(0))  # What has come meanwhile is taken in.
        found = getattr(self._session, name)
        if not inspect.iscoroutinefunction(found):
            return found
        return lambda *given, **named: carry_out(found(*given, **named))


def connected(server: SmtpServer, **wanted: Any) -> Spoken:
    return Spoken(carry_out(SmtpSession.connect(account(server, **wanted))))


def envelope(*recipients: str, size: int = len(CONTENT), **more: Any) -> Envelope:
    return Envelope(SENDER, recipients or ("you@example.com",), size, **more)


def send(session: Spoken, content: bytes = CONTENT, *recipients: str) -> None:
    session.write_envelope(envelope(*recipients, size=len(content)))
    assert session.read_envelope().ready
    session.write_body(content)
    session.write_dot()
    assert session.read_final_reply().code == 250


def fault(server: Server) -> AccountFault:
    with pytest.raises(AccountFault) as caught:
        carry_out(SmtpSession.connect(server))
    return caught.value


@pytest.fixture(params=["pipelined", "in turn", "HELO only"])
def any_server(request: pytest.FixtureRequest, smtp_server: Start) -> Callable[..., SmtpServer]:
    """Servers that offer everything, no pipelining, or no extension at all."""
    offers = {"pipelined": ("PIPELINING",), "in turn": (), "HELO only": None}
    return lambda **behaviour: smtp_server(extensions=offers[request.param], **behaviour)


# Connecting.


def test_a_session_knows_what_its_server_offers(smtp_server: Start) -> None:
    server = smtp_server(extensions=("PIPELINING", "SMTPUTF8"), size_limit=1000)

    session = connected(server)

    assert (session.pipelining, session.smtputf8) == (True, True)
    assert session.size_limit == 1000
    assert (session.sent, session.closed) == (0, False)
    session.quit()


def test_a_server_that_knows_no_ehlo_is_greeted_with_helo(smtp_server: Start) -> None:
    server = smtp_server(extensions=None)

    session = connected(server, ehlo_name="mail.example.com")

    assert (session.pipelining, session.smtputf8, session.size_limit) == (False, False, None)
    assert server.commands[-1] == (1, "HELO mail.example.com")
    session.close()


def test_we_introduce_ourselves_by_the_first_of_our_names(smtp_server: Start) -> None:
    server = smtp_server()

    connected(server).close()

    assert server.commands == [(1, f"EHLO {ehlo_names(None, socket.gethostname(), HOST)[0]}")]


def test_an_international_name_is_said_in_ascii(smtp_server: Start) -> None:
    server = smtp_server()

    connected(server, ehlo_name="müller.example").close()

    assert server.commands[0] == (1, "EHLO xn--mller-kva.example")


@pytest.mark.parametrize("refusal", [b"501 5.5.4 invalid name", b"550 5.7.1 who are you?"])
def test_a_server_that_does_not_like_our_name_is_told_our_address(
    smtp_server: Start, monkeypatch: pytest.MonkeyPatch, refusal: bytes
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "web-1")
    server = smtp_server(reactions={"EHLO": {"web-1": refusal}})

    connected(server).close()

    assert server.commands == [(1, "EHLO web-1"), (1, "EHLO [127.0.0.1]")]


def test_a_port_where_nobody_listens_is_the_accounts_fault() -> None:
    with refused_port() as port:
        found = fault(Server("127.0.0.1", port, TlsMode.NONE))

    assert str(found) == "cannot connect: connection refused"
    assert (found.stage, found.reply, found.login_refused) == (Stage.CONNECT, None, False)


@pytest.mark.parametrize("host", ["", "bad..name", "x" * 70 + ".example", "na me"])
def test_a_host_that_cannot_be_one_is_the_accounts_fault(host: str) -> None:
    assert fault(Server(host, 25, TlsMode.NONE, connect_timeout=2)).stage is Stage.CONNECT


@pytest.mark.parametrize("port", [-1, 65536, 10**12])
def test_a_port_that_cannot_be_one_is_the_accounts_fault(port: int) -> None:
    assert fault(Server("127.0.0.1", port, TlsMode.NONE)).stage is Stage.CONNECT


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO"])
@pytest.mark.parametrize(
    "answer",
    [
        Hang(),
        Drop(),
        Endless(),
        Drip(),
        b"",
        b"nonsense",
        b"\xff\x00\x00\x01\x02",
        b"250-ok\r\n550 no",
        b"220-" + b"x" * 20_000,
    ],
)
def test_a_greeting_that_makes_no_sense_or_never_ends_is_the_accounts_fault(
    smtp_server: Start, verb: str, answer: Answer
) -> None:
    server = smtp_server(reactions={verb: answer})
    started = time.monotonic()

    found = fault(account(server, connect_timeout=QUICK, command_timeout=QUICK))

    assert found.stage == verb.lower()
    assert time.monotonic() - started < PATIENCE


@pytest.mark.parametrize(
    ("verb", "answer"),
    [
        ("CONNECT", "421 4.3.2 too busy"),
        ("CONNECT", "554 5.7.1 your address is blocked"),
        ("EHLO", "421 4.3.2 too busy"),
        ("EHLO", "451 4.3.0 later"),
    ],
)
def test_a_refused_greeting_comes_with_the_servers_words(
    smtp_server: Start, verb: str, answer: str
) -> None:
    found = fault(account(smtp_server(reactions={verb: answer.encode()})))

    assert found.stage == verb.lower()
    assert str(found.reply) == answer
    assert answer in str(found)


def test_a_name_for_ehlo_cannot_smuggle_in_a_command(smtp_server: Start) -> None:
    server = smtp_server()

    found = fault(account(server, ehlo_name="me\r\nMAIL FROM:<x@y>"))

    assert found.stage is Stage.EHLO
    assert server.commands == []


# Logging in.


@pytest.mark.parametrize("methods", ["PLAIN", "LOGIN", "PLAIN LOGIN", "CRAM-MD5 LOGIN"])
def test_a_login_is_made_by_plain_or_by_login(smtp_server: Start, methods: str) -> None:
    server = smtp_server(login=("jürgen", PASSWORD), login_methods=methods)

    session = connected(server, username="jürgen", password=PASSWORD)

    send(session)
    assert len(server.messages) == 1
    session.quit()


@pytest.mark.parametrize("code", [502, 504, 553])
def test_login_is_tried_where_plain_is_offered_in_vain(smtp_server: Start, code: int) -> None:
    server = smtp_server(
        login=("me", PASSWORD),
        reactions={"AUTH": {"PLAIN": f"{code} 5.5.4 unknown mechanism".encode()}},
    )

    session = connected(server, username="me", password=PASSWORD)

    send(session)
    assert len(server.messages) == 1
    session.quit()


@pytest.mark.parametrize("code", [502, 535])
def test_login_is_not_tried_where_it_is_not_offered_or_plain_was_refused(
    smtp_server: Start, code: int
) -> None:
    methods = "PLAIN" if code == 502 else "PLAIN LOGIN"
    refusal = f"{code} 5.7.8 no".encode()
    server = smtp_server(
        login=("me", PASSWORD), login_methods=methods, reactions={"AUTH": {"PLAIN": refusal}}
    )

    found = fault(account(server, username="me", password=PASSWORD))

    assert str(found) == f"login refused: {code} 5.7.8 no"
    assert sum(line.startswith("AUTH") for _, line in server.commands) == 1


@pytest.mark.parametrize("methods", ["PLAIN", "LOGIN"])
def test_a_refused_login_says_so_and_is_tried_once(smtp_server: Start, methods: str) -> None:
    server = smtp_server(login=("me", PASSWORD), login_methods=methods)

    found = fault(account(server, username="me", password="wrong-Password"))

    assert found.login_refused
    assert found.stage is Stage.LOGIN
    assert str(found) == "login refused: 535 5.7.8 authentication credentials invalid"
    assert sum(line.startswith("AUTH") for _, line in server.commands) == 1


def test_a_login_refused_for_now_is_not_a_refused_login(smtp_server: Start) -> None:
    server = smtp_server(login=("me", PASSWORD), reactions={"AUTH": b"454 4.7.0 later"})

    found = fault(account(server, username="me", password=PASSWORD))

    assert (found.stage, found.login_refused) == (Stage.LOGIN, False)


def test_no_secret_gets_into_an_error_though_the_server_repeats_it(smtp_server: Start) -> None:
    encoded = "AG1lAHNlY3JldC1QYXNzd29yZA=="  # me, secret-Password
    words = f"500 unknown: AUTH PLAIN {encoded} secret-Password".encode()
    server = smtp_server(login=("me", PASSWORD), reactions={"AUTH": words})
    wanted = account(server, username="me", password="secret-Password")

    found = fault(wanted)

    for shown in (str(found), repr(found), repr(found.reply), repr(wanted)):
        assert "secret" not in shown
        assert encoded not in shown


@pytest.mark.parametrize(("username", "password"), [("me", None), ("me", ""), (None, "secret")])
def test_half_a_login_is_the_accounts_fault_and_nobody_is_asked(
    smtp_server: Start, username: str | None, password: str | None
) -> None:
    server = smtp_server(login=("me", PASSWORD))

    found = fault(account(server, username=username, password=password))

    assert found.stage is Stage.LOGIN
    assert server.connections == 0


def test_a_server_without_a_login_that_we_know_is_the_accounts_fault(smtp_server: Start) -> None:
    server = smtp_server(login=("me", PASSWORD), login_methods="GSSAPI")

    found = fault(account(server, username="me", password=PASSWORD))

    assert (found.stage, found.login_refused) == (Stage.LOGIN, False)


def test_without_tls_no_password_leaves_this_machine_unless_it_is_allowed(
    smtp_server: Start,
) -> None:
    address = own_address()
    if address is None:
        return  # A machine without a network has nobody to hide a password from.
    server = smtp_server(host=address, login=("me", PASSWORD))

    found = fault(account(server, username="me", password=PASSWORD))

    assert found.stage is Stage.LOGIN
    assert not any(line.startswith("AUTH") for _, line in server.commands)
    connected(server, username="me", password=PASSWORD, allow_plain_login=True).quit()


def own_address() -> str | None:
    """An address of this machine that is not its loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return None if ipaddress.ip_address(address).is_loopback else address


# TLS.


@pytest.mark.parametrize("mode", [TlsMode.STARTTLS, TlsMode.IMPLICIT])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_verified_tls_connection_carries_login_and_emails(
    smtp_server: Start, tls_files: TlsFiles, mode: TlsMode, host: str
) -> None:
    server = smtp_server(
        tls=tls_files, implicit_tls=mode is TlsMode.IMPLICIT, login=("me", PASSWORD)
    )
    big = CONTENT + b"0123456789abcdef\r\n" * 100_000

    session = connected(
        server,
        host=host,
        tls=mode,
        ca_file=str(tls_files.authority),
        username="me",
        password=PASSWORD,
    )
    send(session)
    send(session, big)
    session.quit()

    assert [message.content for message in server.messages] == [CONTENT, big]


@pytest.mark.parametrize("mode", [TlsMode.STARTTLS, TlsMode.IMPLICIT])
def test_a_certificate_that_nobody_vouches_for_is_the_accounts_fault(
    smtp_server: Start, tls_files: TlsFiles, mode: TlsMode
) -> None:
    server = smtp_server(tls=tls_files, implicit_tls=mode is TlsMode.IMPLICIT)

    found = fault(account(server, tls=mode))

    assert found.stage is Stage.STARTTLS
    assert "certificate is not valid" in str(found)


def test_a_certificate_for_another_name_is_the_accounts_fault(
    smtp_server: Start, tmp_path: Any
) -> None:
    files = make_tls_files(tmp_path, name="other.example", address="127.0.0.9")
    server = smtp_server(tls=files)

    found = fault(account(server, tls=TlsMode.STARTTLS, ca_file=str(files.authority)))

    assert found.stage is Stage.STARTTLS
    assert "certificate is not valid" in str(found)


@pytest.mark.parametrize(
    "behaviour",
    [
        {"extensions": ("PIPELINING",)},
        {"extensions": None},
    ],
)
def test_a_server_that_does_not_offer_tls_gets_neither_login_nor_email(
    smtp_server: Start, behaviour: dict[str, Any]
) -> None:
    server = smtp_server(login=("me", PASSWORD), **behaviour)

    found = fault(account(server, tls=TlsMode.STARTTLS, username="me", password=PASSWORD))

    assert found.stage is Stage.STARTTLS
    assert {line.split()[0] for _, line in server.commands} <= {"EHLO", "HELO"}


@pytest.mark.parametrize(
    "answer", [b"454 4.7.0 not now", b"502 no", b"421 bye", b"hello", Drop(), Hang()]
)
def test_a_tls_that_cannot_be_started_is_the_accounts_fault(
    smtp_server: Start, tls_files: TlsFiles, answer: Answer
) -> None:
    server = smtp_server(tls=tls_files, reactions={"STARTTLS": answer}, login=("me", PASSWORD))
    ca_file = str(tls_files.authority)

    found = fault(
        account(
            server,
            tls=TlsMode.STARTTLS,
            ca_file=ca_file,
            command_timeout=QUICK,
            username="me",
            password=PASSWORD,
        )
    )

    assert found.stage is Stage.STARTTLS
    assert not any(line.startswith("AUTH") for _, line in server.commands)


def test_what_came_in_clear_text_before_tls_is_forgotten(
    smtp_server: Start, tls_files: TlsFiles
) -> None:
    injected = b"220 go ahead\r\n250-evil.example\r\n250-PIPELINING\r\n250 AUTH PLAIN"
    server = smtp_server(tls=tls_files, extensions=("SMTPUTF8",), reactions={"STARTTLS": injected})

    session = connected(server, tls=TlsMode.STARTTLS, ca_file=str(tls_files.authority))

    assert (session.pipelining, session.smtputf8) == (False, True)
    send(session)
    session.quit()


def test_tls_to_a_port_that_speaks_none_says_so(smtp_server: Start) -> None:
    found = fault(account(smtp_server(), tls=TlsMode.IMPLICIT))

    assert str(found) == "TLS failed: the server does not speak TLS on this port"


# A transaction.


def test_an_email_arrives_as_it_was_written(any_server: Start) -> None:
    server = any_server()
    session = connected(server)

    send(session, CONTENT, "a@example.com", "b@example.com")
    session.quit()

    (message,) = server.messages
    assert message.sender == SENDER
    assert message.recipients == ("a@example.com", "b@example.com")
    assert message.content == CONTENT
    assert session.sent == 1


def test_emails_follow_each_other_on_one_connection(any_server: Start) -> None:
    server = any_server()
    session = connected(server)

    for _ in range(5):
        send(session)

    assert [message.connection for message in server.messages] == [1] * 5
    assert session.sent == 5
    session.quit()


def test_the_final_dot_takes_the_next_envelope_along(smtp_server: Start) -> None:
    server = smtp_server()
    session = connected(server)
    opening = (
        b"MAIL FROM:<app@example.com>\r\nRCPT TO:<a@example.com>\r\n"
        b"RCPT TO:<b@example.com>\r\nDATA\r\n"
    )
    pair = envelope("a@example.com", "b@example.com")

    session.write_envelope(pair)
    assert session.read_envelope().ready
    session.write_body(CONTENT)
    session.write_dot(followed_by=pair)
    assert session.read_final_reply().code == 250
    assert session.read_envelope().accepted == (0, 1)
    session.write_body(CONTENT)
    session.write_dot()
    assert session.read_final_reply().code == 250

    assert server.bursts[1:] == [opening, CONTENT + b".\r\n" + opening, CONTENT + b".\r\n"]
    session.quit()


def test_a_large_email_is_on_its_way_before_the_final_dot(smtp_server: Start) -> None:
    server = smtp_server()
    session = connected(server)
    content = CONTENT + b"x" * 70 + b"\r\n" * 10_000

    session.write_envelope(envelope(size=len(content)))
    assert session.read_envelope().ready
    session.write_body(content)

    assert server.wait_for_command("BODY")
    assert server.messages == []
    session.write_dot()
    assert session.read_final_reply().code == 250
    session.quit()


def test_without_pipelining_the_next_envelope_waits_for_the_final_reply(
    smtp_server: Start,
) -> None:
    server = smtp_server(extensions=())
    session = connected(server)

    session.write_envelope(envelope())
    assert session.read_envelope().ready
    session.write_body(CONTENT)
    session.write_dot(followed_by=envelope())
    assert session.read_final_reply().code == 250
    assert session.read_envelope().ready
    session.write_body(CONTENT)
    session.write_dot()
    assert session.read_final_reply().code == 250

    assert [message.content for message in server.messages] == [CONTENT, CONTENT]
    commands = [burst for burst in server.bursts if burst.startswith((b"MAIL", b"RCPT", b"DATA"))]
    assert len(commands) == 6
    session.quit()


def test_the_size_is_declared_where_it_is_wanted(smtp_server: Start) -> None:
    server = smtp_server(size_limit=100_000)
    session = connected(server)

    send(session)

    assert server.messages[0].parameters == (f"SIZE={len(CONTENT)}",)
    session.quit()


@pytest.mark.parametrize(
    ("size", "limit", "refused"),
    [(1, None, False), (10**9, None, False), (10, 10, False), (11, 10, True)],
)
def test_an_email_is_too_big_when_it_exceeds_what_the_server_offers(
    size: int, limit: int | None, refused: bool
) -> None:
    assert too_big(size, limit) is refused


@pytest.mark.parametrize(
    ("offer", "limit"), [("SIZE 0", None), ("SIZE", None), ("SIZE much", None), ("SIZE 5", 5)]
)
def test_a_size_of_nothing_is_no_limit(smtp_server: Start, offer: str, limit: int | None) -> None:
    session = connected(smtp_server(extensions=(offer,)))

    assert session.size_limit == limit
    session.close()


def test_an_international_address_is_sent_where_it_is_understood(smtp_server: Start) -> None:
    server = smtp_server()
    session = connected(server)

    session.write_envelope(envelope("jürgen@example.com", smtputf8=True))
    opened = session.read_envelope()

    assert opened.ready
    assert (1, "RCPT TO:<jürgen@example.com>") in server.commands
    assert (1, "MAIL FROM:<app@example.com> BODY=8BITMIME SMTPUTF8") in server.commands
    session.close()


def test_an_international_address_is_refused_where_it_is_not(smtp_server: Start) -> None:
    server = smtp_server(extensions=("PIPELINING",))
    session = connected(server)

    with pytest.raises(BadEmail):
        session.write_envelope(envelope("jürgen@example.com", smtputf8=True))

    send(session)
    session.quit()


def test_a_bounce_has_no_sender(smtp_server: Start) -> None:
    server = smtp_server()
    session = connected(server)

    session.write_envelope(Envelope("", ("you@example.com",), 1))

    assert session.read_envelope().ready
    assert (1, "MAIL FROM:<>") in server.commands
    session.close()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a@b\r\nDATA",
        "a@b\nRSET",
        "a@b\r",
        "a@b> SIZE=1",
        "<a@b",
        "a b@c",
        "a@b\0",
        "a@b\t",
        "a@b\x85",
        "a@b\u2028c",
        "a@b\x7f",
        "\udc80@b",
        "jürgen@b",
    ],
)
@pytest.mark.parametrize("pipelining", [True, False])
def test_an_address_cannot_smuggle_in_a_command(
    smtp_server: Start, address: str, pipelining: bool
) -> None:
    server = smtp_server(extensions=("PIPELINING",) if pipelining else ())
    session = connected(server)

    with pytest.raises(BadAddress):
        session.write_envelope(envelope("fine@example.com", address))
    if address:
        with pytest.raises(BadAddress):
            session.write_envelope(Envelope(address, ("fine@example.com",), 1))

    assert [line.split()[0] for _, line in server.commands] == ["EHLO"]
    send(session)
    session.quit()


def test_an_email_to_nobody_is_not_begun(smtp_server: Start) -> None:
    session = connected(smtp_server())

    with pytest.raises(BadEmail):
        session.write_envelope(Envelope(SENDER, (), 1))

    send(session)
    session.quit()


def test_a_thousand_recipients_do_not_stop_the_traffic(smtp_server: Start) -> None:
    recipients = tuple(f"user{number}@example.com" for number in range(1000))
    refused = {recipients[500]: b"550 5.1.1 no such user"}
    server = smtp_server(reactions={"RCPT": refused})
    session = connected(server)

    session.write_envelope(envelope(*recipients))
    opened = session.read_envelope()
    session.write_body(CONTENT)
    session.write_dot()

    assert session.read_final_reply().positive
    assert len(opened.recipients) == 1000
    assert set(range(1000)) - set(opened.accepted) == {500}
    assert len(server.messages[0].recipients) == 999
    session.quit()


# Contents.


@pytest.fixture(scope="module")
def open_line() -> Iterator[tuple[SmtpServer, Spoken]]:
    """A session that serves many examples."""
    with SmtpServer() as server:
        session = connected(server)
        yield server, session
        session.quit()


_LINES = st.lists(st.sampled_from([b"", b".", b"..", b".x", b"x.", b"hello", b". .", b"x" * 998]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(lines=_LINES)
def test_every_line_arrives_whatever_it_begins_with(
    open_line: tuple[SmtpServer, Spoken], lines: list[bytes]
) -> None:
    server, session = open_line
    content = b"".join(line + b"\r\n" for line in [*lines, b"."])

    send(session, content)

    assert server.messages[-1].content == content


@pytest.mark.parametrize("line", [b".\r\n", b"..a\r\n", b"x" * 70 + b"\r\n", b"\r\n", b"ab.\r\n"])
@pytest.mark.parametrize("shift", range(5))
def test_a_large_email_arrives_whatever_its_lines_begin_with(
    open_line: tuple[SmtpServer, Spoken], line: bytes, shift: int
) -> None:
    server, session = open_line
    content = b"x" * shift + b"\r\n" + line * (600_000 // len(line))

    send(session, content)

    assert server.messages[-1].content == content


def test_an_email_of_30_mb_arrives(smtp_server: Start) -> None:
    server = smtp_server()
    session = connected(server)
    content = CONTENT + (b"A" * 76 + b"\r\n") * (30 * 1024 * 1024 // 78)

    send(session, content)

    assert server.messages[0].content == content
    session.quit()


def test_a_dot_between_bare_line_feeds_does_not_end_the_email(smtp_server: Start) -> None:
    server = smtp_server()
    session = connected(server)

    session.write_envelope(envelope())
    assert session.read_envelope().ready
    session.write_body(b"one\n.\nMAIL FROM:<evil@example.com>\n.\r\nRSET\r\n")
    session.write_dot()

    assert session.read_final_reply().positive
    assert b"".join(server.bursts).count(b"\n..") == 2
    assert len(server.messages) == 1
    session.quit()


def test_an_email_without_a_last_line_end_is_not_begun(smtp_server: Start) -> None:
    session = connected(smtp_server())
    session.write_envelope(envelope())
    assert session.read_envelope().ready

    with pytest.raises(BadEmail):
        session.write_body(b"hello")

    session.close()


# Refusals.


def test_a_refused_recipient_does_not_keep_the_email_from_the_others(any_server: Start) -> None:
    server = any_server(reactions={"RCPT": {"bad@example.com": b"550 5.1.1 no such user"}})
    session = connected(server)

    session.write_envelope(envelope("a@example.com", "bad@example.com", "c@example.com"))
    opened = session.read_envelope()
    assert opened.ready
    session.write_body(CONTENT)
    session.write_dot()

    assert session.read_final_reply().positive
    assert opened.accepted == (0, 2)
    assert str(opened.recipients[1]) == "550 5.1.1 no such user"
    assert server.messages[0].recipients == ("a@example.com", "c@example.com")
    session.quit()


@pytest.mark.parametrize("answer", [b"251 2.1.5 will forward", b"252 2.1.5 will try"])
def test_a_recipient_that_the_server_will_try_is_accepted(any_server: Start, answer: bytes) -> None:
    session = connected(any_server(reactions={"RCPT": answer}))

    session.write_envelope(envelope())

    assert session.read_envelope().accepted == (0,)
    session.close()


@pytest.mark.parametrize(
    "reactions",
    [
        {"MAIL": only(1, b"550 5.1.8 not you")},
        {"MAIL": only(1, b"451 4.3.0 later")},
        {"RCPT": only(1, b"550 5.1.1 no such user")},
        {"DATA": only(1, b"451 4.3.0 later")},
        {"DATA": only(1, b"554 5.7.1 no")},
        # The server asks for the message though it has refused everybody (RFC 2920 3.1).
        {"RCPT": only(1, b"550 5.1.1 no such user"), "DATA": b"354 go ahead"},
        {"MAIL": only(1, b"550 5.1.8 not you"), "DATA": b"354 go ahead"},
    ],
)
def test_a_refused_envelope_leaves_the_session_free_for_the_next_one(
    any_server: Start, reactions: dict[str, Any]
) -> None:
    server = any_server(reactions=reactions)
    session = connected(server)

    session.write_envelope(envelope("first@example.com"))
    refused = session.read_envelope()
    send(session, CONTENT, "second@example.com")

    assert not refused.ready
    assert [message.recipients for message in server.messages] == [("second@example.com",)]
    assert server.connections == 1
    session.quit()


def test_after_a_refused_data_the_transaction_is_reset(any_server: Start) -> None:
    server = any_server(reactions={"DATA": only(1, b"451 4.3.0 later")})
    session = connected(server)

    session.write_envelope(envelope())
    opened = session.read_envelope()

    assert opened.accepted == (0,)
    assert str(opened.data) == "451 4.3.0 later"
    assert server.commands[-1] == (1, "RSET")
    session.quit()


@pytest.mark.parametrize(
    "answer", ["450 4.2.0 later", "452 4.3.1 full", "552 5.3.4 too big", "554 5.7.1 spam"]
)
def test_a_refused_message_comes_with_the_servers_words(any_server: Start, answer: str) -> None:
    server = any_server(reactions={"DATA_END": only(1, answer.encode())})
    session = connected(server)

    session.write_envelope(envelope())
    assert session.read_envelope().ready
    session.write_body(CONTENT)
    session.write_dot(followed_by=envelope("next@example.com"))
    refusal = session.read_final_reply()

    assert str(refusal) == answer
    assert session.read_envelope().ready
    session.write_body(CONTENT)
    session.write_dot()
    assert session.read_final_reply().positive
    assert [message.recipients for message in server.messages] == [("next@example.com",)]
    session.quit()


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_goodbye_in_the_envelope_is_returned_and_closes_the_session(
    any_server: Start, verb: str
) -> None:
    session = connected(any_server(reactions={verb: b"421 4.7.0 too many errors"}))

    session.write_envelope(envelope("a@example.com", "b@example.com"))
    opened = session.read_envelope()

    replies = [opened.sender, *opened.recipients, opened.data]
    assert "421 4.7.0 too many errors" in [str(reply) for reply in replies]
    assert not opened.ready
    assert session.closed


def test_a_goodbye_to_the_message_is_returned_and_closes_the_session(any_server: Start) -> None:
    session = connected(any_server(reactions={"DATA_END": b"421 4.7.0 too many errors"}))

    session.write_envelope(envelope())
    assert session.read_envelope().ready
    session.write_body(CONTENT)
    session.write_dot(followed_by=envelope())

    assert str(session.read_final_reply()) == "421 4.7.0 too many errors"
    assert session.closed
    with pytest.raises(ConnectionLost):
        session.read_envelope()


# Servers that fail.

MISBEHAVIOUR = [
    Drop(),
    Hang(),
    Endless(),
    Drip(),
    b"nonsense",
    b"\xff\xff\xff",
    b"250-ok\r\n550 no",
    b"250-" + b"x" * 20_000,
    b"334 what now",
]


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("answer", MISBEHAVIOUR)
def test_an_envelope_that_gets_no_sensible_answer_loses_the_connection(
    any_server: Start, verb: str, answer: Answer
) -> None:
    server = any_server(reactions={verb: answer})
    session = connected(server, command_timeout=QUICK)
    started = time.monotonic()

    session.write_envelope(envelope())
    with pytest.raises(ConnectionLost):
        session.read_envelope()

    assert session.closed
    assert server.messages == []
    assert time.monotonic() - started < PATIENCE


@pytest.mark.parametrize("answer", [*MISBEHAVIOUR, AcceptAndDrop(), AcceptAndHang()])
def test_a_final_dot_that_gets_no_sensible_answer_loses_the_connection(
    any_server: Start, answer: Answer
) -> None:
    session = connected(any_server(reactions={"DATA_END": answer}), reply_timeout=QUICK)
    session.write_envelope(envelope())
    assert session.read_envelope().ready
    session.write_body(CONTENT)
    started = time.monotonic()

    session.write_dot(followed_by=envelope())
    with pytest.raises(ConnectionLost):
        session.read_final_reply()

    assert session.closed
    assert time.monotonic() - started < PATIENCE


def test_a_data_that_is_answered_as_if_all_were_done_loses_the_connection(
    any_server: Start,
) -> None:
    session = connected(any_server(reactions={"DATA": b"250 2.0.0 queued"}))

    session.write_envelope(envelope())
    with pytest.raises(ConnectionLost):
        session.read_envelope()


def test_a_connection_that_drops_in_the_body_is_lost(smtp_server: Start) -> None:
    server = smtp_server(reactions={"BODY": Drop()})
    session = connected(server)
    session.write_envelope(envelope())
    assert session.read_envelope().ready

    with pytest.raises(ConnectionLost):
        session.write_body((b"x" * 98 + b"\r\n") * 300_000)

    assert session.closed
    assert server.messages == []


def test_a_server_that_stops_reading_in_the_body_is_given_up(smtp_server: Start) -> None:
    server = smtp_server(reactions={"BODY": Hang()})
    session = connected(server, command_timeout=QUICK)
    session.write_envelope(envelope())
    assert session.read_envelope().ready
    started = time.monotonic()

    with pytest.raises(ConnectionLost, match="in time"):
        session.write_body((b"x" * 98 + b"\r\n") * 300_000)

    assert time.monotonic() - started < PATIENCE


def test_a_final_reply_may_take_longer_than_other_replies(smtp_server: Start) -> None:
    server = smtp_server(reactions={"DATA_END": only(1, Late(1.5))})
    session = connected(server, command_timeout=QUICK, reply_timeout=30)

    send(session)
    send(session)

    session.quit()


def test_a_lost_connection_stays_lost(smtp_server: Start) -> None:
    session = connected(smtp_server())
    session.close()
    session.close()

    for verb in (
        lambda: session.write_envelope(envelope()),
        session.read_final_reply,
        lambda: session.write_body(CONTENT),
        session.write_dot,
        session.reset,
    ):
        with pytest.raises(ConnectionLost):
            verb()
    with pytest.raises(ConnectionLost):
        session.require_quiet()
    session.quit()


# Keeping and ending a session.


@pytest.mark.parametrize("answer", [Drop(), Hang(), b"421 4.4.2 idle for too long", b"500 what"])
def test_a_session_that_cannot_be_reset_is_closed(smtp_server: Start, answer: Answer) -> None:
    session = connected(smtp_server(reactions={"RSET": answer}), command_timeout=QUICK)

    with pytest.raises(ConnectionLost):
        session.reset()

    assert session.closed


@pytest.mark.parametrize("mode", list(TlsMode))
def test_a_server_that_has_gone_is_noticed_before_the_final_dot(
    smtp_server: Start, tls_files: TlsFiles, mode: TlsMode
) -> None:
    server = smtp_server(tls=tls_files, implicit_tls=mode is TlsMode.IMPLICIT)
    session = connected(server, host="localhost", tls=mode, ca_file=str(tls_files.authority))
    session.write_envelope(envelope())
    assert session.read_envelope().ready
    session.write_body(CONTENT)
    session.require_quiet()

    server.drop_connections()

    with pytest.raises(ConnectionLost):
        session.require_quiet()
    assert session.closed


def test_goodbye_is_said(smtp_server: Start) -> None:
    server = smtp_server()
    session = connected(server)

    session.quit()

    assert server.commands[-1] == (1, "QUIT")
    assert session.closed


@pytest.mark.parametrize("answer", [Drop(), Hang(), Endless(), b"nonsense", b"421 bye"])
def test_goodbye_takes_two_seconds_at_most_and_never_fails(
    smtp_server: Start, answer: Answer
) -> None:
    session = connected(smtp_server(reactions={"QUIT": answer}))
    started = time.monotonic()

    session.quit()

    assert session.closed
    assert time.monotonic() - started < PATIENCE


# A server that somebody else has written.


class _Kept(Message):
    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.kept.append(message)


def test_aiosmtpd_takes_our_emails() -> None:
    handler = _Kept()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        session = Spoken(
            carry_out(SmtpSession.connect(Server("127.0.0.1", controller.port, TlsMode.NONE)))
        )
        for _ in range(3):
            send(session, CONTENT, "a@example.com", "b@example.com")
        session.quit()
    finally:
        controller.stop()

    assert [message["Subject"] for message in handler.kept] == ["hello"] * 3
    assert handler.kept[0]["X-RcptTo"] == "a@example.com, b@example.com"
