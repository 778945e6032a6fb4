"""Recording: the marks and results of all connections of a drain, committed together.

A commit waits for the disk. It is made when no connection can go on without it, so that as many
marks and results as there are share it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from shared.database.database import Database
from shared.database.errors import CommitUncertain, DatabaseUnreachable, is_transient
from shared.delivery.quotas import Quotas
from shared.outbox import one_trip
from shared.outbox.begin import Mark, mark
from shared.outbox.finish import Outcome, Result, finish, is_plain
from shared.outbox.give_back import give_back
from shared.outbox.lease import Lease
from shared.smtp.pump import Signal

if TYPE_CHECKING:
    from shared.monitoring.telemetry.witness import Witness

log = logging.getLogger("rowpost.delivery")

_WAIT_AFTER_FAILURE = 0.25
_LONGEST_WITHOUT_COMMIT = 0.02
_RESULTS_ALONE_WAIT = 0.01
_LEASE_SHARE_TO_MARK = 0.5
_LEASE_SHARE_TO_SEND = 0.75

_NO_END = (Outcome.RETRY, Outcome.POSTPONED)


class Ticket:
    """One mark on its way. It is good only while enough of the lease is left."""

    __slots__ = ("_answered", "_lease_seconds", "_since", "mark")

    def __init__(self, mark: Mark, lease: Lease) -> None:
        self.mark = mark
        self._lease_seconds = lease.seconds
        self._since = _lease_clock()
        self._answered: Signal[bool] = Signal()

    def answer(self, marked: bool) -> None:
        self._answered.set(marked)

    @property
    def is_late(self) -> bool:
        """Whether it is no longer worth marking."""
        return self._age() > self._lease_seconds * _LEASE_SHARE_TO_MARK

    async def wait(self) -> bool:
        """Whether the final dot may be written now: marked, committed, and the lease far from over.

        The lease ran anew from the commit, which came after this ticket was made.
        """
        try:
            marked = await self._answered.wait(self._lease_seconds)
        except TimeoutError:
            return False
        return marked and self._age() < self._lease_seconds * _LEASE_SHARE_TO_SEND

    def _age(self) -> float:
        return _lease_clock() - self._since


@dataclass(slots=True)
class _Batch:
    """What one commit carries."""

    tickets: list[Ticket] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.tickets or self.results or self.returned)

    @property
    def ended(self) -> list[int]:
        """The emails that are ours no longer."""
        return [*(one.number for one in self.results), *self.returned]

    def parts(self) -> list[_Batch]:
        """The same work, one email a batch."""
        return [
            *(_Batch(tickets=[one]) for one in self.tickets),
            *(_Batch(results=[one]) for one in self.results),
            *(_Batch(returned=[one]) for one in self.returned),
        ]


class Recorder:
    """Writes what the connections of one drain report, in order, none lost.

    While the database is away marks are answered "no" once half of their lease is over; results
    are kept and tried again until `close` gives up. `written` counts the outcomes committed.
    """

    def __init__(
        self,
        database: Database,
        lease: Lease,
        quotas: Quotas,
        written: Counter[Outcome],
        turn: threading.Lock,
        witness: Witness | None = None,
    ) -> None:
        """`turn`: nobody else writes to the emails of the lease while we hold it."""
        self._database = database
        self._writer = database.writer()
        self._lease = lease
        self._quotas = quotas
        self._pending = _Batch()
        self._pending_since = 0.0
        self._not_before = 0.0
        self._give_up_at = float("inf")
        self.written = written
        self._turn = turn
        self._witness = witness

    def mark(self, mark: Mark) -> Ticket:
        """Ask for an email to be marked; its ticket says when, and whether."""
        ticket = Ticket(mark, self._lease)
        self._note_begin()
        self._pending.tickets.append(ticket)
        return ticket

    def finish(self, result: Result) -> None:
        """Have the outcome of an attempt written; anything but "sent" is in the log too."""
        self._note_begin()
        self._pending.results.append(result)
        if result.outcome is not Outcome.SENT:
            _log(result)

    def give_back(self, number: int) -> None:
        """Have an email whose final dot was not written wait again."""
        self._note_begin()
        self._pending.returned.append(number)

    def due_in(self) -> float | None:
        """In how many seconds a commit is due if nobody has anything to do; None: nothing waits.

        Nobody waits for a result, so results alone wait a little for the marks that follow them.
        """
        if not self._pending:
            return None
        patience = 0.0 if self._pending.tickets else _RESULTS_ALONE_WAIT
        return max(0.0, max(self._pending_since + patience, self._not_before) - time.monotonic())

    @property
    def is_overdue(self) -> bool:
        """Whether it is time for a commit although connections could go on without it."""
        now = time.monotonic()
        return bool(self._pending) and now > max(
            self._not_before, self._pending_since + _LONGEST_WITHOUT_COMMIT
        )

    def commit(self) -> None:
        """Write what there is."""
        batch, self._pending = self._pending, _Batch()
        if batch:
            self._write(batch)

    def close(self, seconds: float) -> None:
        """Write what is left; after so many seconds of failures it is given up, and logged."""
        self._give_up_at = time.monotonic() + seconds
        while self._pending:
            time.sleep(max(0.0, self._not_before - time.monotonic()))
            self.commit()
        self._writer.close()

    def _note_begin(self) -> None:
        if not self._pending:
            self._pending_since = time.monotonic()

    def _write(self, batch: _Batch) -> None:
        try:
            with self._turn:
                marked, finished = self._committed(batch)
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody is to wait for ever
            self._after_failure(batch, error)
            return
        self._quotas.forget(marked, batch.ended)
        for ticket in batch.tickets:
            ticket.answer(ticket.mark.number in marked)
        ended = [one for one in batch.results if one.number in finished]
        self.written.update([one.outcome for one in ended])
        if self._witness is not None:
            self._witness.recorded(ended, batch.returned)

    def _committed(self, batch: _Batch) -> tuple[set[int], set[int]]:
        """In one round trip where those cost something, and nothing in the batch asks for more."""
        marks = [ticket.mark for ticket in batch.tickets]
        if not self._database.has_one_writer and self._is_plain(batch, marks):
            return one_trip.commit(self._database, batch.results, marks, self._lease)
        with self._writer.write() as connection:
            return self._apply(connection, batch)

    def _is_plain(self, batch: _Batch, marks: Sequence[Mark]) -> bool:
        return (
            not batch.returned
            and all(is_plain(result) for result in batch.results)
            and not any(mark.recipients for mark in marks)
            and self._quotas.are_untouched(
                [*(result.number for result in batch.results), *(mark.number for mark in marks)]
            )
        )

    def _apply(self, connection: Connection, batch: _Batch) -> tuple[set[int], set[int]]:
        finished = finish(connection, batch.results, self._lease) if batch.results else set()
        if batch.returned:
            give_back(connection, batch.returned, self._lease)
        self._quotas.release(connection, batch.ended)
        allowed = self._quotas.allowed(connection, [one.mark for one in batch.tickets])
        marked = mark(connection, allowed, self._lease)
        self._quotas.spend(connection, marked)
        return marked, finished

    def _after_failure(self, batch: _Batch, error: Exception) -> None:
        """A passing fault: keep the work and wait. Else: find the one email that it is about."""
        if not _passes(error):
            parts = batch.parts()
            if len(parts) > 1:
                for part in parts:
                    self._write(part)
                return
            log.error("an email could not be recorded: %s", type(error).__name__, exc_info=error)
            batch.results.clear()
            batch.returned.clear()
        self._keep(batch, give_up_on_marks=isinstance(error, CommitUncertain) or not _passes(error))
        self._not_before = time.monotonic() + _WAIT_AFTER_FAILURE

    def _keep(self, batch: _Batch, *, give_up_on_marks: bool) -> None:
        """Try again later, except the marks that are no use any more.

        A mark whose commit is uncertain counts as not made. What a sender is told not to send it
        gives back, whether it stands in P or in T.
        """
        over = time.monotonic() > self._give_up_at
        late = [one for one in batch.tickets if give_up_on_marks or over or one.is_late]
        for ticket in late:
            ticket.answer(False)
        if over:
            ids = [one.number for one in batch.results] + batch.returned
            log.error("the outcome of %d emails could not be recorded: %s", len(ids), ids[:50])
            return
        self._note_begin()
        self._pending.tickets[:0] = [one for one in batch.tickets if one not in late]
        self._pending.results[:0] = batch.results
        self._pending.returned[:0] = batch.returned


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
