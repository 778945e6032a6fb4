"""Numbering what happens while a drain goes on, on a thread of its own.

What holds up the telling of rows, such as a lock on the applications' table, holds up no events,
and so no webhooks.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext

from sqlalchemy.exc import SQLAlchemyError

from shared.background import Repeated
from shared.database.database import Database
from shared.database.errors import CommitUncertain, DatabaseUnreachable
from shared.events.numbering import number_events

log = logging.getLogger("rowpost.delivery")

_EVERY_SECONDS = 0.5
_SECONDS_AT_THE_END = 5.0


def event_numberer(database: Database) -> AbstractContextManager[object]:
    """While the block runs, events are numbered within a second; at its end, all that can be."""
    if database.has_one_writer:
        return nullcontext()
    return Repeated(
        lambda: number_now(database, _EVERY_SECONDS),
        _EVERY_SECONDS,
        "events",
        lambda: number_now(database, _SECONDS_AT_THE_END),
    )


def number_now(database: Database, seconds: float) -> None:
    """Number what can be in so many seconds; what can't be is numbered later."""
    try:
        number_events(database, seconds)
    except (SQLAlchemyError, DatabaseUnreachable, CommitUncertain) as error:
        log.warning("events wait for their numbers: %s", type(error).__name__)
