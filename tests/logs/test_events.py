"""What sending leaves in the log: which email, which account, in which run, and no address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.delivery import tick
from shared.delivery.wakeups import Wakeup
from shared.outbox.states import BOTH_LANES
from tests.faults.senders import settings_for
from tests.support.log_lines import LogLines
from tests.support.queue import Queue, make_queue
from tests.support.smtp import SmtpServer

Servers = Callable[..., SmtpServer]
BODY = "the very private words"


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path))
    yield made
    made.application.close()


def test_an_email_that_is_refused_is_one_line_with_its_number_and_account(
    queue: Queue, smtp_server: Servers, log_lines: LogLines
) -> None:
    server = smtp_server(reactions={"RCPT": b"550 5.1.1 <ann@example.com>: no such user"})
    queue.account(server, "SHOP", Rowpost_Default="Y")
    (email_id,) = queue.add(dd_toEmailid="ann@example.com", dd_subject=BODY, dd_bodyText=BODY)

    tick.drain_woken(queue.application, Wakeup(BOTH_LANES).to_text())

    (failed,) = [line for line in log_lines() if line.get("email") == email_id]
    assert failed["level"] == "warning"
    assert failed["account"] == "SHOP"
    assert failed["run"].startswith("drain-")
    assert failed["message"].startswith(f"email {email_id}: failed: ")
    assert "550 5.1.1 <a***@example.com>: no such user" in failed["message"]
    written = str(log_lines())
    assert "ann@" not in written
    assert BODY not in written


def test_a_run_is_summed_up_in_one_line_and_what_was_sent_makes_no_noise(
    queue: Queue, smtp_server: Servers, log_lines: LogLines
) -> None:
    queue.account(smtp_server())
    queue.add(20)

    tick.drain_woken(queue.application, Wakeup(BOTH_LANES).to_text())

    (line,) = [line for line in log_lines() if line["logger"].startswith("rowpost.")]
    assert line["message"].startswith("drained: 20 sent, 0 to be tried again, 0 failed")
    assert line["run"].startswith("drain-")
