"""The senders as the driver sees them: begun, killed, frozen, starved, stopped; and what was done
to which."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tarfile
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Protocol

from bench.faults import sender

_FORKS = multiprocessing.get_context("forkserver")
_ROOT = Path(__file__).resolve().parents[2]
_STOP_SECONDS = 30.0


class _Process(Protocol):
    """What a forked process and a program of its own have in common."""

    @property
    def pid(self) -> int | None: ...

    def kill(self) -> None: ...


@dataclass
class Sender:
    """One sending process, with the code of this revision or of the one before."""

    process: _Process
    revision: str
    frozen: bool = False
    starved: bool = False

    @property
    def pid(self) -> int:
        return self.process.pid or 0

    @property
    def is_alive(self) -> bool:
        return self.exit_code is None

    @property
    def exit_code(self) -> int | None:
        if isinstance(self.process, subprocess.Popen):
            return self.process.poll()
        code: int | None = getattr(self.process, "exitcode", None)
        return code


@dataclass
class Senders:
    """All senders of a campaign; `folder` is the data's, `notes` where journal and log stand."""

    folder: Path
    notes: Path
    alive: list[Sender] = field(default_factory=list)
    drain_seconds: float = 45.0
    harmed: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    """What was done to a process, by its id."""
    died_by_themselves: list[tuple[int, int | None]] = field(default_factory=list)

    _leases: dict[str, int] = field(default_factory=dict)
    _read: int = 0
    """Of the journal, in octets."""

    def __post_init__(self) -> None:
        _FORKS.set_forkserver_preload(["bench.faults.sender"])

    @property
    def journal(self) -> Path:
        return self.notes / "leases"

    @property
    def log(self) -> Path:
        return self.notes / "senders.log"

    @property
    def _arguments(self) -> tuple[Path, Path, Path, float]:
        return self.folder, self.journal, self.log, self.drain_seconds

    def begin(self) -> Sender:
        """One more, with the code of this revision."""
        process = _FORKS.Process(
            target=sender.run,
            args=(self.folder, self.journal, self.log, self.drain_seconds),
            daemon=True,
        )
        process.start()
        return self._add(Sender(process, "this"))

    def begin_with(self, tree: Path) -> Sender:
        """One more, with the code in that folder."""
        arguments = map(str, self._arguments)
        process = subprocess.Popen(
            [sys.executable, "-P", sender.__file__, *arguments],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
        )
        return self._add(Sender(process, "before"))

    def _add(self, begun: Sender) -> Sender:
        self.alive.append(begun)
        return begun

    def kill(self, victim: Sender) -> None:
        self._harm(victim, "killed")
        victim.process.kill()
        self.bury()

    def freeze(self, victim: Sender) -> None:
        victim.frozen = True
        self._harm(victim, "frozen")
        self._signal(victim, signal.SIGSTOP)

    def thaw(self, victim: Sender) -> None:
        victim.frozen = False
        self._signal(victim, signal.SIGCONT)

    def let_clock_jump(self, victim: Sender) -> None:
        self._signal(victim, signal.SIGUSR1)

    def starve(self, victim: Sender, limit: int) -> None:
        """RLIMIT_FSIZE: no file of it grows; or RLIMIT_NOFILE: it opens no more files."""
        victim.starved = True
        self._harm(victim, "no room for files")
        with suppress(ProcessLookupError):
            _, hard = resource.prlimit(victim.pid, limit)
            resource.prlimit(victim.pid, limit, (0, hard))

    def feed(self, victim: Sender, limit: int) -> None:
        victim.starved = False
        with suppress(ProcessLookupError):
            _, hard = resource.prlimit(victim.pid, limit)
            resource.prlimit(victim.pid, limit, (hard, hard))

    def bury(self) -> None:
        """Notice who has ended, and who did so unasked."""
        for each in list(self.alive):
            if not each.is_alive:
                self.alive.remove(each)
                if not {"killed", "stopped"} & set(self.harmed[each.pid]):
                    self.died_by_themselves.append((each.pid, each.exit_code))

    def stop_all(self) -> None:
        """SIGTERM, and wait."""
        for each in self.alive:
            self.harmed[each.pid].append("stopped")
            self._signal(each, signal.SIGCONT)
            self._signal(each, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while any(each.is_alive for each in self.alive) and time.monotonic() < deadline:
            time.sleep(0.05)
        for each in list(self.alive):
            if each.is_alive:
                self.harmed[each.pid].append("did not stop")
                each.process.kill()
        self.alive.clear()

    def processes_of_leases(self) -> dict[str, int]:
        """Which process took which lease."""
        if self.journal.exists():
            with self.journal.open() as journal:
                journal.seek(self._read)
                news = journal.read().rpartition("\n")[0]
            self._read += len(news) + bool(news)
            for line in news.splitlines():
                pid, token, _ = line.split()
                self._leases[token] = int(pid)
        return self._leases

    @property
    def at_work(self) -> list[Sender]:
        """Those that have taken a lease, and are in no trouble."""
        self.bury()
        known = set(self.processes_of_leases().values())
        return [
            each for each in self.alive if each.pid in known and not (each.frozen or each.starved)
        ]

    def _harm(self, victim: Sender, how: str) -> None:
        self.harmed[victim.pid].append(how)

    @staticmethod
    def _signal(victim: Sender, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(victim.pid, number)


def tree_of(revision: str, folder: Path) -> Path:
    """The code of an earlier revision, laid out in a folder. Raises CalledProcessError."""
    archive = subprocess.run(
        ["git", "archive", revision, "shared"], cwd=_ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")
    return folder
