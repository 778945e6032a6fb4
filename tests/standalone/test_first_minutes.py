"""A newcomer's first minutes: what the terminal says, and how soon an email is seen."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.outbox.queries.statistics import Counted
from standalone.sent_so_far import line_of
from tests.support.standalone import START_SECONDS, STOP_SECONDS, command, environment
from tests.support.tools import ROOT, free_port

INSERT = (
    "INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_subject, dd_bodyText) "
    "VALUES ('ann@example.com', 'Hello', 'Hi Ann')"
)


class Terminal:
    """What a service shows on its terminal."""

    def __init__(self, ours: int) -> None:
        self._ours = ours
        self.shown = ""

    def wait_for(self, text: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} did not come:\n{self.shown}"
            if select.select([self._ours], [], [], left)[0]:
                self.shown += os.read(self._ours, 4096).decode()


@contextmanager
def service_on_a_terminal(folder: Path) -> Iterator[Terminal]:
    ports = {name: str(free_port()) for name in ("ROWPOST_PORT", "ROWPOST_CATCHER_PORT")}
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "standalone"],
        cwd=ROOT,
        env=environment(folder, ports),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        try:
            yield Terminal(ours)
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)
            os.close(ours)


def test_a_row_is_an_email_within_fifteen_seconds_and_the_terminal_tells(tmp_path: Path) -> None:
    with service_on_a_terminal(tmp_path) as terminal:
        terminal.wait_for("Log: ", START_SECONDS)
        assert "/api/docs" in terminal.shown

        took = [seconds_until_sent(terminal, tmp_path, number) for number in (1, 2)]

    # On a machine that does other things, too, one quiet email of the two is enough.
    assert min(took) < 15
    assert len(list((tmp_path / "data" / "mail").glob("*.eml"))) == 2


def seconds_until_sent(terminal: Terminal, folder: Path, number: int) -> float:
    command(folder, "sql", INSERT)
    began = time.monotonic()
    terminal.wait_for(f"Rowpost is sending: {number} sent", 60)
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("sent", "failed", "line"),
    [
        (0, 0, None),
        (120, 0, "Rowpost is sending: 120 sent"),
        (120, 3, "Rowpost is sending: 120 sent, 3 given up (rowpost list --status failed)"),
        (-5, -1, None),
    ],
)
def test_the_line_counts_from_the_start_of_the_service(
    sent: int, failed: int, line: str | None
) -> None:
    before = {Counted.SENT: 1_000, Counted.FAILED: 10}

    assert line_of(before, {Counted.SENT: 1_000 + sent, Counted.FAILED: 10 + failed}) == line


def test_pip_says_what_it_does(tmp_path: Path) -> None:
    run = subprocess.run(
        ["make", "--dry-run", "--always-make", "run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    installs = [line for line in run.splitlines() if "-m pip install" in line]

    assert "about a minute" in run
    assert len(installs) == 1
    assert "--quiet" not in installs[0]
