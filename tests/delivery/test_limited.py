"""Accounts with limits at work: what goes, what waits, and what senders that die leave behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, update

from shared.app import Application
from shared.database.tables import quotas, reservations
from shared.delivery.dispatcher import Drained, Order, drain
from tests.faults import senders
from tests.faults.senders import settings_for
from tests.support.emails import states
from tests.support.queue import Queue, make_queue
from tests.support.smtp import Late, SmtpServer

Servers = Callable[..., SmtpServer]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path, lease_seconds=60))
    yield made
    made.application.close()


def sent(application: Application, seconds: float = 20) -> Drained:
    return drain(application, Order(seconds=seconds))


def used_today(queue: Queue) -> int:
    with queue.database.read() as connection:
        return connection.scalar(select(quotas.c.DayUsed)) or 0


def nothing_is_reserved(queue: Queue) -> bool:
    with queue.database.read() as connection:
        return connection.execute(select(reservations)).first() is None


def test_what_is_over_the_limit_waits_without_losing_an_attempt(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    queue.account(server, Rowpost_DayLimit=20)
    queue.add(50)

    first, again = sent(queue.application), sent(queue.application)

    assert (first.sent, again.sent, first.finished, again.finished) == (20, 0, True, True)
    assert queue.states() == {"Y": 20, "N": 30}
    assert {email.retries for email in queue.emails()} == {0}
    assert len(server.messages) == 20
    assert nothing_is_reserved(queue)


def test_the_next_window_lets_the_rest_go(queue: Queue, smtp_server: Servers) -> None:
    queue.account(smtp_server(), Rowpost_DayLimit=20)
    queue.add(30)
    sent(queue.application)

    with queue.database.write() as connection:
        connection.execute(update(quotas).values(Minute=quotas.c.Minute - 1440))

    assert sent(queue.application).sent == 10


def test_another_account_goes_on(queue: Queue, smtp_server: Servers) -> None:
    queue.account(smtp_server(), "SMALL", Rowpost_DayLimit=3, Rowpost_Default="Y")
    queue.account(smtp_server(), "FREE")
    queue.add(10)
    queue.add(100, dd_EmailParamCode="FREE")

    assert sent(queue.application).sent == 103


def test_recipients_count_where_the_provider_counts_them(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    queue.account(server, Rowpost_DayLimit=25, Rowpost_CountsRecipients="D")
    ten = "; ".join(f"p{number}@example.com" for number in range(10))
    queue.add(3, dd_toEmailid=ten)
    queue.add(10)

    sent(queue.application)

    assert sum(len(message.recipients) for message in server.messages) == 25
    assert states(queue.database) == "YYNYYYYYNNNNN"


def test_an_email_that_no_window_can_hold_fails_and_says_why(
    queue: Queue, smtp_server: Servers
) -> None:
    queue.account(smtp_server(), Rowpost_HourLimit=5, Rowpost_CountsRecipients="H")
    six = "; ".join(f"p{number}@example.com" for number in range(6))
    (email_id,) = queue.add(dd_toEmailid=six)
    queue.add(2)

    sent(queue.application)

    assert queue.states() == {"F": 1, "Y": 2}
    assert queue.became(email_id).reason == (
        "it has 6 recipients, and its account may send to 5 in one hour"
    )


def test_what_is_refused_before_its_mark_is_released(queue: Queue, smtp_server: Servers) -> None:
    refused = {"bad@example.com": b"550 5.1.1 nobody"}
    server = smtp_server(reactions={"RCPT": refused})
    queue.account(server, Rowpost_DayLimit=10)
    queue.add(5, dd_toEmailid="bad@example.com")
    queue.add(20)

    sent(queue.application)

    assert queue.states() == {"F": 5, "Y": 10, "N": 10}
    assert used_today(queue) == 10


def test_a_pause_releases_what_was_claimed(queue: Queue, smtp_server: Servers) -> None:
    queue.account(smtp_server(reactions={"MAIL": b"535 5.7.8 no"}), Rowpost_DayLimit=1000)
    queue.add(100)

    sent(queue.application)

    assert used_today(queue) == 0
    assert nothing_is_reserved(queue)


def test_waiting_for_quota_asks_the_database_seldom(queue: Queue, smtp_server: Servers) -> None:
    """Another account is busy all the while."""
    queue.account(smtp_server(), "SMALL", Rowpost_DayLimit=1, Rowpost_Default="Y")
    queue.account(smtp_server(reactions={"DATA_END": Late(0.5)}), "SLOW")
    queue.add(5)
    queue.add(8, dd_EmailParamCode="SLOW")
    asked = 0

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        nonlocal asked
        asked += "Rowpost_Quotas" in statement

    event.listen(queue.database.engine, "before_cursor_execute", note)
    began = time.monotonic()
    sent(queue.application)
    took = time.monotonic() - began

    assert asked <= 6 + 2 * took


def test_an_account_without_limits_costs_no_statement(queue: Queue, smtp_server: Servers) -> None:
    queue.account(smtp_server())
    queue.add(200)
    statements: list[str] = []
    event.listen(
        queue.database.engine,
        "before_cursor_execute",
        lambda _, __, statement, *___: statements.append(statement),
    )

    assert sent(queue.application).sent == 200

    assert not [one for one in statements if "Quotas" in one or "Reservations" in one]


@pytest.mark.parametrize(("step", "nth"), [("claim", 2), ("mark", 5)])
def test_four_senders_of_whom_one_is_killed_keep_to_the_limit_and_use_it(
    tmp_path: Path, smtp_server: Servers, step: str, nth: int
) -> None:
    limit = 300
    queue = make_queue(settings_for(tmp_path))
    server = smtp_server(reactions={"RCPT": Late(0.002)})
    queue.account(server, Rowpost_DayLimit=limit)
    queue.add(500)

    victim = senders.start(tmp_path, step, nth)
    deadline = time.monotonic() + senders.LONGEST_SECONDS
    # Else the others may use up the limit before it gets anything.
    while victim.is_alive() and not server.messages:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    others = [senders.start(tmp_path) for _ in range(3)]
    try:
        victim.join(senders.LONGEST_SECONDS)
        assert victim.exitcode == -signal.SIGKILL
        deadline = time.monotonic() + senders.LONGEST_SECONDS
        # In this order: what is given back is used no more, and another sender takes it.
        while (
            {"P", "T"} & set(queue.states())
            or used_today(queue) < limit
            or not nothing_is_reserved(queue)
        ):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        for other in others:
            os.kill(other.pid or 0, signal.SIGKILL)
            other.join(10)

    # What a sender that lost its lease may have sent counts as sent.
    assert limit * 0.9 <= len(server.messages) <= limit
    assert used_today(queue) == limit
    queue.application.close()
