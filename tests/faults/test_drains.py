"""Drains beside each other, stopped, stalled, and without their database for a while."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.configuration.document import Configuration, EmailSchedule
from shared.delivery import tick
from shared.delivery.tick import ServiceStopped
from shared.delivery.unknown_operations import resolve_by_asking
from shared.scheduling import service_state
from tests.faults import senders
from tests.faults.senders import settings_for
from tests.faults.ways_out import OVER_HTTP, identity, of_this_process, ways_out
from tests.support.emails import let_operations_be_asked
from tests.support.mail_services import Moment, running_mail_service
from tests.support.queue import Queue, make_queue
from tests.support.smtp import After, Hang, Late, SmtpServer
from tests.support.standalone import wait_until

Servers = Callable[..., SmtpServer]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path, lease_seconds=60))
    yield made
    made.application.close()


def beside(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def slowly(seconds: float) -> Callable[[Moment], None]:
    """A mail service takes so long over each email."""
    return lambda moment: time.sleep(seconds) if moment is Moment.BEGUN else None


def test_a_database_that_is_locked_for_20_seconds_loses_and_doubles_nothing(
    queue: Queue, smtp_server: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever way out: here are all three."""
    with ways_out(queue, smtp_server(reactions={"RCPT": Late(0.02)}), monkeypatch) as ways:
        ways.acs.at = ways.graph.at = slowly(0.1)
        ways.add(200, 40)
        drain = beside(lambda: tick.force(queue.application, 60))
        assert ways.are_busy(over_smtp=20)

        keep_from_writing(tmp_path, 20)
        drain.join(60)

        assert queue.states() == {"Y": 280}
        assert set(ways.copies().values()) == {1}


def keep_from_writing(folder: Path, seconds: float) -> None:
    other = sqlite3.connect(folder / "rowpost.db", isolation_level=None)
    other.execute("PRAGMA busy_timeout = 5000")
    other.execute("BEGIN IMMEDIATE")
    time.sleep(seconds)
    other.execute("ROLLBACK")
    other.close()


