"""A working copy of the project, this one or one of an earlier revision, measured from outside.

Each step is a process of its own in the copy's folder, so that its own code runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from bench.measure import Measurement, together
from bench.workload import Workload

ROOT = Path(__file__).parent.parent
SQL_TIME = Path(__file__).with_name("sql_time.py")
SECONDS_TO_FILL = 600

_FILL = """
import sys
from pathlib import Path
from bench.workload import Workload, fill
folder, name, count, pdf_bytes, *others = sys.argv[1:]
fill(Path(folder), Workload(name, int(count), int(pdf_bytes)), *map(int, others))
"""
_SENT = """
import sys
from pathlib import Path
from bench.workload import sent
print(sent(Path(sys.argv[1])))
"""


class Incomplete(Exception):
    """A drain left emails in the queue: its speed says nothing."""


class SqlTime(NamedTuple):
    """Seconds inside SQLite, by the wall: of the thread that sends, and of those beside it; and the
    processor's of all, which a busy machine changes less."""

    sending: float
    beside: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Checkout:
    """The copy in the folder `root`; its own Python is not needed, ours runs it."""

    name: str
    root: Path = ROOT

    def fill(
        self, folder: Path, workload: Workload, smtp_port: int, idle_accounts: int = 0
    ) -> None:
        """Make a database in `folder` with the workload waiting."""
        idle = [idle_accounts] if idle_accounts else []  # Earlier revisions know of none.
        arguments = (folder, *astuple(workload), smtp_port, *idle)
        self._run("-c", _FILL, *arguments, seconds=SECONDS_TO_FILL)

    def drain(self, folder: Path, seconds: float) -> Measurement:
        """Drain the queue of `folder`, for so many seconds at most."""
        said = self._run("-m", "bench.drain", folder, seconds, seconds=seconds + 60)
        return Measurement(**json.loads(said))

    def drain_together(
        self, folder: Path, seconds: float, processes: int, sql_milliseconds: float
    ) -> Measurement:
        """The same by several processes that begin at the same moment, each so far away from the
        database."""
        command = [sys.executable, "-m", "bench.drain", str(folder), str(seconds), "--at-a-word"]
        command += ["--sql-rtt", str(sql_milliseconds)]
        with ExitStack() as stack:
            drains = [
                stack.enter_context(
                    subprocess.Popen(
                        command,
                        cwd=self.root,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        text=True,
                    )
                )
                for _ in range(processes)
            ]
            for drain in drains:
                _listen(drain).readline()
            return together([Measurement(**json.loads(said)) for said in _all_said(drains)])

    def drain_timed(self, folder: Path, seconds: float) -> SqlTime:
        """The same; how long SQLite took of it."""
        said = self._run(SQL_TIME, "bench.drain", folder, seconds, seconds=seconds + 60)
        spent = json.loads(said.splitlines()[-1])
        return SqlTime(**spent["wall"], cpu=sum(spent["cpu"].values()))

    def sent(self, folder: Path) -> int:
        """How many of the emails in the queue of `folder` are recorded as sent."""
        return int(self._run("-c", _SENT, folder, seconds=60))

    def _run(self, *arguments: Any, seconds: float) -> str:
        command = [sys.executable, *map(str, arguments)]
        child = subprocess.run(
            command, cwd=self.root, stdout=subprocess.PIPE, text=True, check=True, timeout=seconds
        )
        return child.stdout


def _listen(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def _all_said(drains: Sequence[subprocess.Popen[str]]) -> list[str]:
    """Give the word; what each says at its end."""
    for drain in drains:
        assert drain.stdin is not None
        drain.stdin.write("\n")
        drain.stdin.flush()
    said = [_listen(drain).read() for drain in drains]
    for drain in drains:
        if drain.wait():
            raise subprocess.CalledProcessError(drain.returncode, drain.args)
    return said
