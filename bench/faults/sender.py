"""A sending process of the campaign. Also run with the code of an earlier revision.

python -P bench/faults/sender.py FOLDER JOURNAL LOG SECONDS

It is run so with that revision's tree as PYTHONPATH. SECONDS is how long a drain goes on.

It sends what is due, again and again, until SIGTERM. The journal gets a line for each lease it
takes: its process id, the lease's token, and the time. SIGUSR1 makes its clock jump.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from shared.app import Application, use
from shared.delivery import tick
from shared.errors import RowpostError
from shared.outbox.sending.lease import Lease
from shared.settings import Settings

LEASE_SECONDS = 2
CONNECTIONS = 4
_FARTHEST_JUMP_HOURS = 48.0


class JumpingClock:
    """The time, off by some hours that each jump draws anew."""

    def __init__(self) -> None:
        self._off = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._off

    def jump(self) -> None:
        hours = random.uniform(-_FARTHEST_JUMP_HOURS, _FARTHEST_JUMP_HOURS)
        self._off = timedelta(hours=hours)


def settings_for(folder: Path) -> Settings:
    """Short leases and waits, and nothing of the environment's."""
    values: dict[str, Any] = {
        "data": folder,
        "lease_seconds": LEASE_SECONDS,
        "smtp_timeout": 2,
        "retry_seconds": 0.1,
        "connections": CONNECTIONS,
        "database_url": None,
        "storage": None,
    }
    return Settings(**values)


def run(folder: Path, journal: Path, log: Path, drain_seconds: float) -> None:
    """Send until SIGTERM."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 2)
    _note_leases(journal)
    clock = JumpingClock()
    application = Application(settings_for(folder), clock)
    use(application)
    signal.signal(signal.SIGTERM, lambda *_: application.stop.set())
    signal.signal(signal.SIGUSR1, lambda *_: clock.jump())
    while not application.stop.is_set():
        try:
            tick.force(application, drain_seconds)
        except (RowpostError, SQLAlchemyError, OSError) as error:
            with suppress(OSError):  # Its log may not grow either.
                print(f"{os.getpid()}: {type(error).__name__}: {error}", file=sys.stderr)
        time.sleep(0.02)
    application.close()


def _note_leases(journal: Path) -> None:
    usual = Lease.new
    descriptor = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def noted(seconds: float) -> Lease:
        lease = usual(seconds)
        os.write(descriptor, f"{os.getpid()} {lease.token} {time.time()}\n".encode())
        return lease

    setattr(Lease, "new", staticmethod(noted))  # noqa: B010


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]))
