"""Composing apart: emails that a sender died of are composed in a process of their own.

Each is bounded in time, the process in memory. If it dies of one, that email is at fault and fails;
nothing else is touched. A process that can't begin, or was ended between two emails, is nobody's
fault: it says that it is ready before it is given one. No password or key goes there.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import IO

from shared.accounts.directory import Account
from shared.delivery.composing.prepare import Prepared, prepare
from shared.errors import RowpostError
from shared.mime.bad_email import BadEmail
from shared.mime.message import Attachment
from shared.outbox.sending.fetch import ClaimedEmail
from shared.outbox.transitions import DIED_PREPARING


class ComposingUnavailable(RowpostError):
    """There is no composing process for now; the email that was to be composed is not at fault."""


COMMAND = (sys.executable, "-m", "shared.delivery.composing.compose_apart")
LONGEST_SECONDS = 60.0
MOST_OCTETS = 1024**3
_SECONDS_TO_END = 5.0
_ENDED = (OSError, EOFError, pickle.UnpicklingError)
"""What reading and writing come to when the other end is gone."""


class ComposingProcess:
    """One process that composes one email after another; begun with the first. Of one thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def compose(
        self,
        email: ClaimedEmail,
        body: str,
        document: bytes | None,
        account: Account,
        files: tuple[Attachment, ...],
        further: tuple[tuple[str, str], ...] = (),
    ) -> Prepared:
        """As `prepare`. Raises BadEmail also where the process dies of it or takes too long, and
        ComposingUnavailable where there is no process."""
        server = replace(account.server, password=None, tokens=None)
        keyless = replace(account, server=server, dkim=None, return_path=None)
        task = (email, body, document, keyless, files, further)
        process = self._running()
        with _killed_in_the_end(process) as late:
            try:
                came_to = _asked(process, task)
            except _ENDED:
                self.close()
                if late.is_set():
                    reason = f"composing this email took longer than {LONGEST_SECONDS:.0f} seconds"
                    raise BadEmail(reason) from None
                raise BadEmail(DIED_PREPARING) from None
        if isinstance(came_to, Prepared):
            return came_to
        raise came_to if isinstance(came_to, BadEmail) else BadEmail(DIED_PREPARING)

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            self._process = self._begun()
            self._require_ready(self._process)
        return self._process

    def _begun(self) -> subprocess.Popen[bytes]:
        path = os.pathsep.join(folder for folder in sys.path if folder)
        try:
            return subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
            )
        except OSError as error:
            raise ComposingUnavailable("the composing process could not be begun") from error

    def _require_ready(self, process: subprocess.Popen[bytes]) -> None:
        with _killed_in_the_end(process):
            try:
                _answer(process)
            except _ENDED as error:
                self.close()
                raise ComposingUnavailable("the composing process ended at once") from error


@contextmanager
def _killed_in_the_end(process: subprocess.Popen[bytes]) -> Iterator[threading.Event]:
    """While the block runs, for so long at most; what is yielded is set when it was too long."""
    late = threading.Event()

    def give_up() -> None:
        late.set()
        process.kill()

    watch = threading.Timer(LONGEST_SECONDS, give_up)
    watch.start()
    try:
        yield late
    finally:
        watch.cancel()


def _asked(process: subprocess.Popen[bytes], task: object) -> object:
    if process.stdin is None:
        raise EOFError
    pickle.dump(task, process.stdin)
    process.stdin.flush()
    return _answer(process)


def _answer(process: subprocess.Popen[bytes]) -> object:
    if process.stdout is None:
        raise EOFError
    return pickle.load(process.stdout)


def main() -> None:
    """Compose what comes in; put out each email, or what is wrong with it."""
    _bound_memory()
    serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(tasks: IO[bytes], answers: IO[bytes]) -> None:
    """Say that it is ready, and go on until there are no more tasks."""
    pickle.dump(None, answers)
    answers.flush()
    with suppress(EOFError):
        while True:
            email, body, document, account, files, further = pickle.load(tasks)
            try:
                came_to: Prepared | BadEmail = prepare(
                    email, body, document, account, files, further
                )
            except BadEmail as error:
                came_to = error
            pickle.dump(came_to, answers)
            answers.flush()


def _bound_memory() -> None:
    with suppress(ImportError, ValueError, OSError):  # Not on Windows; or it is bounded already.
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_OCTETS, MOST_OCTETS))


if __name__ == "__main__":
    main()
