"""The seam: the promise holds for a transport that is not SMTP, also when its sender is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.app import Application
from shared.delivery.dispatcher import Drained, Order, drain
from shared.maintenance.rescue import rescue
from tests.faults.senders import settings_for
from tests.support.emails import let_leases_run_out, let_retries_come_due
from tests.support.http_transport import HttpTransport, Service, running_service
from tests.support.queue import Queue, make_queue


@pytest.fixture
def service() -> Iterator[Service]:
    with running_service() as running:
        yield running


@pytest.fixture
def queue(tmp_path: Path, service: Service) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path, retry_seconds=60))
    made.account(service.port)
    yield made
    made.application.close()


def send(queue: Queue) -> Drained:
    return drain(queue.application, Order(seconds=10), transport_of=HttpTransport)


def test_emails_go_over_another_transport(queue: Queue, service: Service) -> None:
    queue.add(50)

    assert send(queue).sent == 50
    assert queue.states() == {"Y": 50}
    assert set(service.copies().values()) == {1}


def test_a_refusal_for_now_and_one_for_good_are_told_apart(queue: Queue, service: Service) -> None:
    answers = {1: 503, 2: 400}
    service.says = lambda asked: answers.get(asked, 202)
    queue.add(3)

    drained = send(queue)

    assert (drained.sent, drained.retried, drained.failed) == (1, 1, 1)
    let_retries_come_due(queue.database)
    assert send(queue).sent == 1
    assert queue.states() == {"Y": 2, "F": 1}


def test_a_post_that_is_not_answered_leaves_its_email_unknown(
    queue: Queue, service: Service
) -> None:
    service.says = lambda asked: None if asked == 2 else 202
    queue.add(5)

    send(queue)

    assert queue.states() == {"Y": 4, "U": 1}
    assert set(service.copies().values()) == {1}
    send(queue)
    assert len(service.taken) == 5


def test_what_the_service_does_not_take_fails_before_it_is_marked(
    queue: Queue, service: Service
) -> None:
    (email_id,) = queue.add(dd_document=b"x" * 1_000_000, dd_filename="large.bin")

    send(queue)

    assert queue.became(email_id).state == "F"
    assert service.asked == 0


def test_a_service_that_is_away_pauses_the_account_and_costs_nothing(tmp_path: Path) -> None:
    queue = make_queue(settings_for(tmp_path))
    queue.account(1)
    (email_id,) = queue.add()

    send(queue)

    became = queue.became(email_id)
    assert (became.state, became.retries) == ("N", 0)
    queue.application.close()


class Dying(HttpTransport):
    """Kills its process once it has been answered so many times."""

    after = 5

    async def commit(self, *given: object) -> object:  # type: ignore[override]
        reply = await super().commit(*given)  # type: ignore[arg-type]
        Dying.after -= 1
        if Dying.after == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return reply


def drain_and_die(folder: Path) -> None:
    """In a process of its own."""
    application = Application(settings_for(folder))
    drain(application, Order(seconds=10), transport_of=Dying)  # type: ignore[arg-type]


def test_a_sender_killed_at_its_commit_doubles_nothing(queue: Queue, service: Service) -> None:
    queue.add(30)
    forks = multiprocessing.get_context("forkserver")
    sender = forks.Process(
        target=drain_and_die, args=(queue.application.settings.data,), daemon=True
    )
    sender.start()
    sender.join(20)
    assert sender.exitcode == -signal.SIGKILL

    let_leases_run_out(queue.database)
    queue.database.run(rescue)
    send(queue)

    assert set(service.copies().values()) == {1}
    states = queue.states()
    assert states["Y"] + states["U"] == 30
    assert len(service.taken) >= states["Y"]