def test_processes_that_drain_one_queue_send_each_email_once(
    tmp_path: Path, smtp_server: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = make_queue(settings_for(tmp_path))
    with ways_out(queue, smtp_server(), monkeypatch) as ways:
        ways.add(300, 30)

        processes = [senders.start(tmp_path, environment=identity()) for _ in range(3)]
        for process in processes:
            process.join(senders.LONGEST_SECONDS + 10)

        assert queue.states() == {"Y": 360}
        assert set(ways.copies().values()) == {1}
    queue.application.close()


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_one_that_stalls_over_http_tells_the_truth_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    queue = make_queue(settings_for(tmp_path))
    with running_mail_service() as service:
        of_this_process(service, monkeypatch)
        queue.account(service.port, Rowpost_Transport=kind)
        service.gate.clear()
        (email_id,) = queue.add()
        sender = senders.start(tmp_path, environment=identity(), smtp_timeout=60)
        assert service.wait_for(lambda: service.taken != [])

        os.kill(sender.pid or 0, signal.SIGSTOP)
        service.gate.set()
        wait_until(lambda: came_to(queue, email_id) == "U", 30, "its lease to run out")
        os.kill(sender.pid or 0, signal.SIGCONT)
        sender.join(60)

        assert queue.became(email_id).state == "Y"
        assert list(service.copies().values()) == [1]
    queue.application.close()


def came_to(queue: Queue, email_id: int) -> str:
    """After another sender has looked."""
    tick.force(queue.application, 1)
    return queue.became(email_id).state


def test_a_sender_that_stalls_past_its_lease_tells_the_truth_when_it_wakes(
    tmp_path: Path, smtp_server: Servers
) -> None:
    queue = make_queue(settings_for(tmp_path))
    goes_on = threading.Event()
    server = smtp_server(reactions={"DATA_END": After(goes_on)})
    queue.account(server)
    (email_id,) = queue.add()
    sender = senders.start(tmp_path)
    assert server.wait_for_command("DATA_END")

    os.kill(sender.pid or 0, signal.SIGSTOP)
    goes_on.set()
    time.sleep(1.5)
    tick.force(queue.application, 1)
    assert queue.became(email_id).state == "U"
    os.kill(sender.pid or 0, signal.SIGCONT)
    sender.join(60)

    assert queue.became(email_id).state == "Y"
    assert list(server.copies().values()) == [1]
    queue.application.close()


def test_a_stop_finishes_what_is_being_sent_and_gives_the_rest_back(
    queue: Queue, smtp_server: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ways_out(queue, smtp_server(reactions={"RCPT": Late(0.2)}), monkeypatch) as ways:
        ways.acs.at = ways.graph.at = slowly(0.2)
        ways.add(600, 100)
        drain = beside(lambda: tick.force(queue.application, 60))
        assert ways.are_busy(over_smtp=8)

        queue.application.stop.set()
        drain.join(30)

        assert not drain.is_alive()
        assert set(queue.states()) == {"Y", "N"}
        assert queue.states()["Y"] == ways.copies().total()
        assert set(ways.copies().values()) == {1}


def test_a_stop_does_not_wait_for_a_server_that_hangs(queue: Queue, smtp_server: Servers) -> None:
    server = smtp_server(reactions={"RCPT": Hang()})
    queue.account(server)
    queue.add(20)
    drain = beside(lambda: tick.force(queue.application, 60))
    assert server.wait_for_command("RCPT", 3)

    queue.application.stop.set()
    drain.join(30)

    assert not drain.is_alive()
    assert queue.states() == {"N": 20}
    assert {email.retries for email in queue.emails()} == {0}


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_a_stop_does_not_wait_for_a_mail_service_that_hangs(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """What it has in its hands is unknown, until ACS tells; the rest waits."""
    with running_mail_service() as service:
        of_this_process(service, monkeypatch)
        queue.account(service.port, Rowpost_Transport=kind)
        service.gate.clear()
        queue.add(20)
        drain = beside(lambda: tick.force(queue.application, 60))
        assert service.wait_for(lambda: len(service.taken) >= 4)

        queue.application.stop.set()
        drain.join(30)

        assert not drain.is_alive()
        assert service.asked < 20
        assert queue.states() == {"U": service.asked, "N": 20 - service.asked}
        assert queue.retries() == {0}
        service.gate.set()
        let_operations_be_asked(queue.database)
        resolve_by_asking(queue.application)
        known = "Y" if kind == "acs" else "U"
        assert queue.states() == {known: service.asked, "N": 20 - service.asked}


def test_a_service_that_is_stopped_gives_its_claims_back(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server(reactions={"RCPT": Late(0.2)})
    queue.account(server)
    queue.add(600)
    drain = beside(lambda: tick.force(queue.application, 60))
    assert server.wait_for_messages(8)

    queue.database.run(lambda connection: service_state.stop(connection, "ann"))
    drain.join(30)

    assert not drain.is_alive()
    assert set(queue.states()) == {"Y", "N"}
    with pytest.raises(ServiceStopped):
        tick.force(queue.application, 1)


def test_two_ticks_at_once_make_one_scheduled_run(queue: Queue, smtp_server: Servers) -> None:
    """Of an interval of a minute each tick would be one."""
    hourly = Configuration(email=EmailSchedule(interval=1, interval_unit="hours"))
    queue.application.configuration.save(lambda _: hourly)
    queue.account(smtp_server())
    queue.add(30)
    results: list[tick.TickResult] = []

    ticks = [beside(lambda: results.append(tick.tick(queue.application))) for _ in range(2)]
    for one in ticks:
        one.join(30)

    assert sorted(result.ran_schedule for result in results) == [False, True]
    assert queue.states() == {"Y": 30}
