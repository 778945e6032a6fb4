"""How fast the drain is, beside Postfix's smtp-source, as one JSON document.

python -m bench [--emails 10000] [--pdfs 1000] [--rounds 3] [--waiting 100000]
    [--sql-rtt MS] [--smtp-rtt MS] [--idle-accounts N] [--processes N] [--before FOLDER]

Both send to the same smtp-sink over 8 connections, in turns, so that a busy machine slows both.
`--waiting` also drains a part of a queue of that length, which shows how the speed grows with it.

`--sql-rtt` and `--smtp-rtt` put the database and the mail server so many milliseconds away:
bench/far_database.py says what a round trip is, bench/far_server.py delays what the server says.
`--idle-accounts` adds accounts with nothing to send, `--processes` drains with several at once; the
same rounds do it without them, and with one. To a mail server far away smtp-source sends a part,
since it waits for each command by itself.

`--before` does the same in a working copy of an earlier revision, in the same rounds, and measures
in both how long SQLite takes for an email:

    git worktree add --detach ../before REVISION && make bench ARGS="--before ../before --rounds 5"
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.checkout import Checkout, Incomplete, SqlTime
from bench.far_server import far_server
from bench.measure import Measurement, summary
from bench.postfix import CONNECTIONS, smtp_sink, smtp_source
from bench.workload import Workload

LONGEST_DRAIN_SECONDS = 180
PART_SECONDS = 10
PDF_BYTES = 100 * 1024
MOST_FROM_AFAR = 500
"""What smtp-source sends to a mail server that is far away."""
_THIS = Checkout("rowpost")


def main() -> None:
    chosen = _arguments()
    small = Workload("emails of 2 KB, text and HTML", chosen.emails)
    large = Workload("emails with a PDF of 100 KB", chosen.pdfs, PDF_BYTES)
    with smtp_sink() as near, far_server(near, chosen.smtp_rtt) as port:
        bench = _Bench(chosen, port)
        document: dict[str, Any] = {
            "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
            "connections": CONNECTIONS,
            "rounds": chosen.rounds,
            "sql_rtt_ms": chosen.sql_rtt,
            "smtp_rtt_ms": chosen.smtp_rtt,
            "idle_accounts": chosen.idle_accounts,
            "processes": chosen.processes,
            "workloads": [bench.compare(workload) for workload in (small, large) if workload.count],
        }
        if chosen.waiting:
            document["long_queue"] = bench.long_queue(chosen.waiting)
    print(json.dumps(document, indent=2))


class _Way(NamedTuple):
    """How a workload is drained, and what it is called in the document."""

    name: str
    copy: Checkout
    idle_accounts: int
    processes: int


class _Bench:
    """Measures one workload after the other, with the mail server on this port."""

    def __init__(self, chosen: argparse.Namespace, port: int) -> None:
        self._chosen = chosen
        self._port = port
        self._checkouts = [_THIS]
        if chosen.before is not None:
            self._checkouts.append(Checkout("rowpost_before", chosen.before.resolve()))

    def _ways(self) -> list[_Way]:
        idle, processes = self._chosen.idle_accounts, self._chosen.processes
        ways = [_Way(copy.name, copy, idle, processes) for copy in self._checkouts]
        if idle:
            ways.append(_Way("rowpost_without_idle_accounts", _THIS, 0, processes))
        if processes > 1:
            ways.append(_Way("rowpost_in_one_process", _THIS, idle, 1))
        return ways

    def compare(self, workload: Workload) -> dict[str, Any]:
        ways = self._ways()
        drains: dict[str, list[Measurement]] = {way.name: [] for way in ways}
        sql: dict[str, list[SqlTime]] = {copy.name: [] for copy in self._checkouts}
        sources = []
        for _ in range(self._chosen.rounds):
            for way in ways:
                drains[way.name].append(self._drain_all(way, workload))
            sources.append(self._smtp_source(workload))
            if len(self._checkouts) > 1:
                for copy in self._checkouts:
                    sql[copy.name].append(self._sql_time(copy, workload))
        source = summary(sources)
        found = {name: summary(runs) for name, runs in drains.items()}
        for name, times in sql.items():
            if times:
                found[name] |= _sql_summary(times, workload.count)
        speed = found[_THIS.name]["emails_per_second"]
        return {
            "name": workload.name,
            "emails": workload.count,
            "bytes_each": workload.payload_bytes,
            **found,
            "smtp_source": source,
            "rowpost_to_smtp_source": round(speed / source["emails_per_second"], 2),
        }

    def long_queue(self, waiting: int) -> dict[str, Any]:
        """Drain for some seconds out of a long queue."""
        with _data_folder() as folder:
            chosen = self._chosen
            way = _Way(_THIS.name, _THIS, chosen.idle_accounts, chosen.processes)
            self._fill(way, folder, Workload("a long queue", waiting))
            before = _database_bytes(folder)
            measured = self._drain(way, folder, PART_SECONDS)
            return {
                "waiting": waiting,
                "rowpost": summary([measured]) | {"emails": measured.emails},
                "database_mb_before": round(before / 1e6, 1),
                "database_mb_after": round(_database_bytes(folder) / 1e6, 1),
            }

    def _drain_all(self, way: _Way, workload: Workload) -> Measurement:
        with _data_folder() as folder:
            self._fill(way, folder, workload)
            measured = self._drain(way, folder, LONGEST_DRAIN_SECONDS)
            if (measured.emails, way.copy.sent(folder)) != (workload.count, workload.count):
                raise Incomplete(f"{measured.emails} of {workload.count} {workload.name} went out")
            return measured

    def _smtp_source(self, workload: Workload) -> Measurement:
        if self._chosen.smtp_rtt:
            workload = replace(workload, count=min(workload.count, MOST_FROM_AFAR))
        return smtp_source(workload, self._port)

    def _sql_time(self, copy: Checkout, workload: Workload) -> SqlTime:
        with _data_folder() as folder:
            copy.fill(folder, workload, self._port)
            return copy.drain_timed(folder, LONGEST_DRAIN_SECONDS)

    def _fill(self, way: _Way, folder: Path, workload: Workload) -> None:
        way.copy.fill(folder, workload, self._port, way.idle_accounts)

    def _drain(self, way: _Way, folder: Path, seconds: float) -> Measurement:
        if way.processes == 1 and not self._chosen.sql_rtt:
            return way.copy.drain(folder, seconds)
        return way.copy.drain_together(folder, seconds, way.processes, self._chosen.sql_rtt)


def _sql_summary(times: list[SqlTime], emails: int) -> dict[str, float]:
    def an_email(seconds: list[float]) -> float:
        return round(median(seconds) * 1000 / emails, 3)

    return {
        "sql_ms_an_email": an_email([time.sending + time.beside for time in times]),
        "sql_ms_an_email_beside": an_email([time.beside for time in times]),
        "sql_cpu_ms_an_email": an_email([time.cpu for time in times]),
    }


def _database_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("rowpost.db*"))


@contextmanager
def _data_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rowpost-bench-") as folder:
        yield Path(folder)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="The drain's speed.")
    parser.add_argument("--emails", type=int, default=10_000, help="emails of 2 KB")
    parser.add_argument("--pdfs", type=int, default=1_000, help="emails with a PDF of 100 KB")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; medians are printed")
    parser.add_argument("--waiting", type=int, default=0, help="also drain part of such a queue")
    parser.add_argument("--before", type=Path, help="a working copy of an earlier revision")
    parser.add_argument("--sql-rtt", type=float, default=0, help="milliseconds to the database")
    parser.add_argument("--smtp-rtt", type=float, default=0, help="milliseconds to the mail server")
    parser.add_argument("--idle-accounts", type=int, default=0, help="with nothing to send")
    parser.add_argument("--processes", type=int, default=1, help="that drain at the same time")
    chosen = parser.parse_args()
    if chosen.before is not None and (
        chosen.sql_rtt or chosen.idle_accounts or chosen.processes > 1
    ):
        parser.error("an earlier revision is measured on this machine, by one process")
    return chosen


if __name__ == "__main__":
    main()
