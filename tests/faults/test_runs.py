"""A scheduled run is done when its emails are gone, not when it was begun."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from shared.accounts.pauses import end_pause
from shared.app import Application, use
from shared.configuration.document import Configuration, EmailSchedule
from shared.database.tables import accounts
from shared.delivery import tick
from shared.delivery.wakeups import Wakeup
from shared.outbox.states import BOTH_LANES, Flag
from shared.scheduling import service_state
from tests.faults import senders
from tests.faults.senders import settings_for
from tests.support.emails import let_leases_run_out, let_retries_come_due
from tests.support.queue import Queue, make_queue
from tests.support.smtp import SmtpServer

Servers = Callable[..., SmtpServer]
DAILY = EmailSchedule(interval=24, interval_unit="hours")


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path, lease_seconds=60, retry_seconds=60))
    keep(made.application, DAILY)
    yield made
    made.application.close()


def keep(application: Application, schedule: EmailSchedule) -> None:
    application.configuration.save(lambda _: Configuration(email=schedule))


def run_is_open(queue: Queue) -> bool:
    with queue.database.read() as connection:
        return service_state.status(connection).run_since is not None


def tick_and_die(folder: Path, after: int) -> None:
    """A tick of a process of its own that dies when so many emails have been composed."""
    senders.die_at("claim", after + 1)
    application = Application(settings_for(folder, lease_seconds=60, connections=1))
    use(application)
    tick.tick(application)


@pytest.mark.parametrize("after", [0, 1, 19])
def test_what_a_dead_sender_left_of_a_run_goes_with_the_next_tick(
    queue: Queue, smtp_server: Servers, tmp_path: Path, after: int
) -> None:
    queue.account(smtp_server())
    queue.add(20)
    forks = multiprocessing.get_context("forkserver")
    sender = forks.Process(target=tick_and_die, args=(tmp_path, after), daemon=True)
    sender.start()
    sender.join(30)
    assert sender.exitcode == -9
    assert queue.states()["Y"] <= after

    tick.tick(queue.application)
    let_leases_run_out(queue.database)
    tick.tick(queue.application)
    let_leases_run_out(queue.database)
    tick.tick(queue.application)

    assert set(queue.states()) <= {"Y", "U"}
    # The email on its way, and the one behind it.
    assert queue.states()["U"] <= 2


def test_what_is_stored_after_a_run_waits_for_the_next_one(
    queue: Queue, smtp_server: Servers
) -> None:
    queue.account(smtp_server())
    queue.add(3)
    assert tick.tick(queue.application).ran_schedule
    (later,) = queue.add()

    assert not tick.tick(queue.application).ran_schedule
    tick.tick(queue.application)

    assert not run_is_open(queue)
    assert queue.states() == {"Y": 3, "N": 1}
    assert queue.became(later).state == "N"


def test_an_account_that_rests_keeps_its_own_run_open_and_nobody_elses(
    queue: Queue, smtp_server: Servers
) -> None:
    refusals = [b"421 4.3.2 going down"]
    answers = {"MAIL": lambda _: refusals[0] if refusals else None}
    account = queue.account(smtp_server(reactions=answers), "AWAY")
    queue.account(smtp_server(), "SHOP", Rowpost_Default="Y")
    away, _ = queue.add(3, dd_EmailParamCode="AWAY"), queue.add(3)
    tick.tick(queue.application)
    assert queue.states() == {"N": 3, "Y": 3}
    (later,) = queue.add()

    tick.tick(queue.application)
    assert run_is_open(queue)
    refusals.clear()
    queue.database.run(lambda connection: end_pause(connection, account))
    tick.tick(queue.application)
    tick.tick(queue.application)

    assert {queue.became(email_id).state for email_id in away} == {"Y"}
    assert queue.became(later).state == "N"
    assert not run_is_open(queue)


def test_what_the_server_puts_off_goes_with_the_run_that_tried_it(
    queue: Queue, smtp_server: Servers
) -> None:
    replies = [b"450 4.2.1 busy"]
    answers = {"RCPT": lambda _: replies.pop() if replies else None}
    queue.account(smtp_server(reactions=answers))
    (tried,) = queue.add()
    tick.tick(queue.application)
    assert queue.states() == {"N": 1}
    (later,) = queue.add()
    tick.tick(queue.application)
    tick.tick(queue.application)
    assert run_is_open(queue)
    assert queue.became(later).state == "N", "it waits for the next run meanwhile"

    let_retries_come_due(queue.database)
    tick.tick(queue.application)
    tick.tick(queue.application)

    assert queue.became(tried).state == "Y"
    assert not run_is_open(queue)


def test_an_email_for_the_year_2100_keeps_no_run_open(queue: Queue, smtp_server: Servers) -> None:
    queue.account(smtp_server())
    queue.add(dd_SendAt=datetime(2100, 1, 1, tzinfo=UTC))
    tick.tick(queue.application)

    tick.tick(queue.application)

    assert not run_is_open(queue)


@pytest.mark.parametrize("admitted", [False, True])
def test_an_email_that_no_account_answers_for_keeps_no_run_open(
    queue: Queue, smtp_server: Servers, admitted: bool
) -> None:
    account = queue.account(smtp_server(), "NEWS")
    queue.account(smtp_server(), "SHOP", Rowpost_Default="Y")
    if admitted:
        queue.add(dd_EmailParamCode="NEWS", dd_SendAt=datetime.now(UTC) + timedelta(hours=1))
        tick.tick(queue.application)
        let_retries_come_due(queue.database)
    else:
        queue.add(dd_EmailParamCode="NEWS")
    with queue.database.write() as connection:
        off = update(accounts).where(accounts.c.Rowpost_Id == account).values(IsActive="N")
        connection.execute(off)
    tick.tick(queue.application)

    tick.tick(queue.application)
    tick.tick(queue.application)

    assert not run_is_open(queue)


def test_a_run_ends_when_its_window_closes(queue: Queue, smtp_server: Servers) -> None:
    refusing = {"MAIL": b"421 4.3.2 going down"}
    queue.account(smtp_server(reactions=refusing))
    queue.add()
    tick.tick(queue.application)
    tick.tick(queue.application)
    assert run_is_open(queue)

    now = datetime.now(UTC)
    keep(queue.application, DAILY.model_copy(update=closed_at(now)))
    tick.tick(queue.application)

    assert not run_is_open(queue)
    assert queue.states() == {"N": 1}


def closed_at(now: datetime) -> dict[str, str]:
    opens, closes = now - timedelta(hours=3), now - timedelta(hours=1)
    return {"start_time": f"{opens:%H:%M}", "end_time": f"{closes:%H:%M}"}


def test_a_woken_sender_sends_of_an_open_run_what_is_of_it(
    queue: Queue, smtp_server: Servers
) -> None:
    answers = {"MAIL": b"421 4.3.2 going down"}
    queue.account(smtp_server(reactions=answers), "AWAY")
    queue.account(smtp_server(), "SHOP", Rowpost_Default="Y")
    queue.add(dd_EmailParamCode="AWAY")
    tick.tick(queue.application)
    (later,) = queue.add()
    (now,) = queue.add(dd_Lane="immediate")

    tick.drain_woken(queue.application, Wakeup(BOTH_LANES).to_text())

    assert queue.became(later).state is not Flag.SENT
    assert queue.became(now).state is Flag.SENT


def test_what_an_operator_sends_by_hand_is_of_the_run_that_is_open(
    queue: Queue, smtp_server: Servers
) -> None:
    queue.account(smtp_server())
    queue.add()
    tick.tick(queue.application)
    assert run_is_open(queue)
    queue.add(2)

    tick.force(queue.application, 10)

    assert queue.states() == {"Y": 3}
