"""Telling rows what became of their emails while a drain goes on, on a thread beside it."""

from __future__ import annotations

import logging
import threading
from types import TracebackType

from sqlalchemy.exc import SQLAlchemyError

from shared.database.database import Database
from shared.database.errors import CommitUncertain, DatabaseUnreachable
from shared.monitoring.logs import in_this_context
from shared.outbox.write_back import AT_ONCE, write_all_back, write_back

log = logging.getLogger("rowpost.delivery")

_EVERY_SECONDS = 0.5
_SECONDS_AT_THE_END = 5.0


class RowWriter:
    """While the block runs, rows are told within a second; at its end, all that can be.

    What can't be told now is told by a later tick.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ended = threading.Event()
        self._thread = threading.Thread(target=in_this_context(self._loop), name="rows")

    def __enter__(self) -> RowWriter:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self._tell()
        self._tell_all()

    def _tell(self) -> None:
        try:
            while write_back(self._database) == AT_ONCE and not self._ended.is_set():
                pass
        except (SQLAlchemyError, DatabaseUnreachable, CommitUncertain) as error:
            log.warning("rows wait to be told: %s", type(error).__name__)

    def _tell_all(self) -> None:
        try:
            write_all_back(self._database, _SECONDS_AT_THE_END)
        except (SQLAlchemyError, DatabaseUnreachable, CommitUncertain) as error:
            log.warning("rows wait to be told: %s", type(error).__name__)
