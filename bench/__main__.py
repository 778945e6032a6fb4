"""How fast the drain is, beside Postfix's smtp-source, as one JSON document.

python -m bench [--emails 10000] [--pdfs 1000] [--rounds 3] [--waiting 100000]

Both send to the same smtp-sink over 8 connections, in turns, so that a busy machine slows both.
`--waiting` also drains a part of a queue of that length, which shows how the speed grows with it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.measure import Measurement, summary
from bench.postfix import CONNECTIONS, smtp_sink, smtp_source
from bench.workload import Workload, fill, sent

LONGEST_DRAIN_SECONDS = 180
PART_SECONDS = 10
PDF_BYTES = 100 * 1024


class Incomplete(Exception):
    """A drain left emails in the queue: its speed says nothing."""


def main() -> None:
    chosen = _arguments()
    small = Workload("emails of 2 KB, text and HTML", chosen.emails)
    large = Workload("emails with a PDF of 100 KB", chosen.pdfs, PDF_BYTES)
    with smtp_sink() as port:
        document: dict[str, Any] = {
            "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
            "connections": CONNECTIONS,
            "rounds": chosen.rounds,
            "workloads": [
                _compare(workload, port, chosen.rounds)
                for workload in (small, large)
                if workload.count
            ],
        }
        if chosen.waiting:
            document["long_queue"] = _long_queue(chosen.waiting, port)
    print(json.dumps(document, indent=2))


def _compare(workload: Workload, port: int, rounds: int) -> dict[str, Any]:
    drains, sources = [], []
    for _ in range(rounds):
        drains.append(_drain_all(workload, port))
        sources.append(smtp_source(workload, port))
    drain, source = summary(drains), summary(sources)
    return {
        "name": workload.name,
        "emails": workload.count,
        "bytes_each": workload.payload_bytes,
        "rowpost": drain,
        "smtp_source": source,
        "rowpost_to_smtp_source": round(
            drain["emails_per_second"] / source["emails_per_second"], 2
        ),
    }


def _long_queue(waiting: int, port: int) -> dict[str, Any]:
    """Drain for some seconds out of a long queue."""
    with _data_folder() as folder:
        fill(folder, Workload("a long queue", waiting), port)
        before = _database_bytes(folder)
        measured = _drain(folder, PART_SECONDS)
        return {
            "waiting": waiting,
            "rowpost": summary([measured]) | {"emails": measured.emails},
            "database_mb_before": round(before / 1e6, 1),
            "database_mb_after": round(_database_bytes(folder) / 1e6, 1),
        }


def _drain_all(workload: Workload, port: int) -> Measurement:
    with _data_folder() as folder:
        fill(folder, workload, port)
        measured = _drain(folder, LONGEST_DRAIN_SECONDS)
        if (measured.emails, sent(folder)) != (workload.count, workload.count):
            raise Incomplete(f"{measured.emails} of {workload.count} {workload.name} went out")
        return measured


def _drain(folder: Path, seconds: float) -> Measurement:
    child = subprocess.run(
        [sys.executable, "-m", "bench.drain", str(folder), str(seconds)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=seconds + 60,
    )
    return Measurement(**json.loads(child.stdout))


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
    return parser.parse_args()


if __name__ == "__main__":
    main()
