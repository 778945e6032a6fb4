"""How soon webhooks are told of events while others of them are down, as one JSON document.

python -m bench.webhooks [--events 10000] [--pace 300] [--answer-ms 0] [--alone]

Emails are inserted and drained into smtp-sink, three events each; `--pace` is events a second, 0
all at once. Three receivers take everything, each in `--answer-ms`; one refuses, one never answers,
one takes two seconds for each (`--alone`: without those). The delay is from the event, as its own
time has it, until a good receiver has the message; in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from bench.postfix import smtp_sink
from bench.receivers import Manner, Receivers, receivers
from bench.workload import Workload, fill
from shared.app import Application, use
from shared.database.tables import emails
from shared.delivery import tick
from shared.settings import Settings
from shared.webhooks.admin import Wish

GOOD = 3
EVENTS_AN_EMAIL = 3
LONGEST_SECONDS = 300
_INSERT_SECONDS = 0.05
_NUISANCES = [Manner.REFUSING, Manner.SILENT, Manner.SLOW]


class TooSlow(Exception):
    """Not every event has reached the good receivers in time."""


def main() -> None:
    chosen = _arguments()
    manners = [Manner.GOOD] * GOOD + ([] if chosen.alone else _NUISANCES)
    with (
        tempfile.TemporaryDirectory(prefix="rowpost-bench-") as folder,
        smtp_sink() as port,
        receivers(manners, chosen.answer_ms / 1000) as asked,
    ):
        fill(Path(folder), Workload("none yet", 0), port)
        print(json.dumps(_measured(Path(folder), chosen, asked), indent=2))


def _measured(folder: Path, chosen: argparse.Namespace, asked: Receivers) -> dict[str, Any]:
    application = Application(Settings(data=folder, webhook_hosts="127.0.0.1"))
    use(application)
    admin = application.webhook_admin()
    for url in asked.urls:
        admin.make(Wish(url), "bench", application.clock())
    number = chosen.events // EVENTS_AN_EMAIL
    inserting = threading.Thread(target=_insert, args=(application, number, chosen.pace))
    cpu, began = time.process_time(), time.perf_counter()
    inserting.start()
    while min(asked.counts()[:GOOD]) < number * EVENTS_AN_EMAIL:
        if time.perf_counter() - began > LONGEST_SECONDS:
            raise TooSlow(f"the receivers have {asked.counts()} messages")
        tick.force(application, seconds=LONGEST_SECONDS)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    inserting.join()
    came = asked.came()
    application.close()
    twice = sum(len(inbox) - len({each.event_id for each in inbox}) for inbox in came[:GOOD])
    return {
        "events": number * EVENTS_AN_EMAIL,
        "pace": chosen.pace,
        "answer_ms": chosen.answer_ms,
        "nuisances": [] if chosen.alone else [manner.value for manner in _NUISANCES],
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "posted_twice": twice,
        "delay_ms": _percentiles([each.delay for each in chain(*came[:GOOD])]),
    }


def _insert(application: Application, number: int, pace: float) -> None:
    """As applications do, a few at a time."""
    rows = Workload("orders", number).rows()
    each = round(pace * _INSERT_SECONDS / EVENTS_AN_EMAIL) if pace else number
    next_at = time.monotonic()
    while batch := list(islice(rows, max(1, each))):
        immediate = [row | {"dd_Lane": "immediate"} for row in batch]
        with application.database().write() as connection:
            connection.execute(insert(emails), immediate)
        next_at += _INSERT_SECONDS
        time.sleep(max(0.0, next_at - time.monotonic()))


def _percentiles(seconds: Sequence[float]) -> dict[str, int]:
    delays = sorted(seconds)
    return {
        "p50": round(delays[len(delays) // 2] * 1000),
        "p99": round(delays[len(delays) * 99 // 100] * 1000),
        "longest": round(delays[-1] * 1000),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.webhooks")
    parser.add_argument("--events", type=int, default=10_000, help="events in all")
    parser.add_argument("--pace", type=float, default=300, help="events a second; 0: at once")
    parser.add_argument("--answer-ms", type=float, default=0, help="what the good ones take")
    parser.add_argument("--alone", action="store_true", help="nobody who is down or slow")
    return parser.parse_args()


if __name__ == "__main__":
    main()
