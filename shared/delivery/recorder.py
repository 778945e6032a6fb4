"""Recording: the marks and results of all workers of a drain, committed together.

A commit waits for the disk or the network, on a thread of its own. What is reported meanwhile goes
with the next one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from shared.background import set_within
from shared.database.database import Database
from shared.database.errors import CommitUncertain, DatabaseUnreachable, is_transient
from shared.delivery.allowance.quotas import Quotas
from shared.delivery.threads.sql_thread import SqlThread
from shared.outbox.sending import one_statement, one_trip
from shared.outbox.sending.begin import Mark, mark
from shared.outbox.sending.finish import Outcome, Result, finish, is_plain
from shared.outbox.sending.give_back import give_back
from shared.outbox.sending.lease import Lease

if TYPE_CHECKING:
    from shared.monitoring.telemetry.witness import Witness

log = logging.getLogger("rowpost.delivery")

_WAIT_AFTER_FAILURE = 0.25
_RESULTS_ALONE_WAIT = 0.005
_MARKS_WAIT = 0.001
"""So long a mark waits for those of other workers: they share a commit."""
_LEASE_SHARE_TO_MARK = 0.5
_LEASE_SHARE_TO_SEND = 0.75

_NO_END = (Outcome.RETRY, Outcome.POSTPONED, Outcome.BLAMED)


class PendingMark:
    """One mark on its way. It is good only while enough of the lease is left."""

    __slots__ = ("_answered", "_lease_seconds", "_since", "mark")

    def __init__(self, mark: Mark, lease: Lease) -> None:
        self.mark = mark
        self._lease_seconds = lease.seconds
        self._since = _lease_clock()
        self._answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def answer(self, marked: bool) -> None:
        """On the loop's thread."""
        if not self._answered.done():
            self._answered.set_result(marked)

    @property
    def is_late(self) -> bool:
        """Whether it is no longer worth marking."""
        return self._age() > self._lease_seconds * _LEASE_SHARE_TO_MARK

    async def wait(self) -> bool:
        """Whether the email may be committed now: marked, and the lease far from over.

        The lease ran anew from the mark's commit, which came after it was asked for.
        """
        if not self._answered.done():
            loop = asyncio.get_running_loop()
            alarm = loop.call_later(self._lease_seconds, self.answer, False)
            await self._answered
            alarm.cancel()
        return self._answered.result() and self._age() < self._lease_seconds * _LEASE_SHARE_TO_SEND

    def _age(self) -> float:
        return _lease_clock() - self._since


@dataclass(slots=True)
class _Batch:
    """What one commit carries."""

    marks: list[PendingMark] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.marks or self.results or self.returned)

    @property
    def ended(self) -> list[int]:
        """The emails that are ours no longer."""
        return [*(result.number for result in self.results), *self.returned]

    def parts(self) -> list[_Batch]:
        """The same work, one email a batch."""
        return [
            *(_Batch(marks=[pending]) for pending in self.marks),
            *(_Batch(results=[result]) for result in self.results),
            *(_Batch(returned=[number]) for number in self.returned),
        ]


@dataclass(frozen=True, slots=True)
class _Written:
    """What a commit came to."""

    marked: set[int]
    finished: set[int]


