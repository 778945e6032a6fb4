"""Python processes that need no start: each is forked from one that has everything imported.

Of a second that a fresh Python takes until it does something, nearly all are imports. A fork is as
good a process: it has a number, an environment, a folder and a terminal of its own, and can be
killed. What a fresh Python is needed for, its own start, is tested with `sys.executable`.
"""

from __future__ import annotations

import io
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import bcrypt

_salt = bcrypt.gensalt

CONTEXT = multiprocessing.get_context("forkserver")
# Not function_app.py: to import it is to set up the process's logging.
CONTEXT.set_forkserver_preload(
    [
        "tests.faults.senders",
        "standalone.commands.cli",
        *(f"standalone.commands.{verb}" for verb in ("accounts", "drain", "keys", "send", "users")),
        "standalone.run",
        *("functions.timers", "functions.events", "functions.unknown"),
        *("shared.configuration.encrypted_file", "shared.submissions.waking"),
        *(
            "alembic.command",
            "jwt",
            "python_multipart",
            "uvicorn.protocols.http.h11_impl",
        ),
    ]
)


class Forked:
    """A process, with the verbs of `subprocess.Popen`. It ends with this process at the latest."""

    def __init__(self, process: BaseProcess) -> None:
        self._process = process
        self.pid = process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("standalone", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def rowpost(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    out: Path,
    err: Path,
) -> Forked:
    """`python -m standalone ARGUMENTS` in that folder, with nothing but that environment.

    What it says is added to the files `out` and `err`.
    """
    process = CONTEXT.Process(
        target=_rowpost, args=(tuple(arguments), folder, dict(environment), out, err), daemon=True
    )
    process.start()
    return Forked(process)


def _quick_salt(rounds: int = 4, prefix: bytes = b"2b") -> bytes:
    """bcrypt's least: at our cost each login would take 0.2 s, and guessers are not at work here.

    tests/security has the cost as it is.
    """
    return _salt(4, prefix)


def _rowpost(
    arguments: tuple[str, ...], folder: Path, environment: dict[str, str], out: Path, err: Path
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for place, number in ((out, 1), (err, 2)):
        file = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), "utf-8")  # noqa: SIM115
    sys.argv = ["standalone", *arguments]
    setattr(bcrypt, "gensalt", _quick_salt)  # noqa: B010
    from standalone.commands.cli import main

    try:
        sys.exit(main(arguments))
    finally:
        logging.shutdown()
