"""The process that composes suspects can't begin, or is gone: that is no email's fault."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.delivery import tick
from shared.delivery.composing import compose_apart
from tests.faults.senders import settings_for
from tests.support.emails import kill_its_sender, let_retries_come_due
from tests.support.queue import Queue, make_queue
from tests.support.smtp import SmtpServer


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path, lease_seconds=60))
    yield made
    made.application.close()


def suspect(queue: Queue) -> int:
    """An email whose sender died while it prepared it."""
    (email_id,) = queue.add()
    kill_its_sender(queue.database, email_id)
    return email_id


@pytest.mark.parametrize(
    "command",
    [(sys.executable, "-c", "raise SystemExit('no memory')"), ("/no/such/program",)],
    ids=["ends before it is asked", "does not begin"],
)
def test_a_composing_process_that_cannot_begin_costs_its_email_nothing(
    queue: Queue,
    smtp_server: Callable[..., SmtpServer],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    queue.account(smtp_server())
    email_id = suspect(queue)

    with monkeypatch.context() as patch:
        patch.setattr(compose_apart, "COMMAND", command)
        tick.force(queue.application, 2)

    assert (queue.became(email_id).state, queue.became(email_id).retries) == ("N", 0)
    let_retries_come_due(queue.database)
    tick.force(queue.application, 5)
    assert (queue.became(email_id).state, queue.became(email_id).retries) == ("Y", 0)


def composing_processes() -> list[int]:
    """Children of ours that compose."""
    children = [
        int(pid)
        for tasks in Path("/proc/self/task").glob("*/children")
        for pid in tasks.read_text().split()
    ]
    return [
        pid for pid in children if b"compose_apart" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def test_a_composing_process_that_was_killed_between_two_emails_is_begun_anew(
    queue: Queue, smtp_server: Callable[..., SmtpServer]
) -> None:
    killed: list[int] = []

    def kill_it(_: object) -> None:
        if not killed:
            for pid in composing_processes():
                os.kill(pid, signal.SIGKILL)
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
                killed.append(pid)

    server = smtp_server(reactions={"RCPT": kill_it})
    queue.account(server, Rowpost_MaxConnections=1)
    first, second = suspect(queue), suspect(queue)
    kill_its_sender(queue.database, second)

    tick.force(queue.application, 8)

    assert killed
    assert {queue.became(number).state for number in (first, second)} == {"Y"}
