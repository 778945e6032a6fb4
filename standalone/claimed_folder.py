"""One service with a mail catcher a data folder: its account goes where the catcher is."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.configuration.private_file import MODE
from shared.errors import RowpostError

_NAME = "catcher.lock"
_LONGEST = 1000


class RunsAlready(RowpostError):
    """Another process serves the data folder, and catches its mail."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who serves a data folder: its process, and where it answers (or what it is)."""

    process: int
    address: str

    def __str__(self) -> str:
        return f"process {self.process}, address {self.address}"


@contextmanager
def claimed(folder: Path, address: str) -> Iterator[None]:
    """Catch the mail of this data folder alone. Raises RunsAlready, which names who does already.

    The system frees the claim of a process that dies, whatever the file still says.
    """
    lock = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, MODE)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunsAlready(_already(_read(lock), folder)) from None
        os.truncate(lock, 0)
        os.pwrite(lock, json.dumps({"process": os.getpid(), "address": address}).encode(), 0)
        yield
        os.truncate(lock, 0)
    finally:
        os.close(lock)


def who_serves(folder: Path) -> Claim | None:
    """Who serves this data folder now; None: nobody, or nobody knows whom."""
    try:
        lock = os.open(folder / _NAME, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(lock)
    finally:
        os.close(lock)
    return None


def _already(claim: Claim | None, folder: Path) -> str:
    who = f", {claim}" if claim else ""
    return (
        f"Rowpost runs here already{who}: stop that one first, or give this one a data folder of "
        f"its own (ROWPOST_DATA; {folder} is taken), or no mail catcher (ROWPOST_CATCHER_PORT=off)."
    )


def _read(lock: int) -> Claim | None:
    """What the one who holds it has written; None in the instant before it has."""
    try:
        written = json.loads(os.pread(lock, _LONGEST, 0))
        return Claim(int(written["process"]), str(written["address"]))
    except (ValueError, KeyError, TypeError):
        return None
