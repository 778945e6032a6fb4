"""How fast the drain is, beside Postfix's smtp-source, as one JSON document.

python -m bench [--emails 10000] [--pdfs 1000] [--rounds 3] [--waiting 100000] [--before FOLDER]

Both send to the same smtp-sink over 8 connections, in turns, so that a busy machine slows both.
`--waiting` also drains a part of a queue of that length, which shows how the speed grows with it.
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
from pathlib import Path
from statistics import median
from typing import Any

from bench.checkout import Checkout, Incomplete, SqlTime
from bench.measure import Measurement, summary
from bench.postfix import CONNECTIONS, smtp_sink, smtp_source
from bench.workload import Workload

LONGEST_DRAIN_SECONDS = 180
PART_SECONDS = 10
PDF_BYTES = 100 * 1024
_THIS = Checkout("rowpost")


def main() -> None:
    chosen = _arguments()
    small = Workload("emails of 2 KB, text and HTML", chosen.emails)
    large = Workload("emails with a PDF of 100 KB", chosen.pdfs, PDF_BYTES)
    checkouts = [_THIS]
    if chosen.before is not None:
        checkouts.append(Checkout("rowpost_before", chosen.before.resolve()))
    with smtp_sink() as port:
        document: dict[str, Any] = {
            "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
            "connections": CONNECTIONS,
            "rounds": chosen.rounds,
            "workloads": [
                _compare(workload, port, chosen.rounds, checkouts)
                for workload in (small, large)
                if workload.count
            ],
        }
        if chosen.waiting:
            document["long_queue"] = _long_queue(chosen.waiting, port)
    print(json.dumps(document, indent=2))


def _compare(
    workload: Workload, port: int, rounds: int, checkouts: list[Checkout]
) -> dict[str, Any]:
    drains: dict[Checkout, list[Measurement]] = {checkout: [] for checkout in checkouts}
    sql: dict[Checkout, list[SqlTime]] = {checkout: [] for checkout in checkouts}
    sources = []
    for _ in range(rounds):
        for checkout in checkouts:
            drains[checkout].append(_drain_all(checkout, workload, port))
        sources.append(smtp_source(workload, port))
        if len(checkouts) > 1:
            for checkout in checkouts:
                sql[checkout].append(_sql_time(checkout, workload, port))
    source = summary(sources)
    found = {checkout.name: summary(runs) for checkout, runs in drains.items()}
    for checkout, times in sql.items():
        if times:
            found[checkout.name] |= _sql_summary(times, workload.count)
    speed = found[_THIS.name]["emails_per_second"]
    return {
        "name": workload.name,
        "emails": workload.count,
        "bytes_each": workload.payload_bytes,
        **found,
        "smtp_source": source,
        "rowpost_to_smtp_source": round(speed / source["emails_per_second"], 2),
    }


def _sql_summary(times: list[SqlTime], emails: int) -> dict[str, float]:
    def an_email(seconds: list[float]) -> float:
        return round(median(seconds) * 1000 / emails, 3)

    return {
        "sql_ms_an_email": an_email([time.sending + time.beside for time in times]),
        "sql_ms_an_email_beside": an_email([time.beside for time in times]),
    }


def _long_queue(waiting: int, port: int) -> dict[str, Any]:
    """Drain for some seconds out of a long queue."""
    with _data_folder() as folder:
        _THIS.fill(folder, Workload("a long queue", waiting), port)
        before = _database_bytes(folder)
        measured = _THIS.drain(folder, PART_SECONDS)
        return {
            "waiting": waiting,
            "rowpost": summary([measured]) | {"emails": measured.emails},
            "database_mb_before": round(before / 1e6, 1),
            "database_mb_after": round(_database_bytes(folder) / 1e6, 1),
        }


def _drain_all(checkout: Checkout, workload: Workload, port: int) -> Measurement:
    with _data_folder() as folder:
        checkout.fill(folder, workload, port)
        measured = checkout.drain(folder, LONGEST_DRAIN_SECONDS)
        if (measured.emails, checkout.sent(folder)) != (workload.count, workload.count):
            raise Incomplete(f"{measured.emails} of {workload.count} {workload.name} went out")
        return measured


def _sql_time(checkout: Checkout, workload: Workload, port: int) -> SqlTime:
    with _data_folder() as folder:
        checkout.fill(folder, workload, port)
        return checkout.drain_timed(folder, LONGEST_DRAIN_SECONDS)


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
    return parser.parse_args()


if __name__ == "__main__":
    main()
