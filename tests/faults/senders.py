"""Sending processes for the fault tests: forked from a server that has everything imported."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from shared.app import Application, use
from shared.delivery import tick
from shared.delivery.composing import compose_apart, composer
from shared.delivery.recorder import PendingMark, Recorder
from shared.outbox.sending import one_statement
from shared.settings import Settings
from tests.support.forked import CONTEXT

LONGEST_SECONDS = 20.0


def settings_for(folder: Path, **changes: Any) -> Settings:
    """Short leases and waits, and nothing of the environment's."""
    values: dict[str, Any] = {
        "data": folder,
        "lease_seconds": 1,
        "smtp_timeout": 5,
        "retry_seconds": 0.2,
        "database_url": None,
        "storage": None,
    }
    return Settings(**(values | changes))


def start(
    folder: Path,
    step: str = "",
    nth: int = 1,
    connections: int = 4,
    environment: Mapping[str, str] | None = None,
    **changes: Any,
) -> BaseProcess:
    """A process that sends what is due, and may kill itself at a step of its own. `changes`: of the
    settings."""
    given = (folder, step, nth, dict(environment or {}), {"connections": connections, **changes})
    process = CONTEXT.Process(target=send, args=given, daemon=True)
    process.start()
    return process


def send(
    folder: Path, step: str, nth: int, environment: dict[str, str], changes: dict[str, Any]
) -> None:
    """Send until nothing waits, is prepared or transmitted, for 20 seconds at most."""
    os.environ.update(environment)
    die_at(step, nth)
    application = Application(settings_for(folder, **changes))
    use(application)
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline and tick.force(application, 5).remaining + _held(application):
        time.sleep(0.25)
    application.close()


def _held(application: Application) -> int:
    from shared.outbox.queries.counts import sending, waiting

    with application.database().read() as reading:
        return sending(reading) + waiting(reading)


def die_at(step: str, nth: int) -> None:
    """Die at the n-th email: when it is composed, or between its mark's commit and its dot; or when
    results are written for the n-th time, before (`record`) or after (`recorded`) their commit.

    Or, as `poison N`, whenever email N is composed.
    """
    counted = threading.Semaphore(nth - 1)

    def die_if_it_is_time() -> None:
        if not counted.acquire(blocking=False):
            os.kill(os.getpid(), signal.SIGKILL)

    if step == "claim":
        _before(composer, "prepare", lambda *_: die_if_it_is_time())
    if step == "mark":
        wait = PendingMark.wait

        async def wait_and_die(pending: PendingMark) -> bool:
            marked = await wait(pending)
            die_if_it_is_time()
            return marked

        setattr(PendingMark, "wait", wait_and_die)  # noqa: B010
    if step == "record":
        _before(one_statement, "commit", lambda _, sent, *__: die_if_it_is_time() if sent else None)
    if step in ("record", "recorded"):
        verb = "_apply" if step == "record" else "_committed"
        write = getattr(Recorder, verb)

        def write_and_die(*arguments: Any) -> Any:
            written = write(*arguments)
            if any(getattr(each, "results", ()) for each in arguments):
                die_if_it_is_time()
            return written

        setattr(Recorder, verb, write_and_die)
    if step.startswith("poison "):
        poison = int(step.split()[1])

        def die_of(email: Any, *_: Any) -> None:
            if email.id == poison:
                os.kill(os.getpid(), signal.SIGKILL)

        _before(composer, "prepare", die_of)
        apart = (sys.executable, "-m", "tests.faults.poisoned_composer", str(poison))
        setattr(compose_apart, "COMMAND", apart)  # noqa: B010


def _before(owner: Any, name: str, act: Callable[..., None]) -> None:
    usual = getattr(owner, name)

    def acting(*arguments: Any) -> Any:
        act(*arguments)
        return usual(*arguments)

    setattr(owner, name, acting)