class Recorder:
    """Writes what the workers of one drain report, in order, none lost.

    While the database is away marks are answered "no" once half of their lease is over; results
    are kept and tried again until `close` gives up. `written` counts the outcomes committed.
    """

    def __init__(
        self,
        database: Database,
        thread: SqlThread,
        lease: Lease,
        quotas: Quotas,
        written: Counter[Outcome],
        turn: threading.Lock,
        workers: Callable[[], int],
        idle: Callable[[], None],
        witness: Witness | None = None,
    ) -> None:
        """`turn`: nobody else writes to the emails of the lease while we hold it. `workers`: how
        many may ask for a mark. `idle` is called when all that was reported is committed."""
        self._database = database
        self._writer = database.writer()
        self._lease = lease
        self._quotas = quotas
        self.written = written
        self._turn = turn
        self._workers = workers
        self._idle = idle
        self._witness = witness
        self._thread = thread
        self._pending = _Batch()
        self._something = asyncio.Event()
        self._some_mark = asyncio.Event()
        self._everybody = asyncio.Event()
        """As many marks are asked for as there are workers: nothing more will come."""
        self.continued_at = float("-inf")
        """When an email was last written down that is due again at once, by the monotonic clock."""
        self._writing = False
        self._give_up_at = float("inf")
        self._task = asyncio.create_task(self._run())

    def mark(self, mark: Mark) -> PendingMark:
        """Ask for an email to be marked; what is answered says when, and whether."""
        pending = PendingMark(mark, self._lease)
        self._pending.marks.append(pending)
        self._something.set()
        self._some_mark.set()
        if len(self._pending.marks) >= self._workers():
            self._everybody.set()
        return pending

    def finish(self, result: Result) -> None:
        """Have the outcome of an attempt written; anything but "sent" is in the log too."""
        self._pending.results.append(result)
        self._something.set()
        if result.outcome is not Outcome.SENT:
            _log(result)

    def give_back(self, number: int) -> None:
        """Have an email that was not committed wait again."""
        self._pending.returned.append(number)
        self._something.set()

    @property
    def is_idle(self) -> bool:
        """Whether all that was reported is committed."""
        return not self._pending and not self._writing

    async def close(self, seconds: float) -> None:
        """Write what is left; after so many seconds of failures it is given up, and logged."""
        self._give_up_at = time.monotonic() + seconds
        while not self.is_idle:
            await asyncio.sleep(_RESULTS_ALONE_WAIT)
        self._task.cancel()
        await asyncio.wait([self._task])
        self._writer.close()

    async def _run(self) -> None:
        while True:
            await self._something.wait()
            if not self._pending.marks:  # Nobody waits for a result: marks may come along.
                await set_within(self._some_mark, _RESULTS_ALONE_WAIT)
            if self._pending.marks:
                await set_within(self._everybody, _MARKS_WAIT)
            self._something.clear()
            self._some_mark.clear()
            self._everybody.clear()
            batch, self._pending = self._pending, _Batch()
            if batch:
                self._writing = True
                await self._write(batch)
                self._writing = False
                if self.is_idle:
                    self._idle()

    async def _write(self, batch: _Batch) -> None:
        try:
            written = await self._thread.run(lambda: self._committed(batch), at_once=True)
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody is to wait for ever
            await self._after_failure(batch, error)
            return
        self._quotas.forget(written.marked, batch.ended)
        for pending in batch.marks:
            pending.answer(pending.mark.number in written.marked)
        ended = [result for result in batch.results if result.number in written.finished]
        self.written.update([result.outcome for result in ended])
        if any(result.outcome is Outcome.RETRY and result.wait == 0 for result in ended):
            self.continued_at = time.monotonic()
        if self._witness is not None:
            self._witness.recorded(ended, batch.returned)

    def _committed(self, batch: _Batch) -> _Written:
        """At once, in one statement or one round trip, where nothing in the batch asks for more."""
        marks = [pending.mark for pending in batch.marks]
        with self._turn:
            written = self._at_once(batch, marks) if self._is_plain(batch, marks) else None
            if written is None:
                with self._writer.write() as connection:
                    written = self._apply(connection, batch, marks)
        return _Written(*written)

    def _at_once(self, batch: _Batch, marks: Sequence[Mark]) -> tuple[set[int], set[int]] | None:
        if self._database.has_one_writer:
            return one_statement.commit(self._database, batch.results, marks, self._lease)
        return one_trip.commit(self._database, batch.results, marks, self._lease)

    def _is_plain(self, batch: _Batch, marks: Sequence[Mark]) -> bool:
        return (
            not batch.returned
            and all(is_plain(result) for result in batch.results)
            and not any(mark.recipients or mark.started for mark in marks)
            and self._quotas.are_untouched(
                [*(result.number for result in batch.results), *(mark.number for mark in marks)]
            )
        )

    def _apply(
        self, connection: Connection, batch: _Batch, marks: Sequence[Mark]
    ) -> tuple[set[int], set[int]]:
        finished = finish(connection, batch.results, self._lease) if batch.results else set()
        if batch.returned:
            give_back(connection, batch.returned, self._lease)
        self._quotas.release(connection, batch.ended)
        marked = mark(connection, self._quotas.allowed(connection, marks), self._lease)
        self._quotas.spend(connection, marked)
        return marked, finished

    async def _after_failure(self, batch: _Batch, error: Exception) -> None:
        """A passing fault: keep the work and wait. Else: find the one email that it is about."""
        if not _passes(error):
            parts = batch.parts()
            if len(parts) > 1:
                for part in parts:
                    await self._write(part)
                return
            log.error("an email could not be recorded: %s", type(error).__name__, exc_info=error)
            batch.results.clear()
            batch.returned.clear()
        self._keep(batch, give_up_on_marks=isinstance(error, CommitUncertain) or not _passes(error))
        await asyncio.sleep(_WAIT_AFTER_FAILURE)

    def _keep(self, batch: _Batch, *, give_up_on_marks: bool) -> None:
        """Try again later, except the marks that are no use any more.

        A mark whose commit is uncertain counts as not made. What a sender is told not to send it
        gives back, whether it stands in P or in T.
        """
        over = time.monotonic() > self._give_up_at
        late = [pending for pending in batch.marks if give_up_on_marks or over or pending.is_late]
        for pending in late:
            pending.answer(False)
        if over:
            numbers = [result.number for result in batch.results] + batch.returned
            log.error(
                "the outcome of %d emails could not be recorded: %s", len(numbers), numbers[:50]
            )
            return
        self._pending.marks[:0] = [pending for pending in batch.marks if pending not in late]
        self._pending.results[:0] = batch.results
        self._pending.returned[:0] = batch.returned
        if self._pending:
            self._something.set()
        if self._pending.marks:
            self._some_mark.set()


def _passes(error: Exception) -> bool:
    return isinstance(error, (DatabaseUnreachable, CommitUncertain)) or is_transient(error)


def _lease_clock() -> float:
    """Seconds on a clock that also runs while the machine sleeps, where there is one."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


def _log(result: Result) -> None:
    log.log(
        logging.INFO if result.outcome in _NO_END else logging.WARNING,
        "email %d: %s: %s",
        result.email_id,
        result.outcome,
        result.reason,
        extra={"email": result.email_id, "account": result.account},
    )
