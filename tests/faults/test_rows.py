"""Rows that are no proper emails: each fails alone, or is sent as well as can be."""

from __future__ import annotations

import email
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from shared.accounts.directory import load_accounts
from shared.delivery import tick
from tests.faults.senders import settings_for
from tests.support.queue import Queue, make_queue
from tests.support.smtp import SmtpServer


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path))
    yield made
    made.application.close()


@pytest.mark.parametrize(
    ("columns", "flag", "reason"),
    [
        ({"dd_toEmailid": "no address"}, "F", "no address"),
        ({"dd_toEmailid": ""}, "F", "no recipient"),
        ({"dd_toEmailid": None}, "F", "no recipient"),
        ({"dd_toEmailid": "a@b.org\r\nBcc: c@d.org"}, "F", ""),
        ({"dd_subject": "Hi\r\nBcc: c@d.org"}, "F", "line break"),
        ({"dd_subject": None}, "Y", ""),
        ({"dd_bodyText": "x" * 5000}, "Y", ""),
        ({"dd_bodyText": "a\0b"}, "Y", ""),
        ({"dd_bodyText": None}, "Y", ""),
        ({"dd_document": b"x" * 30_000_000, "dd_filename": "large.bin"}, "Y", ""),
        ({"dd_document": b"", "dd_filename": None}, "Y", ""),
        (
            {"dd_toEmailid": "user@good.example(x)evil.example"},
            "F",
            "' ' may not stand in a domain",
        ),
        ({"dd_toEmailid": '"john doe"@example.com'}, "Y", ""),
        ({"dd_toEmailid": 'Jane "JJ" Doe <jane@example.com>'}, "Y", ""),
        ({"dd_Headers": '{"X-A": null, "X-B": "b"}'}, "Y", ""),
        ({"dd_Sender": "a@x.org, b@x.org"}, "F", "one email address"),
    ],
    ids=str,
)
def test_a_bad_row_fails_alone(
    queue: Queue,
    smtp_server: Callable[..., SmtpServer],
    columns: dict[str, Any],
    flag: str,
    reason: str,
) -> None:
    server = smtp_server()
    queue.account(server)
    before, (odd,), after = queue.add(2), queue.add(**columns), queue.add(2)

    tick.force(queue.application, 20)

    became = queue.became(odd)
    assert became.state == flag
    assert reason in became.reason
    assert {queue.became(number).state for number in before + after} == {"Y"}
    assert all(number == 1 for number in server.copies().values())


def test_text_that_is_no_unicode_fails_alone(
    queue: Queue, smtp_server: Callable[..., SmtpServer]
) -> None:
    server = smtp_server()
    queue.account(server)
    odd, fine = queue.add(1)[0], queue.add(3)
    with queue.database.write() as connection:
        connection.execute(
            text(
                "UPDATE Digital_Emaildetails SET dd_subject = CAST(x'ff80' AS TEXT) "
                "WHERE dd_srno = :odd"
            ),
            {"odd": odd},
        )

    tick.force(queue.application, 10)

    assert "Unicode" in queue.became(odd).reason
    assert {queue.became(number).state for number in fine} == {"Y"}


def test_a_long_line_arrives_as_it_was(
    queue: Queue, smtp_server: Callable[..., SmtpServer]
) -> None:
    server = smtp_server()
    queue.account(server)
    queue.add(dd_bodyText="y" * 5000)

    tick.force(queue.application, 10)

    (message,) = server.messages
    assert max(map(len, message.content.split(b"\r\n"))) <= 998
    payload = email.message_from_bytes(message.content).get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.strip() == b"y" * 5000


def test_a_header_that_is_null_is_left_out(
    queue: Queue, smtp_server: Callable[..., SmtpServer]
) -> None:
    server = smtp_server()
    queue.account(server)
    queue.add(dd_Headers='{"X-A": null, "X-B": 17}')

    tick.force(queue.application, 10)

    read = email.message_from_bytes(server.messages[0].content)
    assert (read["X-A"], read["X-B"]) == (None, "17")


@pytest.mark.parametrize("extensions", [("PIPELINING",), ("PIPELINING", "SMTPUTF8")], ids=str)
def test_a_sender_with_an_international_domain_sends_everywhere(
    queue: Queue, smtp_server: Callable[..., SmtpServer], extensions: tuple[str, ...]
) -> None:
    server = smtp_server(extensions=extensions)
    queue.account(server, SMTPMailId="post@müller.example")
    (number,) = queue.add(dd_ReplyTo="antwort@bücher.example", dd_toEmailid="a@例子.广告")

    tick.force(queue.application, 10)

    assert queue.became(number).state == "Y"
    (message,) = server.messages
    assert message.sender == "post@xn--mller-kva.example"
    assert message.recipients == ("a@xn--fsqu00a.xn--4rr70v",)
    assert message.message_id.endswith("@xn--mller-kva.example>")
    assert message.content.isascii()


def test_only_the_address_that_a_server_cannot_take_is_left_out(
    queue: Queue, smtp_server: Callable[..., SmtpServer]
) -> None:
    server = smtp_server(extensions=("PIPELINING",))
    queue.account(server)
    (some,) = queue.add(dd_toEmailid="a@example.com; jörg@example.com; b@müller.example")
    (none,) = queue.add(dd_toEmailid="jörg@example.com")

    tick.force(queue.application, 10)

    (message,) = server.messages
    assert message.recipients == ("a@example.com", "b@xn--mller-kva.example")
    assert message.content.isascii()
    assert queue.became(some).state == "Y"
    assert "jörg@example.com" in queue.became(some).reason
    assert "SMTPUTF8" in queue.became(some).reason
    assert queue.became(none).state == "F"
    assert "SMTPUTF8" in queue.became(none).reason


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        ({"ApplicationName": "Shop\r\nBcc: evil@example.org"}, "ApplicationName"),
        ({"SMTPMailId": "no address"}, "SMTPMailId"),
    ],
    ids=str,
)
def test_a_defect_of_the_account_costs_no_email(
    queue: Queue,
    smtp_server: Callable[..., SmtpServer],
    account: dict[str, Any],
    reason: str,
) -> None:
    server = smtp_server()
    queue.account(server, **account)
    (number,) = queue.add()

    tick.force(queue.application, 2)

    assert (queue.became(number).state, queue.became(number).retries) == ("N", 0)
    with queue.database.read() as connection:
        book = load_accounts(connection, queue.application.secrets, queue.application.settings)
    assert reason in book.unusable[0].reason
