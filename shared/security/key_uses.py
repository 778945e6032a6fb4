"""When keys were last used: written once a minute each, on a thread that no request waits for."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from shared.background import Work
from shared.database.database import Database
from shared.errors import RowpostError
from shared.security.kept_keys import USE_SECONDS, mark_used

log = logging.getLogger("rowpost.keys")

_MOST_NOTED = 10_000
_WRITTEN_AT_ONCE = 500
_TRY_SECONDS = 5.0


class KeyUses:
    """The uses of keys by this process; what can't be written is left out until the next minute."""

    def __init__(
        self, database: Callable[[], Database], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._noted: OrderedDict[int, float] = OrderedDict()
        self._unwritten: set[int] = set()
        self._writing = False

    def note(self, key_id: int) -> None:
        """The key is in use now."""
        now = self._clock()
        with self._lock:
            noted = self._noted.get(key_id)
            if noted is not None and now - noted < USE_SECONDS:
                return
            self._noted[key_id] = now
            self._noted.move_to_end(key_id)
            if len(self._noted) > _MOST_NOTED:
                self._noted.popitem(last=False)
            self._unwritten.add(key_id)
            if not self._writing:
                self._writing = True
                Work(self._write, "uses of keys", daemon=True)

    def _write(self) -> None:
        while ids := self._take():

            def write(connection: Connection, ids: list[int] = ids) -> None:
                mark_used(connection, ids)

            try:
                self._database().run(write, seconds=_TRY_SECONDS)
            except (RowpostError, SQLAlchemyError) as error:
                log.warning("when keys were used was not written: %s", type(error).__name__)

    def _take(self) -> list[int]:
        with self._lock:
            ids = sorted(self._unwritten)[:_WRITTEN_AT_ONCE]
            self._unwritten.difference_update(ids)
            self._writing = bool(ids)
            return ids
