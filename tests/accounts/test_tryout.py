"""Trying an account: each step, and what the server said to it."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.accounts import connection_test
from tests.accounts.conftest import Ask
from tests.support.queue import Queue
from tests.support.smtp import Command, Hang, SmtpServer, TlsFiles, refused_port

Servers = Callable[..., SmtpServer]
LOGIN = ("shop", "hush")


def tried(ask: Ask, server: SmtpServer | int, password: str = "", **given: Any) -> Any:
    port = server if isinstance(server, int) else server.port
    login = {"username": "shop", "password": password} if password else {}
    settings = {"smtp_host": "127.0.0.1", "smtp_port": port, "use_tls": False} | login | given
    created = ask("POST", name="A", email_address="a@b.example", **settings)
    assert created.status == 201
    reply = ask("POST", f"/{created.json['config_id']}/test")
    assert reply.status == 200
    return reply.json


def test_each_step_is_told_and_nothing_is_sent(ask: Ask, smtp_server: Servers) -> None:
    server = smtp_server(login=LOGIN)

    told = tried(ask, server, "hush")

    assert told["success"]
    assert [(step["step"], step["ok"]) for step in told["steps"]] == [
        ("connect", True),
        ("ehlo", True),
        ("login", True),
        ("noop", True),
        ("quit", True),
    ]
    assert told["steps"][2]["detail"] == "235 2.7.0 welcome"
    assert server.messages == []
    assert not any(line.startswith("MAIL") for _, line in server.commands)


def test_tls_is_a_step_of_its_own(ask: Ask, smtp_server: Servers, trusted: TlsFiles) -> None:
    server = smtp_server(tls=trusted, login=LOGIN)

    told = tried(ask, server, "hush", use_tls=True)

    steps = [step["step"] for step in told["steps"]]
    assert steps == ["connect", "ehlo", "tls", "tls", "ehlo", "login", "noop", "quit"]
    assert told["steps"][3]["detail"].startswith("TLSv1.")


def test_the_step_that_fails_comes_last_with_the_servers_words(
    ask: Ask, smtp_server: Servers
) -> None:
    told = tried(ask, smtp_server(login=LOGIN), "wrong password")

    assert not told["success"]
    assert told["steps"][-1]["step"] == "login"
    assert "535 5.7.8" in told["steps"][-1]["detail"]
    assert "535 5.7.8" in told["message"]
    assert "wrong password" not in str(told)


def test_a_server_that_is_not_there_and_one_that_says_nothing_are_told(
    ask: Ask, smtp_server: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_test, "LONGEST_SECONDS", 0.5)
    silent = smtp_server(reactions={"EHLO": Hang()})

    began = time.monotonic()
    with refused_port() as port:
        absent = tried(ask, port)
    hung = tried(ask, silent)

    assert absent["steps"][-1]["detail"] == "cannot connect: connection refused"
    assert not hung["success"]
    assert time.monotonic() - began < 30


def test_a_row_that_cannot_be_used_is_told(ask: Ask, queue: Queue) -> None:
    number = queue.account(2525, SMTPAccountName="shop", SMTPPassword="secret:smtp-lost")

    told = ask("POST", f"/{number}/test").json

    assert (told["success"], told["steps"][-1]["step"]) == (False, "account")
    assert "enter it again" in told["message"]


def test_what_was_said_is_told_without_what_is_secret(ask: Ask, smtp_server: Servers) -> None:
    def repeat(command: Command) -> bytes | None:
        return None if command.verb != "AUTH" else b"535 5.7.8 I don't know " + secret

    password = "correct horse"
    secret = base64.b64encode(f"\0shop\0{password}".encode())
    told = tried(ask, smtp_server(login=("shop", password), reactions={"AUTH": repeat}), password)

    said = [(line["by"], line["line"]) for line in told["conversation"]]
    assert said[0] == ("server", "220 test.example ESMTP")
    assert said[1][1].startswith("EHLO ")
    assert said[-2:] == [
        ("client", "AUTH PLAIN ***"),
        ("server", "535 5.7.8 I don't know ***"),
    ]
    assert password not in str(told)
    assert secret.decode() not in str(told)


def test_a_login_in_steps_is_told_without_its_words(ask: Ask, smtp_server: Servers) -> None:
    told = tried(ask, smtp_server(login=LOGIN, login_methods="LOGIN"), "hush")

    said = [line["line"] for line in told["conversation"] if line["by"] == "client"]
    assert said[1:] == ["AUTH LOGIN", "***", "***", "NOOP", "QUIT"]


def test_the_server_s_limits_and_what_the_account_may_do_are_told(
    ask: Ask, smtp_server: Servers
) -> None:
    extensions = ("PIPELINING", "SMTPUTF8", "LIMITS MAILMAX=10 RCPTMAX=7")
    told = tried(ask, smtp_server(login=LOGIN, extensions=extensions, size_limit=9_999), "hush")

    assert told["limits"] == {
        "message_bytes": 9_999,
        "emails_per_connection": 10,
        "recipients_per_email": 7,
    }
    assert told["offered"] == {
        "login_methods": ["PLAIN", "LOGIN"],
        "smtputf8": True,
        "pipelining": True,
        "extensions": ["PIPELINING", "SMTPUTF8", "LIMITS", "SIZE", "AUTH"],
    }
    assert told["tls"] is None


def test_the_certificate_says_for_whom_and_until_when_it_is_good(
    ask: Ask, smtp_server: Servers, trusted: TlsFiles
) -> None:
    told = tried(ask, smtp_server(tls=trusted), use_tls=True)

    assert told["tls"]["version"].startswith("TLSv1.")
    certificate = told["tls"]["certificate"]
    assert certificate["subject"] == "commonName=localhost"
    assert certificate["issuer"] == "commonName=Test authority"
    assert certificate["names"] == ["localhost", "127.0.0.1"]
    left = datetime.fromisoformat(certificate["valid_until"]) - datetime.now(UTC)
    assert timedelta(days=29) < left <= timedelta(days=30)


def test_of_a_server_that_is_not_there_nothing_else_is_told(ask: Ask) -> None:
    with refused_port() as port:
        told = tried(ask, port)

    assert (told["conversation"], told["tls"], told["offered"]) == ([], None, None)
    assert set(told["limits"].values()) == {None}
