"""One email, sent while its caller waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.accounts.pauses import pause
from shared.delivery.send_now import Fate, send_at_once
from shared.outbox.states import Flag
from shared.scheduling import service_state
from tests.faults.senders import settings_for
from tests.support.queue import Queue, make_queue
from tests.support.smtp import Hang, SmtpServer

Servers = Callable[..., SmtpServer]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path, smtp_timeout=20))
    yield made
    made.application.close()


def test_it_goes_alone_and_over_the_account_that_it_names(
    queue: Queue, smtp_server: Servers
) -> None:
    other, named = smtp_server(), smtp_server()
    queue.account(other, "SHOP", Rowpost_Default="Y")
    queue.account(named, "CODES")
    queue.add(3)
    (email_id,) = queue.add(dd_EmailParamCode="CODES", dd_Lane="immediate")

    fate = send_at_once(queue.application, email_id, 10)

    assert fate == Fate(Flag.SENT, None)
    assert (len(other.messages), len(named.messages)) == (0, 1)
    assert queue.states() == {"N": 3, "Y": 1}


@pytest.mark.parametrize(
    ("reply", "flag"), [(b"550 5.1.1 nobody here", Flag.FAILED), (b"451 4.3.0 later", Flag.WAITING)]
)
def test_a_refusal_is_answered_with_its_reason(
    queue: Queue, smtp_server: Servers, reply: bytes, flag: Flag
) -> None:
    queue.account(smtp_server(reactions={"RCPT": reply}))
    (email_id,) = queue.add()

    fate = send_at_once(queue.application, email_id, 10)

    assert fate.flag is flag
    assert reply.decode()[4:] in (fate.reason or "")


def test_what_takes_too_long_is_answered_in_time_and_goes_on(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server(reactions={"DATA_END": Hang()})
    queue.account(server)
    (email_id,) = queue.add()

    began = time.monotonic()
    fate = send_at_once(queue.application, email_id, 1)

    assert time.monotonic() - began < 15
    assert fate.flag is Flag.TRANSMITTING
    queue.application.stop.set()


def test_one_that_another_sender_has_is_waited_for(queue: Queue, smtp_server: Servers) -> None:
    queue.account(smtp_server())
    (email_id,) = queue.add()
    fates: list[Fate] = []

    def send() -> None:
        fates.append(send_at_once(queue.application, email_id, 10))

    threads = [threading.Thread(target=send) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert fates == [Fate(Flag.SENT, None)] * 5
    assert len(queue.attempts(email_id)) == 1


def test_a_stopped_service_and_a_resting_account_send_nothing(
    queue: Queue, smtp_server: Servers
) -> None:
    resting = queue.account(smtp_server())
    (email_id,) = queue.add()
    with queue.database.write() as connection:
        pause(connection, resting, 600, "it rests")

    assert send_at_once(queue.application, email_id, 5).flag is Flag.WAITING

    queue.database.run(lambda connection: service_state.stop(connection, "test"))
    assert send_at_once(queue.application, email_id, 5).flag is Flag.WAITING
