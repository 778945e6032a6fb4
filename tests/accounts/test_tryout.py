"""Trying an account: each step, and what the server said to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from shared.accounts import connection_test
from tests.accounts.conftest import Ask
from tests.support.queue import Queue
from tests.support.smtp import Hang, SmtpServer, TlsFiles, refused_port

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
    assert [(step["step"], step["success"]) for step in told["steps"]] == [
        ("connect", True),
        ("ehlo", True),
        ("login", True),
        ("noop", True),
        ("quit", True),
    ]
    assert told["steps"][2]["answer"] == "235 2.7.0 welcome"
    assert server.messages == []
    assert not any(line.startswith("MAIL") for _, line in server.commands)


def test_tls_is_a_step_of_its_own(ask: Ask, smtp_server: Servers, trusted: TlsFiles) -> None:
    server = smtp_server(tls=trusted, login=LOGIN)

    told = tried(ask, server, "hush", use_tls=True)

    steps = [step["step"] for step in told["steps"]]
    assert steps == ["connect", "ehlo", "tls", "tls", "ehlo", "login", "noop", "quit"]
    assert told["steps"][3]["answer"].startswith("TLSv1.")


def test_the_step_that_fails_comes_last_with_the_servers_words(
    ask: Ask, smtp_server: Servers
) -> None:
    told = tried(ask, smtp_server(login=LOGIN), "wrong password")

    assert not told["success"]
    assert told["steps"][-1]["step"] == "login"
    assert "535 5.7.8" in told["steps"][-1]["answer"]
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

    assert absent["steps"][-1]["answer"] == "cannot connect: connection refused"
    assert not hung["success"]
    assert time.monotonic() - began < 5


def test_a_row_that_cannot_be_used_is_told(ask: Ask, queue: Queue) -> None:
    number = queue.account(2525, SMTPAccountName="shop", SMTPPassword="secret:smtp-lost")

    told = ask("POST", f"/{number}/test").json

    assert (told["success"], told["steps"][-1]["step"]) == (False, "account")
    assert "enter it again" in told["message"]
