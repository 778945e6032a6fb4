"""A working copy of the project, this one or one of an earlier revision, measured from outside.

Each step is a process of its own in the copy's folder, so that its own code runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bench.measure import Measurement
from bench.workload import Workload

ROOT = Path(__file__).parent.parent
SQL_TIME = Path(__file__).with_name("sql_time.py")
SECONDS_TO_FILL = 600

_FILL = """
import sys
from pathlib import Path
from bench.workload import Workload, fill
folder, name, count, pdf_bytes, port = sys.argv[1:]
fill(Path(folder), Workload(name, int(count), int(pdf_bytes)), int(port))
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
    """Seconds inside SQLite, by the wall: of the thread that sends, and of those beside it."""

    sending: float
    beside: float


@dataclass(frozen=True, slots=True)
class Checkout:
    """The copy in the folder `root`; its own Python is not needed, ours runs it."""

    name: str
    root: Path = ROOT

    def fill(self, folder: Path, workload: Workload, smtp_port: int) -> None:
        """Make a database in `folder` with the workload waiting."""
        self._run("-c", _FILL, folder, *astuple(workload), smtp_port, seconds=SECONDS_TO_FILL)

    def drain(self, folder: Path, seconds: float) -> Measurement:
        """Drain the queue of `folder`, for so many seconds at most."""
        said = self._run("-m", "bench.drain", folder, seconds, seconds=seconds + 60)
        return Measurement(**json.loads(said))

    def drain_timed(self, folder: Path, seconds: float) -> SqlTime:
        """The same; how long SQLite took of it."""
        said = self._run(SQL_TIME, "bench.drain", folder, seconds, seconds=seconds + 60)
        wall = json.loads(said.splitlines()[-1])["wall"]
        return SqlTime(**wall)

    def sent(self, folder: Path) -> int:
        """How many of the emails in the queue of `folder` are recorded as sent."""
        return int(self._run("-c", _SENT, folder, seconds=60))

    def _run(self, *arguments: Any, seconds: float) -> str:
        command = [sys.executable, *map(str, arguments)]
        child = subprocess.run(
            command, cwd=self.root, stdout=subprocess.PIPE, text=True, check=True, timeout=seconds
        )
        return child.stdout
