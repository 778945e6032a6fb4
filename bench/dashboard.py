"""What the dashboard costs as the queue grows, as one JSON document.

python -m bench.dashboard [--rows 1000000] [--asks 300]

Standalone services beside each other, one over a queue of 10,000 emails and the others over one of
`--rows` emails, all sent or all waiting, and five years of hourly counters; asked in turns over
HTTP, so that a busy machine slows all of them. Times in milliseconds.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any

from sqlalchemy import text

from shared.app import Application
from shared.scheduling import service_state
from shared.settings import Settings

FEW = 10_000
START_SECONDS = 30
YEARS = 5
ACCOUNTS = 5
ADMIN = {"username": "admin", "password": "a password for the benchmark"}

_FILL = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)
INSERT INTO Digital_Emaildetails
    (dd_toEmailid, dd_subject, dd_bodyText, dd_SendFlag, dd_EmailParamCode)
SELECT 'customer' || n || '@example.com', 'Your order ' || n, 'On its way', :flag, 'CATCHER'
FROM numbers
"""
COUNTERS = """
WITH RECURSIVE hours(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM hours WHERE n < :hours),
names(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM names WHERE n < :accounts)
INSERT INTO Rowpost_Statistics (Hour, Account, Sent)
SELECT strftime('%Y-%m-%d %H:00:00.000', 'now', '-' || hours.n || ' hours'), 'A' || names.n, 7
FROM hours, names
"""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A service's dashboard, asked over one connection."""

    connection: http.client.HTTPConnection
    token: str

    def ask(self) -> float:
        """The milliseconds that an answer took."""
        began = time.perf_counter()
        self.connection.request(
            "GET", "/api/dashboard", headers={"Authorization": f"Bearer {self.token}"}
        )
        answer = self.connection.getresponse()
        content = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200 or not json.loads(content)["database"]["connected"]:
            raise RuntimeError(f"the dashboard answered {answer.status}: {content!r}")
        return took


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.dashboard")
    parser.add_argument("--rows", type=int, default=1_000_000, help="emails in the large queues")
    parser.add_argument("--asks", type=int, default=300, help="questions to each service")
    parser.add_argument("--port", type=int, default=7391, help="the first of three free ports")
    chosen = parser.parse_args()
    queues = {
        f"{FEW} waiting": (FEW, "N"),
        f"{chosen.rows} waiting": (chosen.rows, "N"),
        f"{chosen.rows} sent": (chosen.rows, "Y"),
    }
    with ExitStack() as stack:
        for number, queue in enumerate(queues.values()):
            stack.enter_context(running(chosen.port + number, partial(_fill, *queue)))
        dashboards = {name: _log_in(chosen.port + number) for number, name in enumerate(queues)}
        first = {name: round(one.ask(), 1) for name, one in dashboards.items()}
        times: dict[str, list[float]] = {name: [] for name in queues}
        for _ in range(chosen.asks):
            for name, one in dashboards.items():
                times[name].append(one.ask())
    print(json.dumps({name: summary(first[name], times[name]) for name in queues}, indent=2))


def summary(first: float, times: list[float]) -> dict[str, Any]:
    """Milliseconds: of the first answer, and of half, 95 and 99 in a hundred of the others."""
    cuts = quantiles(times, n=100)
    return {
        "first_ms": first,
        "p50_ms": round(cuts[49], 1),
        "p95_ms": round(cuts[94], 1),
        "p99_ms": round(cuts[98], 1),
    }


@contextmanager
def running(port: int, fill: Callable[[Path], None]) -> Iterator[None]:
    """A service with the data folder that this fills, while the block runs."""
    with tempfile.TemporaryDirectory(prefix="rowpost-bench-") as name:
        fill(Path(name))
        settings = {
            "ROWPOST_DATA": name,
            "ROWPOST_PORT": str(port),
            "ROWPOST_CATCHER_PORT": "off",
            "ROWPOST_REQUEST_LIMITS": "off",
            "ROWPOST_ADMIN_USERNAME": ADMIN["username"],
            "ROWPOST_ADMIN_PASSWORD": ADMIN["password"],
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "standalone"],
            env={**os.environ, **settings},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def _fill(rows: int, flag: str, folder: Path) -> None:
    """A queue of so many emails, which nobody sends meanwhile."""
    application = Application(Settings(data=folder))
    with application.database().write() as connection:
        connection.execute(text(_FILL), {"rows": rows, "flag": flag})
        connection.execute(text(COUNTERS), {"hours": YEARS * 365 * 24, "accounts": ACCOUNTS})
        service_state.stop(connection, "benchmark")
    application.close()


def _log_in(port: int) -> Dashboard:
    deadline = time.monotonic() + START_SECONDS
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
        try:
            connection.request(
                "POST",
                "/api/authenticate",
                json.dumps(ADMIN),
                {"Content-Type": "application/json"},
            )
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
            continue
        return Dashboard(connection, json.loads(connection.getresponse().read())["token"])


if __name__ == "__main__":
    main()
