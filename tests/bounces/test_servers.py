"""A mailbox's server that is dead, slow or lies harms no other mailbox, and nobody who sends."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from shared.app import Application
from shared.bounces import turn
from shared.bounces.consequence import Done
from shared.bounces.mailboxes import imap_client
from shared.bounces.mailboxes.leases import rest_after
from shared.bounces.noted import unfiled
from shared.delivery import tick
from shared.smtp.opening import TlsMode
from tests.support.bounces import AUTOREPLY, Mailroom
from tests.support.dovecot import PASSWORD, Dovecot
from tests.support.scripted_imap import (
    GREETING,
    SELECTED,
    Says,
    dripping,
    endless,
    having,
    refusing,
    saying,
    scripted_imap,
    silent,
)
from tests.support.smtp import TlsFiles, refused_port
from tests.support.standalone import wait_until

USER = "bounces@shop.example"
HUGE = b"* 1 FETCH (UID 1 BODY[]<0> {4000000000}\r\n"


LIARS: tuple[tuple[dict[str, Says], bytes, str], ...] = (
    ({}, b"* BYE too busy\r\n", "too busy"),
    ({"LOGIN": refusing(lambda _: "[AUTHENTICATIONFAILED] no")}, GREETING, "login was refused"),
    ({"SELECT": refusing(lambda _: "no such folder")}, GREETING, "no such folder"),
    ({"SELECT": saying(SELECTED.replace(b"7", b"seven"))}, GREETING, "no IMAP"),
    ({"UID SEARCH": saying(b"* SEARCH one two\r\n")}, GREETING, "no IMAP"),
    ({"UID FETCH": saying(HUGE)}, GREETING, "more than it was asked for"),
    ({"UID FETCH": endless}, GREETING, "more than it was asked for"),
)
# Which of their bounds ends these, a machine that is slow decides.
SLOW: tuple[tuple[dict[str, Says], bytes], ...] = (
    ({}, b""),
    ({}, b"220 mail.example.com ESMTP\r\n"),
    ({"LOGIN": silent}, GREETING),
    ({"LOGIN": dripping}, GREETING),
    ({"UID FETCH": saying(b"* 1 FETCH (UID 1 BODY[]<0> {10}\r\n")}, GREETING),
    ({"UID FETCH": dripping}, GREETING),
)


def test_servers_that_lie_are_given_up_told_of_and_tried_again_later(
    mailroom: Mailroom, server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_client, "MOST_AT_ONCE", 200_000)
    with ExitStack() as stack:
        mailboxes = []
        for number, (answers, greeting, _) in enumerate(LIARS):
            port = stack.enter_context(scripted_imap(answers, greeting))
            mailboxes.append(mailroom.add(f"{number}@shop.example", port))
        mailroom.add(user, server.port)
        server.put(user, AUTOREPLY)
        mailroom.collect()
        mailroom.collect()

    for mailbox, (_, _, words) in zip(mailboxes, LIARS, strict=True):
        state = mailroom.state(mailbox)
        assert (state.failures, state.last_read_at) == (1, None), words
        assert words in (state.last_fault or "")
    assert len(mailroom.noted()) == 1  # The one of the server that is well.


def test_servers_that_keep_one_waiting_are_given_up(
    mailroom: Mailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_client, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(turn, "_SECONDS_UNTIL_CUT", 1.0)
    with ExitStack() as stack:
        ports = [stack.enter_context(scripted_imap(*each)) for each in SLOW]
        mailboxes = [mailroom.add(f"{port}@shop.example", port) for port in ports]
        mailroom.collect()

    assert [mailroom.state(mailbox).failures for mailbox in mailboxes] == [1] * len(SLOW)
    assert mailroom.noted() == []


def test_a_server_that_repeats_the_password_does_not_get_it_shown(
    mailroom: Mailroom, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with scripted_imap({"LOGIN": refusing(lambda command: f"what is {command}?")}) as port:
        mailbox = mailroom.add(USER, port)
        mailroom.collect()
        tried = mailroom.app.mailbox_admin().test(mailbox.id)

    told = f"{mailroom.state(mailbox)}{tried}{caplog.text}"
    assert "login was refused" in told
    assert PASSWORD not in told


def repeating_what_follows(connection: socket.socket, tag: str, command: str) -> None:
    connection.sendall(b"+ \r\n")
    refusing(lambda _: connection.recv(1_000).decode().strip())(connection, tag, command)


@pytest.mark.parametrize(
    ("password", "shown"),
    [
        ('quo"mark', "mark"),
        ("two  spaces", "two spaces"),
        ("naïve-secret", "YcOvdmUtc2VjcmV0"),
    ],
)
def test_nor_in_the_form_in_which_the_server_got_it(
    mailroom: Mailroom, password: str, shown: str
) -> None:
    """Quoted, in base64; and as one line, as which it would be told."""
    answers = {
        "LOGIN": refusing(lambda command: f"what is {command}?"),
        "AUTHENTICATE": repeating_what_follows,
    }
    with scripted_imap(answers) as port:
        mailbox = mailroom.add(USER, port, username="bounces-7")
        admin = mailroom.app.mailbox_admin()
        admin.change(mailbox.id, mailbox.settings, password)
        told = admin.test(mailbox.id).fault or ""

    assert "login was refused" in told
    assert shown not in told


def test_one_that_is_away_delays_no_other_and_no_tick(
    app: Application, mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    with refused_port() as closed, scripted_imap({"LOGIN": silent}) as mute:
        for port in (closed, mute):
            mailroom.add(USER, port)
        mailroom.add(user, server.port)
        server.put(user, AUTOREPLY)
        tick.tick(app)
        wait_until(lambda: len(mailroom.noted()) == 1, 60, "what came into the other mailbox")
    mailroom.collect()


OLD = b"* CAPABILITY IMAP4rev1\r\n"


@pytest.mark.parametrize(
    ("offers", "commands"),
    [
        (OLD, ["UID COPY 1 Processed", "UID STORE 1 +FLAGS.SILENT (\\Deleted)"]),
        (
            OLD.replace(b"rev1", b"rev1 UIDPLUS"),
            [
                "UID COPY 1 Processed",
                "UID STORE 1 +FLAGS.SILENT (\\Deleted)",
                "UID EXPUNGE 1",
            ],
        ),
        (OLD.replace(b"rev1", b"rev1 MOVE"), ["UID MOVE 1 Processed"]),
    ],
)
def test_a_message_is_filed_by_what_its_server_can_do_and_no_other_is_touched(
    mailroom: Mailroom, offers: bytes, commands: list[str]
) -> None:
    said: list[str] = []
    answers = {"CAPABILITY": saying(offers), "UID FETCH": having(AUTOREPLY)}
    with scripted_imap(answers, b"* OK ready\r\n", said) as port:
        mailroom.add(USER, port)
        mailroom.collect()

    asked = [each.replace('"', "") for each in said]
    begin = asked.index(commands[0])
    assert asked[begin : begin + len(commands)] == commands
    assert not [each for each in asked if each.startswith("EXPUNGE")]


def test_a_message_that_its_server_cant_give_is_shown_and_keeps_no_other_back(
    mailroom: Mailroom,
) -> None:
    def all_but_the_first(connection: socket.socket, tag: str, command: str) -> None:
        if command.split()[2] == "2":
            having(AUTOREPLY, 2)(connection, tag, command)
        else:
            refusing(lambda _: "[SERVERBUG] internal error")(connection, tag, command)

    answers = {
        "SELECT": saying(SELECTED.replace(b"UIDNEXT 2", b"UIDNEXT 3")),
        "UID SEARCH": saying(b"* SEARCH 1 2\r\n"),
        "UID FETCH": all_but_the_first,
    }
    with scripted_imap(answers) as port:
        mailbox = mailroom.add(USER, port)
        mailroom.collect()

    assert [each.done for each in mailroom.noted()] == [Done.COUNTED, Done.UNREADABLE]
    assert mailroom.state(mailbox).failures == 0
    assert mailroom.state(mailbox).position.last == 2


def test_a_message_that_its_server_does_not_move_keeps_no_other_where_it_is(
    app: Application, mailroom: Mailroom
) -> None:
    numbers = range(1, 6)

    def fetch(connection: socket.socket, tag: str, command: str) -> None:
        for uid in numbers:
            message = AUTOREPLY + str(uid).encode()
            given = b"* %d FETCH (UID %d BODY[]<0> {%d}\r\n%b)\r\n"
            connection.sendall(given % (uid, uid, len(message), message))
        connection.sendall(f"{tag} OK done\r\n".encode())

    def move(connection: socket.socket, tag: str, command: str) -> None:
        is_among = "2" in command.split()[2].split(",")
        answer = refusing(lambda _: "too big for there") if is_among else saying(b"")
        answer(connection, tag, command)

    answers = {
        "SELECT": saying(SELECTED.replace(b"UIDNEXT 2", b"UIDNEXT 6")),
        "UID SEARCH": saying(b"* SEARCH 1 2 3 4 5\r\n"),
        "UID FETCH": fetch,
        "UID MOVE": move,
    }
    with scripted_imap(answers) as port:
        mailbox = mailroom.add(USER, port)
        mailroom.collect()

    with app.database().read() as connection:
        assert [each.place for each in unfiled(connection, mailbox.id)] == ["7.2"]
    assert "too big for there" in (mailroom.state(mailbox).last_fault or "")
    assert mailroom.state(mailbox).position.last == 5


def test_a_few_messages_are_found_whatever_numbers_they_have(mailroom: Mailroom) -> None:
    """A mailbox of many years; and a server that does not say which number comes next."""
    uid = 4_000_000_000
    said: list[str] = []
    answers = {
        "SELECT": saying(b"* FLAGS ()\r\n* 1 EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n"),
        "UID SEARCH": saying(b"* SEARCH %d\r\n" % uid),
        "UID FETCH": having(AUTOREPLY, uid),
    }
    with scripted_imap(answers, said=said) as port:
        mailbox = mailroom.add(USER, port)
        mailroom.collect()

    assert mailroom.state(mailbox).position.last == uid
    assert len([each for each in said if each.startswith("UID SEARCH")]) == 1


def test_a_server_that_gives_no_message_for_now_loses_none(mailroom: Mailroom) -> None:
    """Its storage is away, or it has had enough of us."""
    refuses = [True]

    def fetch(connection: socket.socket, tag: str, command: str) -> None:
        answer = refusing(lambda _: "Server Unavailable. 15") if refuses else having(AUTOREPLY)
        answer(connection, tag, command)

    with scripted_imap({"UID FETCH": fetch}) as port:
        mailbox = mailroom.add(USER, port)
        mailroom.collect()
        failing = mailroom.state(mailbox)
        refuses.clear()
        mailroom.collect_again()

    assert (failing.failures, failing.position.last) == (1, 0)
    assert "Server Unavailable" in (failing.last_fault or "")
    assert [each.done for each in mailroom.noted()] == [Done.COUNTED]
    assert mailroom.state(mailbox).failures == 0


def test_it_rests_longer_each_time_and_as_long_as_it_is_asked_to() -> None:
    rests = [rest_after(failures, None) for failures in (1, 2, 3, 6, 7, 1_000)]

    assert rests == [60, 120, 240, 1_800, 1_800, 1_800]
    assert rest_after(1, 3_600) == 3_600


@pytest.mark.parametrize(
    ("port_of", "tls"),
    [
        (lambda server: server.tls_port, TlsMode.IMPLICIT),
        (lambda server: server.port, TlsMode.STARTTLS),
    ],
)
def test_a_connection_is_secured_and_its_certificate_is_looked_at(
    mailroom: Mailroom,
    server: Dovecot,
    user: str,
    tls_files: TlsFiles,
    port_of: Callable[[Dovecot], int],
    tls: TlsMode,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    admin = mailroom.app.mailbox_admin()
    mailbox = mailroom.add(user, port_of(server), tls=tls, host="localhost")
    strange = admin.test(mailbox.id)
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_files.authority))
    trusted = admin.test(mailbox.id)

    assert "certificate is not trusted" in (strange.fault or "")
    assert (trusted.messages, trusted.fault) == (0, None)


def test_a_mailbox_may_hold_more_than_a_turn_takes(
    mailroom: Mailroom, server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "MOST_A_TURN", 3)
    monkeypatch.setattr(turn, "_AT_ONCE", 2)
    mailroom.add(user, server.port)
    server.put(user, *(AUTOREPLY + f"{number}\n".encode() for number in range(7)))

    turns = 0
    while server.messages(user):
        mailroom.collect()
        turns += 1

    assert turns == 3
    assert len(mailroom.noted()) == len(server.messages(user, "Processed")) == 7
