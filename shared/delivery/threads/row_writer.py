"""Telling rows what became of their emails while a drain goes on, on a thread beside it."""

from __future__ import annotations

import logging

from sqlalchemy.exc import SQLAlchemyError

from shared.background import Repeated
from shared.database.database import Database
from shared.database.errors import CommitUncertain, DatabaseUnreachable
from shared.outbox.rows.write_back import AT_ONCE, write_all_back, write_back

log = logging.getLogger("rowpost.delivery")

_EVERY_SECONDS = 0.5
_SECONDS_AT_THE_END = 5.0


def row_writer(database: Database) -> Repeated:
    """While the block runs, rows are told within a second; at its end, all that can be.

    What can't be done now is done by a later tick.
    """

    def tell() -> None:
        try:
            while write_back(database) == AT_ONCE and not repeated.ended.is_set():
                pass
        except (SQLAlchemyError, DatabaseUnreachable, CommitUncertain) as error:
            log.warning("rows wait to be told: %s", type(error).__name__)

    def tell_all() -> None:
        try:
            write_all_back(database, _SECONDS_AT_THE_END)
        except (SQLAlchemyError, DatabaseUnreachable, CommitUncertain) as error:
            log.warning("rows wait to be told: %s", type(error).__name__)

    repeated = Repeated(tell, _EVERY_SECONDS, "rows", tell_all)
    return repeated
