"""A disk that is full for a while: what is known by then is written when there is room again."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults import senders
from tests.support.queue import make_queue
from tests.support.smtp import Late, SmtpServer


def let_files_grow(pid: int, *, grow: bool) -> None:
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if grow else 0, hard))


def test_a_sender_that_cannot_write_for_a_while_loses_and_doubles_nothing(
    tmp_path: Path, smtp_server: Callable[..., SmtpServer]
) -> None:
    queue = make_queue(senders.settings_for(tmp_path))
    server = smtp_server(reactions={"DATA_END": Late(0.02)})
    queue.account(server)
    queue.add(300)
    sender = senders.start(tmp_path)
    assert server.wait_for_messages(40)

    let_files_grow(sender.pid or 0, grow=False)
    time.sleep(2)
    let_files_grow(sender.pid or 0, grow=True)
    sender.join(senders.LONGEST_SECONDS + 10)

    assert (sender.exitcode, queue.states()) == (0, {"Y": 300})
    assert set(server.copies().values()) == {1}
    queue.application.close()
