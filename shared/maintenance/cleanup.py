"""Upkeep: what a tick removes once it has sent what is due, in small batches and a little time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from functools import partial

from sqlalchemy.exc import DBAPIError

from shared.app import Application
from shared.bounces.noted import forget_old_bounces
from shared.database.database import Database
from shared.events.retention import forget_old_events
from shared.maintenance.mail_log import forget_old_log
from shared.maintenance.retention import empty_old, remove_old, remove_old_one_by_one
from shared.outbox.admission.held import forget_gone
from shared.outbox.suppressions import forget_over
from shared.submissions.kept_answers import forget_old_answers
from shared.webhooks.deliveries import forget_old_deliveries

log = logging.getLogger("rowpost.maintenance")

LONGEST_SECONDS = 5.0
_BATCH_SECONDS = 2.0

Batch = Callable[[Database], int]
"""Removes one batch in a transaction of its own; answers how much that was."""


def upkeep(application: Application, seconds: float = LONGEST_SECONDS) -> int:
    """Remove what is too old, for so many seconds at most; answers how much that was.

    Each batch is a short transaction, and claims go on between them. What is left waits for the
    next tick. What fails for itself stops none of the others. Raises DatabaseUnreachable.
    """
    database, deadline, removed = application.database(), time.monotonic() + seconds, 0
    for batch in _batches(application):
        while not application.stop.is_set() and time.monotonic() < deadline:
            number = _tried(batch, database)
            removed += number
            if not number:
                break
    database.sweep()
    return removed


def _tried(batch: Batch, database: Database) -> int:
    try:
        return batch(database)
    except DBAPIError as error:
        log.warning("a batch of what is too old could not be removed: %s", type(error).__name__)
        return 0


def _batches(application: Application) -> Iterator[Batch]:
    settings = application.settings
    yield lambda database: database.run(forget_old_answers)
    yield lambda database: database.run(forget_over)
    yield lambda database: database.run(application.loose_options.batch)
    yield lambda database: database.run(forget_gone)
    yield lambda database: database.run(
        lambda connection: forget_old_events(connection, settings.event_days)
    )
    yield lambda database: database.run(
        lambda connection: forget_old_deliveries(connection, settings.event_days)
    )
    yield lambda database: database.run(
        lambda connection: forget_old_bounces(connection, settings.event_days)
    )
    yield lambda database: database.run(
        lambda connection: forget_old_log(connection, settings.event_days)
    )
    if settings.keep_record_days is not None:
        yield partial(_remove_old, days=settings.keep_record_days)
    if settings.keep_days is not None:
        yield partial(_empty_old, days=settings.keep_days)


def _remove_old(database: Database, days: float) -> int:
    try:
        return database.run(partial(remove_old, days=days), seconds=_BATCH_SECONDS)
    except DBAPIError:
        return remove_old_one_by_one(database, days)


def _empty_old(database: Database, days: float) -> int:
    return database.run(partial(empty_old, days=days))
