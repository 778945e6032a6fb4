"""A test email: over which account it goes, and what is told when the mail server refuses."""

from __future__ import annotations

import email
import time
from collections.abc import Callable
from typing import Any

import pytest

from shared.app import Application
from shared.delivery import test_email
from shared.scheduling import service_state
from tests.support.api import Client, Reply
from tests.support.queue import Queue
from tests.support.smtp import Hang, SmtpServer
from tests.support.tools import free_port

Servers = Callable[..., SmtpServer]
ADDRESS = "ann@example.com"


@pytest.fixture
def ask(client: Client, token: str) -> Callable[..., Reply]:
    return lambda **body: client.post("api/email-test", {"email": ADDRESS, **body}, token=token)


@pytest.fixture
def queue(app: Application) -> Queue:
    return Queue(app)


def test_it_arrives_although_the_service_is_stopped_and_the_queue_is_not_touched(
    queue: Queue, ask: Callable[..., Reply], smtp_server: Servers
) -> None:
    server = smtp_server()
    queue.account(server)
    queue.add()
    queue.database.run(lambda connection: service_state.stop(connection, "test"))

    reply = ask()

    assert reply.status == 200
    (accepted,) = server.messages
    message = email.message_from_bytes(accepted.content)
    assert reply.json == {
        "success": True,
        "messageId": message["Message-ID"],
        "recipient": ADDRESS,
        "account": {"id": 1, "paramCode": "SHOP", "sender": "shop@example.com"},
    }
    assert message["From"] == "The Shop <shop@example.com>"
    assert message["To"] == ADDRESS
    assert queue.states() == {"N": 1}


def test_it_goes_over_the_account_that_is_named(
    queue: Queue, ask: Callable[..., Reply], smtp_server: Servers
) -> None:
    default, named = smtp_server(), smtp_server()
    queue.account(default, "SHOP", Rowpost_Default="Y")
    queue.account(named, "BILLS")

    assert ask(paramCode="BILLS").status == 200
    assert ask(paramCode="bills").status == 200, "as the queue reads a code"
    assert ask().status == 200

    assert (len(default.messages), len(named.messages)) == (1, 2)


@pytest.mark.parametrize(
    ("reactions", "words"),
    [
        ({"RCPT": b"550 5.1.1 nobody of that name"}, "550 5.1.1 nobody of that name"),
        ({"MAIL": b"530 5.7.1 log in first"}, "530 5.7.1 log in first"),
        ({"DATA_END": b"554 5.7.1 that is spam"}, "554 5.7.1 that is spam"),
        ({"CONNECT": b"554 5.3.2 closed today"}, "554 5.3.2 closed today"),
        ({"DATA": b"451 4.3.0 later"}, "451 4.3.0 later"),
    ],
)
def test_the_mail_servers_own_words_are_told(
    queue: Queue,
    ask: Callable[..., Reply],
    smtp_server: Servers,
    reactions: dict[str, Any],
    words: str,
) -> None:
    queue.account(smtp_server(reactions=reactions))

    reply = ask()

    assert (reply.status, reply.json["code"]) == (502, "mail_server_refused")
    assert words in reply.json["message"]


def test_a_server_that_is_not_there_or_says_nothing_takes_its_bounded_time(
    queue: Queue,
    ask: Callable[..., Reply],
    smtp_server: Servers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(test_email, "LONGEST_SECONDS", 0.5)
    queue.account(smtp_server(reactions={"RCPT": Hang()}), "SILENT")
    queue.account(free_port(), "ABSENT")

    began = time.monotonic()
    silent, absent = ask(paramCode="SILENT"), ask(paramCode="ABSENT")

    assert (silent.status, absent.status) == (502, 502)
    assert "did not answer in time" in silent.json["message"]
    assert "connection refused" in absent.json["message"]
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    "address",
    ["", "no address", "a@b.example; c@d.example", "a@b.example\r\nBcc: x@y.example", "a" * 321],
)
def test_what_is_no_address_is_refused_by_name(
    queue: Queue, ask: Callable[..., Reply], smtp_server: Servers, address: str
) -> None:
    server = smtp_server()
    queue.account(server)

    reply = ask(email=address)

    assert reply.status == 422
    assert [error["field"] for error in reply.json["errors"]] == ["email"]
    assert server.commands == []


def test_an_account_that_is_unknown_or_unusable_is_told(
    queue: Queue, ask: Callable[..., Reply]
) -> None:
    nothing = ask()
    queue.account(free_port(), "OFF", IsActive="N")
    queue.account(free_port(), "LOST", SMTPAccountName="shop", SMTPPassword="secret:smtp-lost")
    unknown, inactive, lost = ask(paramCode="WHO"), ask(paramCode="OFF"), ask(paramCode="LOST")

    assert (nothing.status, nothing.json["code"]) == (409, "account_unusable")
    for reply in (unknown, inactive):
        assert (reply.status, reply.json["errors"][0]["field"]) == (422, "paramCode")
    assert (lost.status, lost.json["code"]) == (409, "account_unusable")
    assert "enter it again" in lost.json["message"]
