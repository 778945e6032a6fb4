"""Upkeep: what a tick removes once it has sent what is due, in small batches and a little time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

from sqlalchemy import Connection

from shared.app import Application
from shared.maintenance.retention import empty_old, remove_old
from shared.outbox.suppressions import forget_over
from shared.settings import Settings
from shared.submissions.kept_answers import forget_old_answers

LONGEST_SECONDS = 5.0

Batch = Callable[[Connection], int]
"""Removes one batch in a transaction of its own; answers how much that was."""


def upkeep(application: Application, seconds: float = LONGEST_SECONDS) -> int:
    """Remove what is too old, for so many seconds at most; answers how much that was.

    Each batch is a short transaction, and claims go on between them. What is left waits for the
    next tick. Raises DatabaseUnreachable.
    """
    database, deadline, removed = application.database(), time.monotonic() + seconds, 0
    for batch in _batches(application.settings):
        while not application.stop.is_set() and time.monotonic() < deadline:
            if not (number := database.run(batch)):
                break
            removed += number
    database.sweep()
    return removed


def _batches(settings: Settings) -> Iterator[Batch]:
    yield forget_old_answers
    yield forget_over
    if settings.keep_record_days is not None:
        yield partial(remove_old, days=settings.keep_record_days)
    if settings.keep_days is not None:
        yield partial(empty_old, days=settings.keep_days)
