"""The last resorts of a stop: a deadline, and a second signal."""

from __future__ import annotations

import signal
import subprocess
import sys

from tests.support.tools import ROOT

STUCK = """
import threading
from standalone.shutdown import StopSignal, exit_after
signal = StopSignal()
print("ready", flush=True)
signal.wait()
exit_after({seconds}, lambda: ["drain"])
print("stopping", flush=True)
threading.Thread(target=threading.Event().wait, args=(60,)).start()
"""


def stuck(seconds: float) -> subprocess.Popen[str]:
    """A process that was told to stop and has a thread that does not end."""
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK.format(seconds=seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "stopping\n"
    return process


def test_what_does_not_end_by_the_deadline_is_named_and_left() -> None:
    with stuck(seconds=0.2) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "unfinished: drain" in errors


def test_a_second_signal_waits_for_nothing() -> None:
    with stuck(seconds=30) as process:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGINT
