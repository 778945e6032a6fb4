"""How admission, claims and ticks stand a long queue, as one JSON document.

python -m bench.admission [--waiting 1000000] [--few 10000] [--seconds 3] [--rounds 5]

The same emails of 2 KB are put into queues of both lengths. Measured are drains that admit
meanwhile, admission by itself, drains of what is admitted, claims with what a sender is told of the
emails, and ticks that find nothing to send. It needs `--waiting` times 3 KB of disk.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import text

from bench.checkout import Checkout
from bench.postfix import smtp_sink
from bench.workload import Workload, fill
from shared.accounts import routing
from shared.accounts.directory import active_accounts
from shared.accounts.numbers import number_new_accounts
from shared.app import Application
from shared.configuration.document import Configuration, EmailSchedule
from shared.database.database import Database
from shared.delivery import tick
from shared.outbox.admission.admit import admit
from shared.outbox.sending.claim import Wanted, claim
from shared.outbox.sending.fetch import collect
from shared.outbox.sending.give_back import release
from shared.outbox.sending.lease import Lease
from shared.outbox.states import BOTH_LANES
from shared.settings import Settings

CLAIMS = 20
CLAIMED_AT_ONCE = 256

_LAST_NUMBER = "SELECT max(Number) FROM Rowpost_Emails"
_LEFT = "SELECT dd_srno FROM Digital_Emaildetails WHERE dd_SendFlag = 'N' LIMIT 1"
_ONCE_A_DAY = Configuration(email=EmailSchedule(interval=24, interval_unit="hours"))
_SCHEDULED_LATER = """
UPDATE Rowpost_Service SET LastRun = strftime('%Y-%m-%d %H:%M:%f', 'now'),
    RunSince = NULL, RunLastId = NULL
"""
_IN_A_YEAR = "UPDATE Rowpost_Emails SET NotBefore = strftime('%Y-%m-%d %H:%M:%f', 'now', '1 year')"
_ENDED = """
UPDATE Rowpost_Emails SET State = 'Y', SentAt = strftime('%Y-%m-%d %H:%M:%f', 'now'),
    EndedAt = strftime('%Y-%m-%d %H:%M:%f', 'now'), NotBefore = NULL
