"""What one run cost."""

from __future__ import annotations

import re
import resource
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

SAMPLE_SECONDS = 0.02
LONGEST_SECONDS = 600
KB_IN_A_MB = 1024


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run: emails that went out, and the time, processor time and memory they took.

    `journeys` to a database far away, by what they were for, took so many round `trips`.
    """

    emails: int
    seconds: float
    cpu_seconds: float
    peak_rss_mb: float
    journeys: dict[str, int] = field(default_factory=dict)
    trips: dict[str, int] = field(default_factory=dict)

    @property
    def emails_per_second(self) -> float:
        return self.emails / self.seconds

    @property
    def cpu_ms_an_email(self) -> float:
        """What a busy machine changes less."""
        return 1000 * self.cpu_seconds / max(1, self.emails)


def together(runs: Sequence[Measurement]) -> Measurement:
    """What processes did that began at the same moment; the memory is that of the largest one."""
    journeys, trips = Counter[str](), Counter[str]()
    for run in runs:
        journeys.update(run.journeys)
        trips.update(run.trips)
    return Measurement(
        sum(run.emails for run in runs),
        max(run.seconds for run in runs),
        sum(run.cpu_seconds for run in runs),
        max(run.peak_rss_mb for run in runs),
        journeys,
        trips,
    )


def summary(runs: Sequence[Measurement]) -> dict[str, float]:
    """The medians of several runs, rounded for reading."""
    figures = {
        "emails_per_second": round(median(run.emails_per_second for run in runs)),
        "cpu_seconds": round(median(run.cpu_seconds for run in runs), 2),
        "cpu_ms_an_email": round(median(run.cpu_ms_an_email for run in runs), 3),
        "peak_rss_mb": round(median(run.peak_rss_mb for run in runs), 1),
    }
    if all(run.trips for run in runs):
        figures |= {
            "round_trips_an_email": _median(sum(run.trips.values()) / run.emails for run in runs),
            "round_trips_a_commit": _median(
                run.trips["commit"] / run.journeys["commit"] for run in runs
            ),
            "emails_a_commit": _median(run.emails / run.journeys["commit"] for run in runs),
        }
    return figures


def _median(ratios: Iterable[float]) -> float:
    return round(median(ratios), 2)


def peak_rss_mb(pid: int | str) -> float:
    """The most memory a process has held so far; 0 when it has ended.

    From /proc, since `getrusage` starts a new program with the memory of the one that started it.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / KB_IN_A_MB if found else 0


def measure(command: list[str], emails: int) -> Measurement:
    """Run a program that sends `emails` emails, to its end.

    Raises CalledProcessError when it fails, TimeoutExpired after ten minutes.
    """
    before = _cpu_seconds_of_children()
    start = time.perf_counter()
    peak = 0.0
    with subprocess.Popen(command) as process:
        while True:
            peak = max(peak, peak_rss_mb(process.pid))
            try:
                process.wait(SAMPLE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                if time.perf_counter() - start > LONGEST_SECONDS:
                    process.kill()
                    raise
    seconds = time.perf_counter() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Measurement(emails, seconds, _cpu_seconds_of_children() - before, peak)


def _cpu_seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
