"""Drains the queue of one data folder in a process of its own and prints what that cost.

python -m bench.drain FOLDER SECONDS [--sql-rtt MS] [--at-a-word]

With `--at-a-word` it says "ready" and begins when a line comes in, so that several begin together.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.far_database import Journeys, put_far_away
from bench.measure import Measurement, peak_rss_mb
from shared.app import Application, use
from shared.delivery import tick
from shared.settings import Settings


def main() -> None:
    chosen = _arguments()
    journeys = put_far_away(chosen.sql_rtt) if chosen.sql_rtt else None
    application = Application(Settings(data=chosen.folder))
    use(application)
    application.database()
    if chosen.at_a_word:
        print("ready", flush=True)
        sys.stdin.readline()
    cpu_before, start = time.process_time(), time.perf_counter()
    result = tick.force(application, seconds=chosen.seconds)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_before
    application.close()
    measured = Measurement(result.sent, seconds, cpu_seconds, peak_rss_mb(os.getpid()))
    print(json.dumps(asdict(measured) | _trips(journeys)))


def _trips(journeys: Journeys | None) -> dict[str, Any]:
    if journeys is None:
        return {}
    return {"journeys": journeys.number, "trips": journeys.trips}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.drain")
    parser.add_argument("folder", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--sql-rtt", type=float, default=0, help="milliseconds to the database")
    parser.add_argument("--at-a-word", action="store_true", help="wait for a line before it begins")
    return parser.parse_args()


if __name__ == "__main__":
    main()