"""
_TOLD = "UPDATE Digital_Emaildetails SET dd_SendFlag = 'Y'"


def main() -> None:
    chosen = _arguments()
    with smtp_sink() as port, _queue(chosen.waiting, port) as long, ExitStack() as stack:
        admitting = _drained(long, chosen, port)
        left = long.admitted()
        claiming = _drained(long, chosen, port)
        few = stack.enter_context(_queue(chosen.few, port))
        few_admitted = few.admitted()
        queues = {chosen.few: few, chosen.waiting: long}
        document = {
            "rounds": chosen.rounds,
            "drain_that_admits": admitting,
            "admission_alone": {chosen.few: few_admitted, chosen.waiting: left},
            "drain_of_admitted": claiming,
            "claim_and_fetch_ms": _by_turns(queues, _Queue.claimed),
            "idle_tick_ms": {
                state: _by_turns(queues, _Queue.ticked, sql)
                for state, sql in (
                    ("waiting for the next scheduled run", (_SCHEDULED_LATER,)),
                    ("waiting for next year", (_IN_A_YEAR,)),
                    ("ended", (_ENDED, _TOLD)),
                )
            },
        }
    print(json.dumps(document, indent=2))


def _drained(long: _Queue, chosen: argparse.Namespace, port: int) -> dict[int, Any]:
    """Drains of a part of the long queue, and of short ones, each of which is a new one: all of it
    admitted where all of the long one is."""
    all_admitted = long.all_admitted
    runs: dict[int, list[dict[str, float]]] = {chosen.few: [], chosen.waiting: []}
    for _ in range(chosen.rounds):
        with _queue(chosen.few, port) as short:
            if all_admitted:
                short.admitted()
            runs[chosen.few].append(short.drained(chosen.seconds))
        runs[chosen.waiting].append(long.drained(chosen.seconds))
    return {
        count: {name: median(run[name] for run in several) for name in several[0]}
        for count, several in runs.items()
    }


@contextmanager
def _queue(count: int, port: int) -> Iterator[_Queue]:
    with tempfile.TemporaryDirectory(prefix="rowpost-bench-") as folder:
        queue = _Queue(Path(folder), count, port)
        try:
            yield queue
        finally:
            queue.close()


def _by_turns(
    queues: dict[int, _Queue], measured: Callable[..., float], before: tuple[str, ...] = ()
) -> dict[int, float]:
    """Medians, the queues taking turns, so that a busy machine slows both."""
    for queue in queues.values():
        queue.change(before)
        measured(queue)
    times: dict[int, list[float]] = {count: [] for count in queues}
    for _ in range(CLAIMS):
        for count, queue in queues.items():
            times[count].append(measured(queue))
    return {count: round(median(several) * 1000, 2) for count, several in times.items()}


class _Queue:
    """A database with so many emails waiting."""

    def __init__(self, folder: Path, count: int, smtp_port: int) -> None:
        self._folder = folder
        fill(folder, Workload("a queue", count), smtp_port)
        os.sync()  # Else commits wait for what was filled in.
        self._application = Application(Settings(data=folder))

    def close(self) -> None:
        self._application.close()

    @property
    def _database(self) -> Database:
        return self._application.database()

    @property
    def all_admitted(self) -> bool:
        with self._database.read() as connection:
            return connection.scalar(text(_LEFT)) is None

    def drained(self, seconds: float) -> dict[str, float]:
        """Drain for some seconds in a process of its own; what was sent and admitted a second."""
        before = self._last_number()
        measured = Checkout("rowpost").drain(self._folder, seconds)
        admitted = self._last_number() - before
        return {
            "emails_per_second": round(measured.emails_per_second),
            "admitted_per_second": round(admitted / measured.seconds),
            "cpu_ms_an_email": round(measured.cpu_ms_an_email, 3),
            "peak_rss_mb": round(measured.peak_rss_mb, 1),
        }

    def admitted(self) -> dict[str, Any]:
        """Admit what is left, with nothing beside it."""
        number_new_accounts(self._database)
        with self._database.read() as connection:
            answered = routing.answered(active_accounts(connection))
        rows, after, began = 0, 0, time.perf_counter()
        while True:
            batch = admit(self._database, answered, after)
            rows += batch.admitted
            if batch.after is None:
                break
            after = batch.after
        seconds = time.perf_counter() - began
        return {"rows": rows, "rows_per_second": round(rows / seconds)}

    def claimed(self) -> float:
        """The seconds that a claim takes, and reading what a sender is told of the emails."""
        lease = Lease.new(60)
        wanted = Wanted((None, "SHOP"), BOTH_LANES, CLAIMED_AT_ONCE, "example.com")
        began = time.perf_counter()
        with self._database.write() as connection:
            numbers = claim(connection, wanted, lease)
            collect(connection, numbers, lease)
        took = time.perf_counter() - began
        if len(numbers) != CLAIMED_AT_ONCE:
            raise RuntimeError(f"{len(numbers)} emails were claimed")
        with self._database.write() as connection:
            release(connection, lease)
        return took

    def ticked(self) -> float:
        """The seconds that a tick takes; it must find nothing to send."""
        began = time.perf_counter()
        result = tick.tick(self._application)
        took = time.perf_counter() - began
        if result.drained is None or result.drained.processed:
            raise RuntimeError(f"the tick found something: {result}")
        return took

    def change(self, statements: tuple[str, ...]) -> None:
        with self._database.write() as connection:
            for statement in statements:
                connection.execute(text(statement))
        self._application.configuration.save(lambda _: _ONCE_A_DAY)

    def _last_number(self) -> int:
        with self._database.read() as connection:
            return connection.scalar(text(_LAST_NUMBER)) or 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.admission")
    parser.add_argument("--waiting", type=int, default=1_000_000, help="emails in the long queue")
    parser.add_argument("--few", type=int, default=10_000, help="emails in the short queue")
    parser.add_argument("--seconds", type=float, default=3, help="how long each drain goes on")
    parser.add_argument("--rounds", type=int, default=5, help="drains of each queue")
    return parser.parse_args()


if __name__ == "__main__":
    main()
