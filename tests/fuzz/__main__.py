"""Fuzz every endpoint of a fresh service, as admin and without a token (make fuzz).

python -m tests.fuzz [--seconds 300]

Then odd values in every path and query, and bodies made to take memory. Prints the figures as JSON;
what was found goes to the standard error. The exit code is 1 when something was found, when a
request took too much memory, or when fewer than three in ten of the admin's answers were 2xx.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fuzz.campaign import SEED, SETTINGS, Outcome, fuzz
from tests.fuzz.odd_values import misunderstood
from tests.support.memory import (
    LARGE_DOORS,
    MEGABYTE,
    MOST_TIMES_THE_SIZE,
    MOST_WITHOUT_A_LOGIN,
    OPEN_DOORS,
    STRUCTURES,
    body_for,
    is_measurable,
    taken_by_admin,
    taken_by_anyone,
    warm_up,
)
from tests.support.standalone import Standalone, is_healthy, start

ENOUGH_SUCCESS = 0.3


def main() -> int:
    quarter = _arguments().seconds // 4
    with tempfile.TemporaryDirectory(prefix="rowpost-fuzz-") as name:
        folder = Path(name)
        with _service(folder) as service:
            token = service.login()
            admin = [
                fuzz(service.base, folder, quarter * 2, "positive", token),
                fuzz(service.base, folder, quarter, "all", token),
            ]
            anyone = [fuzz(service.base, folder, quarter, "all")]
            faults = list(misunderstood(service))
            memory = _memory(service)
    for outcome in (*admin, *anyone):
        if not outcome.clean:
            print(outcome.report, file=sys.stderr)
    for fault in faults:
        print(fault, file=sys.stderr)
    clean = all(outcome.clean for outcome in (*admin, *anyone)) and not faults
    bounded = (
        memory["without_a_login_mb"] * MEGABYTE < MOST_WITHOUT_A_LOGIN
        and memory["times_the_size"] < MOST_TIMES_THE_SIZE
    )
    passed = clean and bounded and _success_share(admin) >= ENOUGH_SUCCESS
    figures = {"admin": _figures(admin), "anyone": _figures(anyone), "memory": memory}
    print(json.dumps({"passed": passed, "clean": clean, "seed": SEED, **figures}, indent=2))
    return 0 if passed else 1


@contextmanager
def _service(folder: Path) -> Iterator[Standalone]:
    service = start(folder, "fuzzed", SETTINGS)
    try:
        if not is_healthy(service):
            raise SystemExit(f"The service did not start:\n{service.written()}")
        yield service
        service.stop()
    finally:
        if service.process.poll() is None:
            service.kill()


def _memory(service: Standalone) -> dict[str, float]:
    """The most that a request without a login took, and the most of others for each byte of it."""
    if not is_measurable():
        return {"without_a_login_mb": 0, "times_the_size": 0}
    warm_up(service)
    anyone = [taken_by_anyone(service, path, name)[1] for path in OPEN_DOORS for name in STRUCTURES]
    times = [
        taken_by_admin(service, path, name)[1] / len(body_for(path, name))
        for path in LARGE_DOORS
        for name in STRUCTURES
    ]
    return {
        "without_a_login_mb": round(max(anyone) / MEGABYTE, 1),
        "times_the_size": round(max(times), 1),
    }


def _figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    statuses = _statuses(outcomes)
    return {
        "requests": statuses.total(),
        "success_share": round(_success_share(outcomes), 3),
        "statuses": dict(sorted(statuses.items())),
    }


def _success_share(outcomes: Sequence[Outcome]) -> float:
    statuses = _statuses(outcomes)
    good = sum(number for status, number in statuses.items() if 200 <= status < 300)
    return good / max(1, statuses.total())


def _statuses(outcomes: Sequence[Outcome]) -> Counter[int]:
    return sum((outcome.statuses for outcome in outcomes), Counter())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the API.")
    parser.add_argument("--seconds", type=int, default=300, help="how long, in total")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
