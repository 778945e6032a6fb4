"""What one run cost."""

from __future__ import annotations

import re
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

SAMPLE_SECONDS = 0.02
LONGEST_SECONDS = 600
KB_IN_A_MB = 1024


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run: emails that went out, and the time, processor time and memory they took."""

    emails: int
    seconds: float
    cpu_seconds: float
    peak_rss_mb: float

    @property
    def emails_per_second(self) -> float:
        return self.emails / self.seconds


def summary(runs: list[Measurement]) -> dict[str, float]:
    """The medians of several runs, rounded for reading."""
    return {
        "emails_per_second": round(median(run.emails_per_second for run in runs)),
        "cpu_seconds": round(median(run.cpu_seconds for run in runs), 2),
        "peak_rss_mb": round(median(run.peak_rss_mb for run in runs), 1),
    }


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
