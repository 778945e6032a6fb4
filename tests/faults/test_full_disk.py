"""A disk that is full for a while: what is known by then is written when there is room again."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from shared.delivery import tick
from tests.faults.senders import settings_for
from tests.support.queue import Queue, make_queue
from tests.support.smtp import Late, SmtpServer

DISK = "size=24m,mode=700"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs rights that these tests don't have here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def queue(small_disk: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(small_disk, lease_seconds=60))
    yield made
    made.application.close()


def fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with suppress(OSError):
                while file.write(b"\0" * size) == size:
                    pass


def test_a_disk_that_is_full_for_a_while_loses_and_doubles_nothing(
    queue: Queue, small_disk: Path, smtp_server: Callable[..., SmtpServer]
) -> None:
    server = smtp_server(reactions={"DATA_END": Late(0.05)})
    queue.account(server)
    queue.add(300)
    drain = threading.Thread(target=lambda: tick.force(queue.application, 30))
    drain.start()
    assert server.wait_for_messages(40)

    fill(small_disk / "ballast")
    time.sleep(2)
    (small_disk / "ballast").unlink()
    drain.join(60)

    assert queue.states() == {"Y": 300}
    assert set(server.copies().values()) == {1}
