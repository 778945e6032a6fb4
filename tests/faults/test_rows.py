"""Rows that are no proper emails: each fails alone, or is sent as well as can be."""

from __future__ import annotations

import email
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

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
