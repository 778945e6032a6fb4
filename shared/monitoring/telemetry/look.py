"""The look that a tick takes at the queue for its measures."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from shared.accounts.directory import load_accounts
from shared.errors import RowpostError
from shared.limits import reservations
from shared.limits.sending_limits import Units, minute_of
from shared.monitoring.telemetry.measures import QueueReading

if TYPE_CHECKING:
    from shared.app import Application

log = logging.getLogger("rowpost.telemetry")


def look_at_queue(application: Application) -> None:
    """Measure how long the queue is and how full the accounts' limits, if anybody wants to know.

    Bounded reads. A database that is away leaves the measures without a value.
    """
    telemetry = application.telemetry
    if telemetry is None:
        return
    try:
        seen = application.overview.ask()
        reading = QueueReading(
            seen.waiting, seen.seconds_waited(application.clock()) or 0, _usage(application)
        )
    except (RowpostError, SQLAlchemyError) as error:
        log.warning("the queue could not be measured: %s", type(error).__name__)
        return
    telemetry.measures.queue_is(reading)


def _usage(application: Application) -> dict[str, float]:
    with application.database().read() as connection:
        book = load_accounts(connection, application.secrets, application.settings)
        limited = [one for one in book.usable if one.limits]
        if not limited:
            return {}
        minute = minute_of(reservations.now(connection))
        used = reservations.used(connection, [one.id for one in limited], minute)
    return {one.code: one.limits.usage(used.get(one.id, Units())) for one in limited}
