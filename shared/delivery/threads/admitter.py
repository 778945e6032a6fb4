"""Admission while a drain goes on, on a thread beside its loop: batch after batch, and pauses."""

from __future__ import annotations

import time
from collections.abc import Callable

from shared.database.database import Database
from shared.outbox.admission.admit import Admitted, Answered, admit
from shared.outbox.admission.immediate import EndOfBacklog

_LONGEST_SECONDS = 0.25
_PAUSE_SHARE = 0.4
"""Where one transaction writes at a time: after a batch, marks and results of what is being sent
have their turn for so much of the time that it took."""


class Admitter:
    """Admits a backlog in parts. Of one thread at a time."""

    def __init__(self, database: Database, are_sending: Callable[[], bool]) -> None:
        """`are_sending`: whether emails are on their way, which others write about."""
        self._database = database
        self._are_sending = are_sending
        self._pause_share = _PAUSE_SHARE if database.has_one_writer else 0.0
        self._after: int | None = None
        self._end: EndOfBacklog | None = None

    @property
    def has_more(self) -> bool:
        """Whether the end of the backlog was not reached: `admit_some` goes on from there."""
        return self._after is not None

    def admit_some(self, answered: Answered) -> int:
        """Admit a batch; while emails are on their way, for a quarter of a second. Answers how many
        went into the queue. Raises as `admit`: the next one begins anew then, unless only the end
        of the backlog could not be looked at."""
        ends_at = time.monotonic() + _LONGEST_SECONDS
        after, self._after = self._after, None
        batch, after = self._batch(answered, after or 0)
        admitted = batch.admitted
        while after is not None and self._are_sending() and time.monotonic() < ends_at:
            batch, after = self._batch(answered, after)
            admitted += batch.admitted
        self._after = after
        if after is None:
            self._end = None
        else:
            self._end = self._end or EndOfBacklog()
            admitted += self._end.admit(self._database, answered).admitted
        return admitted

    def _batch(self, answered: Answered, after: int) -> tuple[Admitted, int | None]:
        """A batch, and then a pause in which others may write; and where the next one begins."""
        began = time.monotonic()
        batch = admit(self._database, answered, after)
        if batch.after is not None and self._are_sending():
            time.sleep((time.monotonic() - began) * self._pause_share)
        return batch, batch.after
