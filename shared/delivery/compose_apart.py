"""Composing apart: an email that a sender died of is composed in a process of its own.

Bounded in time and memory. If that process dies, the email is at fault and fails; nothing else is
touched by it. No password goes there.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

from shared.accounts.directory import Account
from shared.delivery.prepare import Prepared, prepare
from shared.mime.bad_email import BadEmail
from shared.mime.message import Attachment
from shared.outbox.fetch import ClaimedEmail
from shared.outbox.transitions import DIED_PREPARING

COMMAND = (sys.executable, "-m", "shared.delivery.compose_apart")
LONGEST_SECONDS = 60.0
MOST_OCTETS = 1024**3


def compose_apart(
    email: ClaimedEmail,
    body: str,
    document: bytes | None,
    account: Account,
    files: tuple[Attachment, ...],
) -> Prepared:
    """As `prepare`, elsewhere. Raises BadEmail also where the process dies or takes too long."""
    server = replace(account.server, password=None, tokens=None)
    task = pickle.dumps((email, body, document, replace(account, server=server), files))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    try:
        process = subprocess.run(
            COMMAND, input=task, capture_output=True, timeout=LONGEST_SECONDS, env=environment
        )
    except subprocess.TimeoutExpired:
        reason = f"composing this email took longer than {LONGEST_SECONDS:.0f} seconds"
        raise BadEmail(reason) from None
    if process.returncode != 0:
        raise BadEmail(DIED_PREPARING)
    came_to = pickle.loads(process.stdout)
    if isinstance(came_to, Prepared):
        return came_to
    raise BadEmail(str(came_to))


def main() -> None:
    """Compose what comes in, and put out the email, or what is wrong with it as a text."""
    _bound_memory()
    email, body, document, account, files = pickle.load(sys.stdin.buffer)
    try:
        came_to: Prepared | str = prepare(email, body, document, account, files)
    except BadEmail as error:
        came_to = str(error)
    pickle.dump(came_to, sys.stdout.buffer)


def _bound_memory() -> None:
    with suppress(ImportError, ValueError, OSError):  # Not on Windows; or it is bounded already.
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_OCTETS, MOST_OCTETS))


if __name__ == "__main__":
    main()
