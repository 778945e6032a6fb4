"""What an application wrote into one account's row is that account's problem, named at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.accounts.shown import shown_accounts
from shared.app import Application
from shared.delivery import tick
from shared.settings import Settings
from tests.support.queue import Queue
from tests.support.smtp import SmtpServer


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    here = Application(Settings(ROWPOST_DATA=tmp_path))
    yield Queue(here)
    here.close()


@pytest.mark.parametrize(
    ("column", "written", "words"),
    [
        (
            "Rowpost_MaxConnections",
            "'many'",
            "Rowpost_MaxConnections is no number: it holds 'many'",
        ),
        ("Rowpost_DayLimit", "'1 thousand'", "Rowpost_DayLimit is no number"),
        ("Rowpost_HourLimit", "99999999999", "Rowpost_HourLimit is no number"),
        ("Rowpost_MinuteLimit", "x'00ff'", "Rowpost_MinuteLimit is no number"),
        ("Rowpost_FallbackId", "'SHOP'", "Rowpost_FallbackId is no number"),
        ("SMTPPort", "'smtp'", "SMTPPort is no number"),
        ("SMTPPort", "70000", "SMTPPort is 70000"),
        ("SMTPPort", "-1", "SMTPPort is -1"),
        ("ApplicationName", "x'00ff'", "ApplicationName is no text"),
        ("Rowpost_Name", "x'00ff'", "Rowpost_Name is no text"),
        ("SMTPServer", "x'00ff'", "SMTPServer is no text"),
        ("SMTPAccountName", "x'ff'", "SMTPAccountName is no text"),
        ("IsActive", "x'59'", "IsActive is no text"),
        ("Rowpost_CountsRecipients", "x'ff'", "Rowpost_CountsRecipients is no text"),
    ],
)
def test_it_names_what_cannot_be_read_and_all_others_send(
    queue: Queue,
    smtp_server: Callable[..., SmtpServer],
    column: str,
    written: str,
    words: str,
) -> None:
    server = smtp_server()
    queue.account(server, "GOOD", Rowpost_Default="Y")
    bad = queue.account(server, "BAD")
    with queue.database.write() as connection:
        connection.exec_driver_sql(
            f"UPDATE tbl_EMailParameters SET {column} = {written} WHERE Rowpost_Id = {bad}"
        )
    queue.add(1)
    queue.add(1, dd_EmailParamCode="BAD")

    tick.tick(queue.application)

    assert len(server.messages) == 1
    states = {shown.id: shown.state for shown in shown_accounts(queue.application)}
    state = states[bad]
    assert state is not None
    assert state.state == "unusable"
    assert words in (state.reason or "")
    assert any(words in problem for problem in queue.application.health.check().problems)


@pytest.mark.parametrize(("column", "written"), [("SMTPPort", "'{port}'"), ("ParamCode", "4711")])
def test_what_makes_sense_is_read_as_what_it_says(
    queue: Queue, smtp_server: Callable[..., SmtpServer], column: str, written: str
) -> None:
    server = smtp_server()
    queue.account(server, Rowpost_Default="Y")
    with queue.database.write() as connection:
        connection.exec_driver_sql(
            f"UPDATE tbl_EMailParameters SET {column} = {written.format(port=server.port)}"
        )
    queue.add(1)

    tick.tick(queue.application)

    assert len(server.messages) == 1
