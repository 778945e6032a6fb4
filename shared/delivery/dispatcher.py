"""The drain: waiting emails are claimed, composed, sent and recorded until nothing is due.

An email's way, in the order of the files that hold its steps:

    row → admit     outbox/admit.py         the row gets an entry of the ledger, and says P
        → claim     outbox/claim.py         N becomes P, under this drain's lease
        → compose   delivery/prepare.py     the row becomes a message and an envelope
        → offer     delivery/worker.py      all that the mail server can refuse before the mark
        → mark      delivery/recorder.py    P becomes T
        → commit    transports/smtp.py      the point of no return: the final dot, and its reply
        → record    delivery/recorder.py    T becomes Y, N (again, later), F or U

One loop talks to the mail servers: for each account that has something there is a queue, served by
several workers. Statements have threads of their own: the loop never waits for a database.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from shared.accounts.directory import Account, AccountBook, load_accounts, stand_ins
from shared.accounts.numbers import number_new_accounts
from shared.accounts.pauses import Pause, end_pause, pause, pauses, return_probe, take_probe
from shared.accounts.routing import fold
from shared.app import Application
from shared.background import on_own_thread, set_within
from shared.database.errors import DatabaseUnreachable
from shared.delivery.account_queue import AccountQueue
from shared.delivery.allowance.quotas import Quotas
from shared.delivery.allowance.ration import Take
from shared.delivery.allowance.slot_keeper import SlotKeeper
from shared.delivery.claimer import Catch, Claimer
from shared.delivery.composing.attached_files import AttachedFiles
from shared.delivery.composing.compose_apart import ComposingProcess
from shared.delivery.composing.composer import Fetching
from shared.delivery.recorder import Recorder
from shared.delivery.retry import RetryPolicy, pause_seconds
from shared.delivery.threads.admitter import Admitter
from shared.delivery.threads.event_numberer import event_numberer
from shared.delivery.threads.lease_heartbeat import lease_heartbeat
from shared.delivery.threads.row_writer import row_writer
from shared.delivery.threads.sql_thread import SqlThread
from shared.delivery.transport_of import transport_of as transport_of_account
from shared.delivery.worker import Parts, Trouble, Worker
from shared.outbox import transitions
from shared.outbox.admission.admit import admit_one
from shared.outbox.confidential import forget_ended
from shared.outbox.sending.claim import claim_blamed, claim_one, claim_suspects
from shared.outbox.sending.due import Due, what_is_due
from shared.outbox.sending.fetch import ClaimedEmail, UnreadableEmail
from shared.outbox.sending.finish import Outcome, Result
from shared.outbox.sending.give_back import release
from shared.outbox.sending.lease import Lease
from shared.outbox.states import BOTH_LANES, Lane
from shared.scheduling import service_state
from shared.transports.base import Transport

if TYPE_CHECKING:
    from shared.monitoring.telemetry.witness import Witness

log = logging.getLogger("rowpost.delivery")

T = TypeVar("T")

_LOOK_AGAIN_SECONDS = 1.0
_LOAD_SHARE = 0.02
"""Of the time, so much goes into reading the accounts anew."""
_VAULT_SECONDS = 2.0
_NO_ACCOUNTS = AccountBook((), (), {}, (), {})
_READING_THREADS = 8
_LONGEST_NAP_SECONDS = 0.25
_SECONDS_TO_STOP = 5.0
_SECONDS_FOR_A_COMMAND = 120.0
_SECONDS_TO_RECORD = 120.0
_SECONDS_TO_RECORD_AT_STOP = 2.0
_SECONDS_TO_GIVE_BACK = 2.0
_WORTH_WAITING_SECONDS = 5.0
_LONG_AGO = -math.inf
_LOOKS = frozenset({"load", "admit", "look"})
"""Steps that are no work yet."""

_Key = tuple[int, int | None]
"""A queue's: the account that sends, and the one that it stands in for."""

_Waits = tuple[bool, bool, bool]
"""What waits for an account: emails, suspects, those that were blamed for a pause."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a drain is to do: which lanes, for how many seconds, `scheduled` until when.

    `forced`: an operator asked for it, so a paused account is tried at once. `only`: this email
    and no other.
    """

    lanes: tuple[Lane, ...] = BOTH_LANES
    seconds: float = 45.0
    scheduled_until: datetime | None = None
    forced: bool = False
    only: int | None = None
    scheduled_codes: frozenset[str] | None = None
    """`scheduled` for the accounts that answer for one of these (`routing.fold`); None: for all."""


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain did, in emails, and whether it ended because nothing was due any more."""

    sent: int = 0
    retried: int = 0
    failed: int = 0
    unknown: int = 0
    finished: bool = True

    @classmethod
    def of(cls, written: Counter[Outcome], *, finished: bool) -> Drained:
        """What was written so far."""
        return cls(
            sent=written[Outcome.SENT],
            retried=written[Outcome.RETRY],
            failed=written[Outcome.FAILED],
            unknown=written[Outcome.UNKNOWN],
            finished=finished,
        )

    @property
    def processed(self) -> int:
        return self.sent + self.retried + self.failed + self.unknown


def drain(
    application: Application,
    order: Order,
    written: Counter[Outcome] | None = None,
    *,
    hand_over: Callable[[], None] | None = None,
    transport_of: Callable[[Account], Transport] = transport_of_account,
) -> Drained:
    """Send what is due. Ends when nothing is, when its time is over, or when it is told to stop.

    Whoever gives `written` sees there, from another thread too, how far it has come. `hand_over`
    is called when something is left at the end of its time, before the replies that are still on
    their way are waited for. Emails that were claimed and not begun are given back. Raises
    DatabaseUnreachable when there is no database to begin with; one that goes away meanwhile is
    waited for.
    """
    _spare_the_collector()
    application.database()
    counted = Counter() if written is None else written
    dispatcher = Dispatcher(application, order, counted, hand_over, transport_of)
    with dispatcher.beside(), asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(dispatcher.run())


@lru_cache(maxsize=1)
def _spare_the_collector() -> None:
    """What is loaded by now stays: the garbage collector need not look through it time and again
    (8 % of a drain)."""
    gc.collect()
    gc.freeze()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes a drain's loop: uvloop where there is one, which is not on Windows."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@dataclass(frozen=True, slots=True)
class _Look:
    """What the queue looked like a moment ago."""

    running: bool
    resting: dict[int, Pause]
    due: Due


class Dispatcher:
    """One drain. Everything but `run` is for the loop's own thread, or for one of its threads."""

    def __init__(
        self,
        application: Application,
        order: Order,
        written: Counter[Outcome],
        hand_over: Callable[[], None] | None,
        transport_of: Callable[[Account], Transport],
    ) -> None:
        settings = application.settings
        self._application = application
        self._order = order
        self._written = written
        self._hand_over = hand_over
        self._transport_of = transport_of
        self._database = application.database()
        self._lease = Lease.new(settings.lease_seconds)
        self._turn = threading.Lock()
        """Of whoever writes to the emails of this lease: its renewal, or the recorder."""
        self._quotas = Quotas(self._lease)
        self._witness = _witness_of(application)
        self._claimer = Claimer(self._database, self._lease, self._quotas, self._witness)
        self._slots = SlotKeeper(self._lease, self._write)
        self._recorder: Recorder
        self._parts: Parts
        self._claims = SqlThread("claims")
        self._upkeep = SqlThread("admission")
        self._loading = SqlThread("accounts")
        self._reading = SqlThread("documents", _READING_THREADS)
        self._suspects = SqlThread("suspects")
        self._recording = SqlThread("recorder")
        self._apart = ComposingProcess()
        self._threads = (
            self._claims,
            self._upkeep,
            self._loading,
            self._reading,
            self._suspects,
            self._recording,
        )
        self._deadline = time.monotonic() + order.seconds
        self._service_stopped = False
        self._changed = asyncio.Event()
        self._steps: dict[str, asyncio.Task[None]] = {}
        """What is being asked of the database: one of each name at a time."""
        self._queues: dict[_Key, AccountQueue] = {}
        self._workers: set[Worker] = set()
        self._book: AccountBook | None = None
        self._look: _Look | None = None
        self._load_at = _LONG_AGO
        self._look_at = _LONG_AGO
        self._admit_at = _LONG_AGO
        self._look_began = _LONG_AGO
        self._admission_began = _LONG_AGO
        self._admission_ended = _LONG_AGO
        self._admitted_at = _LONG_AGO
        self._busy_at = time.monotonic()
        self._admitter = Admitter(self._database, lambda: bool(self._workers))

    async def run(self) -> Drained:
        """Drain; answers what was done."""
        settings = self._application.settings
        self._recorder = Recorder(
            self._database,
            self._recording,
            self._lease,
            self._quotas,
            self._written,
            self._turn,
            lambda: len(self._workers),
            self._changed.set,
            self._witness,
        )
        fetching = Fetching(
            self._database,
            self._lease,
            AttachedFiles(self._application.attachments.store, settings.most_attached_mb),
            self._reading,
            self._suspects,
            self._apart,
            lambda: self._application.unsubscribe_key.links(),
        )
        self._parts = Parts(
            self._recorder,
            fetching,
            RetryPolicy(settings.max_retries, settings.retry_seconds),
            self._transport_of,
            self._on_trouble,
            self._on_success,
            self._witness,
        )
        if self._witness is None:
            return await self._run()
        with self._witness.drain(self._order.lanes, self._written):
            return await self._run()

    @contextmanager
    def beside(self) -> Iterator[None]:
        """What goes on beside the loop: the lease is kept, rows are told, events numbered, threads
        wait for work."""
        heartbeat = lease_heartbeat(self._database, self._lease, self._turn, self._slots.renew)
        try:
            with heartbeat, event_numberer(self._database), row_writer(self._database):
                yield
        finally:
            for thread in self._threads:
                thread.close()
            self._apart.close()

    async def _run(self) -> Drained:
        finished = False
        try:
            if self._order.only is not None:
                await self._send_only(self._order.only)
            else:
                finished = await self._send_what_is_due()
        finally:
            await self._wind_down(finished=finished)
        return Drained.of(self._written, finished=finished)

    # What is due.

    async def _send_what_is_due(self) -> bool:
        """Keep every queue filled; True when nothing is due any more."""
        while not self._over:
            self._changed.clear()
            self._ask_the_database()
            for queue in list(self._queues.values()):
                self._serve(queue)
            if self._nothing_is_left():
                return True
            await self._nap()
        return False

    async def _send_only(self, email_id: int) -> None:
        """Send one email over the account that answers for its code."""
        book = await self._loading.run(self._loaded)
        look = await self._claims.run(self._looked)
        if book is None or look is None:
            return
        self._take_in(book, look)
        admit_it = partial(admit_one, answered=book.answered, email_id=email_id)
        await self._write(admit_it)
        take = partial(claim_one, email_id=email_id)
        for queue in list(self._queues.values()):
            await self._fill(queue, take)
            if not queue.idle:
                while not (queue.idle or queue.closed or self._over):
                    self._changed.clear()
                    self._staff(queue)
                    await self._nap()
                return

    def _ask_the_database(self) -> None:
        """Begin what is to be asked now: accounts, what is due, and new rows."""
        now = time.monotonic()
        if now >= self._load_at:
            self._begin("load", self._load)
        if self._book is None:
            return
        if now >= self._admit_at:
            self._begin("admit", self._admit)
        # What a first look would find is to be admitted first.
        if now >= self._look_at and self._admission_ended > _LONG_AGO:
            self._begin("look", self._look_at_queue)

    def _begin(self, name: str, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if name not in self._steps:
            self._steps[name] = task = asyncio.create_task(step())
            task.add_done_callback(partial(self._ended, name))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        del self._steps[name]
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a step of the drain failed: %s", type(error).__name__, exc_info=error)

    async def _nap(self) -> None:
        """Until something has changed, or it may be time for something."""
        await set_within(self._changed, _LONGEST_NAP_SECONDS)

    def _nothing_is_left(self) -> bool:
        """Whether all is sent that may be. A quota that opens in a moment is waited for."""
        now = time.monotonic()
        busy = self._steps.keys() - _LOOKS or any(
            not queue.idle or self._may_fill(queue) for queue in self._queues.values()
        )
        if busy or not self._recorder.is_idle or self._admitter.has_more:
            self._busy_at = now
            return False
        if self._book is None or self._steps:
            return False
        if self._admission_began <= self._busy_at:
            self._admit_at = _LONG_AGO
            self._changed.set()
            return False
        if self._look_began <= self._admission_ended:
            self._look_at = _LONG_AGO
            self._changed.set()
            return False
        return not any(
            queue.opens_within(_WORTH_WAITING_SECONDS) for queue in self._queues.values()
        )

    # Admission.

    async def _admit(self) -> None:
        """Some of the new rows; those that wait for a time are called up before the first."""
        began = time.monotonic()
        first = not self._admitter.has_more
        self._admit_at = began + _LOOK_AGAIN_SECONDS
        admitted = await self._upkeep.run(partial(self._admitted, first=first))
        if self._admitter.has_more:
            self._admit_at = _LONG_AGO
            self._changed.set()
        if first:
            self._admission_began = began
        self._admission_ended = time.monotonic()
        if admitted:
            self._admitted_at = time.monotonic()
            self._look_at = _LONG_AGO

    def _admitted(self, *, first: bool) -> int:
        if first:
            self._claimer.write(transitions.call_up)
            self._claimer.write(_expire)
        book = self._book
        if book is None or book is _NO_ACCOUNTS:
            return 0
        return self._claimer.attempt(lambda: self._admitter.admit_some(book.answered)) or 0

    # Accounts and their queues.

    async def _load(self) -> None:
        """Read the accounts; slow ones of secrets less often. A vault that does not answer is not
        waited for where this process has read them before."""
        began = time.monotonic()
        reading = asyncio.ensure_future(self._loading.run(self._loaded))
        former = self._application.account_book
        if self._book is None and former is not None:
            await asyncio.wait([reading], timeout=_VAULT_SECONDS)
            if not reading.done():
                self._take_book(former)
        book = await reading
        took = time.monotonic() - began
        self._load_at = time.monotonic() + max(_LOOK_AGAIN_SECONDS, took / _LOAD_SHARE)
        if book is not None:
            self._application.account_book = book
        if book is not None or self._book is None:
            self._take_book(book or _NO_ACCOUNTS)

    def _take_book(self, book: AccountBook) -> None:
        self._book = book
        if self._look is not None:
            self._take_in(book, self._look)
        self._changed.set()

    def _loaded(self) -> AccountBook | None:
        application = self._application
        try:
            number_new_accounts(self._database)
            with self._database.read() as connection:
                return load_accounts(connection, application.secrets, application.settings)
        except (SQLAlchemyError, DatabaseUnreachable):
            log.warning("the accounts could not be read; going on with those that are known")
            return None

    async def _look_at_queue(self) -> None:
        """What is due, who rests, and whether the service still runs."""
        began = time.monotonic()
        self._look_at = began + _LOOK_AGAIN_SECONDS
        look = await self._claims.run(self._looked)
        self._look_began = began
        if look is not None and self._book is not None:
            self._look = look
            self._take_in(self._book, look)
        await self._slots.return_spare(self._queues.values())

    def _looked(self) -> _Look | None:
        def look() -> _Look:
            with self._database.read() as connection:
                return _Look(
                    service_state.status(connection).running,
                    pauses(connection),
                    what_is_due(connection, self._open_lanes()),
                )

        return self._claimer.attempt(look)

    def _take_in(self, book: AccountBook, look: _Look) -> None:
        """Queues for the accounts that have something due, as they stand now."""
        if not look.running:
            self._service_stopped = True
        accounts = {
            _key(account): account
            for account in (*book.usable, *stand_ins(book.usable, look.resting))
            if account.codes
        }
        for key, queue in list(self._queues.items()):
            if key in accounts:
                queue.account = accounts[key]
            elif key[1] is not None:  # The account that it sent for does so itself again.
                self._close(queue)
                del self._queues[key]
        for key, account in accounts.items():
            codes = frozenset(account.codes)
            due, suspects, blamed = (
                bool(codes & found)
                for found in (look.due.codes, look.due.suspects, look.due.blamed)
            )
            known = self._queues.get(key)
            if known is None and (due or suspects or blamed or self._order.only is not None):
                waits = (due, suspects, blamed)
                known = self._open_queue(key, account, look.resting.get(account.id), waits)
            if known is None:
                continue
            if account.id in look.resting and not known.probing and not known.closed:
                self._close(known)
            if not self._was_in_vain(known):
                known.is_due, known.suspects, known.blamed = due, suspects, blamed

    def _was_in_vain(self, queue: AccountQueue) -> bool:
        """Whether a claim found nothing a moment ago, and nothing became due since, by admission or
        as the rest of a long list: what a look sees then is locked, held by a limit, or in a lane
        that is not open for this account."""
        just_now = time.monotonic() - _LOOK_AGAIN_SECONDS
        return queue.nothing_at > max(just_now, self._admitted_at, self._recorder.continued_at)

    def _open_queue(
        self, key: _Key, account: Account, resting: Pause | None, waits: _Waits
    ) -> AccountQueue | None:
        """The account's queue; none while it rests, unless it is up to us to try it."""
        if resting is not None:
            if resting.is_over or self._order.forced:
                self._begin(f"probe {account.id}", partial(self._probe, key, account, waits))
            return None
        queue = AccountQueue(account, self._most_workers(account), self._changed.set)
        self._queues[key] = queue
        return queue

    def _most_workers(self, account: Account) -> int:
        most = self._application.settings.connections
        if account.limits:
            most = min(most, account.limits.share)
        if account.max_connections is not None:
            most = min(most, account.max_connections)
        return most

    async def _probe(self, key: _Key, account: Account, waits: _Waits) -> None:
        """Take the right to try a resting account, and open its queue for one worker."""
        seconds = self._lease.seconds + self._order.seconds
        taken = await self._write(
            partial(
                take_probe,
                account_id=account.id,
                token=self._lease.token,
                seconds=seconds,
                at_once=self._order.forced,
            )
        )
        if taken and key not in self._queues:
            queue = AccountQueue(
                account, self._most_workers(account), self._changed.set, probing=True
            )
            queue.is_due, queue.suspects, queue.blamed = waits
            self._queues[key] = queue

    def _serve(self, queue: AccountQueue) -> None:
        """Claim more for a queue that runs low, and see to it that workers serve it."""
        take = queue.next_take
        if take is not None and self._may_fill(queue) and self._can_be_served(queue):
            key = f"claim {queue.account.id} {queue.account.stands_in_for}"
            self._begin(key, partial(self._fill, queue, take))
        self._staff(queue)

    def _may_fill(self, queue: AccountQueue) -> bool:
        limits = queue.account.limits
        if limits and not self._quotas.spare_share(limits):
            return False
        return queue.wants_emails and (
            queue.workers > 0 or self._slots.has_room(queue) or queue.may_ask_for_slot
        )

    def _can_be_served(self, queue: AccountQueue) -> bool:
        if queue.workers > 0 or self._slots.has_room(queue):
            return True
        self._ask_for_slot(queue)
        return False

    async def _fill(self, queue: AccountQueue, take: Take) -> None:
        lanes, batch, account = self._lanes_of(queue.account), queue.batch, queue.account
        catch = Catch()
        if lanes:
            catch = await self._claims.run(lambda: self._claimer.claim(account, lanes, batch, take))
        self._put(queue, catch, take)
        if take is claim_suspects:
            queue.suspects = bool(catch.emails)
        elif take is claim_blamed:
            queue.blamed = bool(catch.emails)
        else:
            # What an account's limits allow is less than what waits.
            enough = 1 if queue.account.limits else batch
            queue.is_due = bool(lanes) and len(catch.emails) >= enough
        if not catch.emails:
            queue.nothing_at = time.monotonic()

    def _put(self, queue: AccountQueue, catch: Catch, take: Take) -> None:
        if catch.opens_in is not None:
            queue.rest(catch.opens_in)
        self._quotas.note(catch.reserved, queue.account.limits)
        emails = [email for email in catch.emails if isinstance(email, ClaimedEmail)]
        queue.put(emails, take)
        for email in catch.emails:
            if isinstance(email, UnreadableEmail):
                result = Result(
                    email.number,
                    Outcome.FAILED,
                    queue.account.code,
                    reason=email.reason,
                    email_id=email.id,
                )
                self._recorder.finish(result)
        if queue.closed:
            self._close(queue)

    def _staff(self, queue: AccountQueue) -> None:
        """Have workers begin while emails wait and the account allows more."""
        wanted = min(queue.most_workers, queue.workers + queue.queued)
        while not queue.closed and queue.workers < wanted:
            if not self._slots.has_room(queue):
                self._ask_for_slot(queue)
                return
            worker = Worker(queue, self._parts)
            self._workers.add(worker)
            worker.task.add_done_callback(partial(self._gone, worker))

    def _gone(self, worker: Worker, task: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a worker failed: %s", type(error).__name__, exc_info=error)

    def _ask_for_slot(self, queue: AccountQueue) -> None:
        if queue.may_ask_for_slot:
            key = f"slot {queue.account.id} {queue.account.stands_in_for}"
            self._begin(key, partial(self._slots.ask, queue))

    def _on_trouble(self, queue: AccountQueue, trouble: Trouble) -> None:
        """The account can't be used: it rests for all senders, and its emails wait, unharmed."""
        account = queue.account
        log.warning(
            "account %s rests: %s", account.code, trouble.reason, extra={"account": account.code}
        )
        self._close(queue)

        def let_rest(connection: Connection) -> bool:
            before = pauses(connection).get(account.id)
            seconds = pause_seconds(
                before.times if before else 0,
                login_refused=trouble.login_refused,
                chance=random.random(),
            )
            seconds = max(seconds, trouble.seconds)
            return pause(connection, account.id, seconds, trouble.reason)

        async def rest() -> None:
            await self._write(let_rest)
            self._look_at = _LONG_AGO  # Its failover account may go on at once.

        self._begin(f"pause {account.id}", rest)

    def _on_success(self, queue: AccountQueue) -> None:
        queue.works()
        account_id = queue.account.id

        async def end() -> None:
            await self._write(partial(end_pause, account_id=account_id))

        self._begin(f"end of pause {account_id}", end)

    def _close(self, queue: AccountQueue) -> None:
        for email in queue.close():
            self._recorder.give_back(email.number)

    def _open_lanes(self) -> tuple[Lane, ...]:
        """The lanes that are open now: the window may have closed meanwhile."""
        until = self._order.scheduled_until
        if until is not None and self._application.clock() >= until:
            return self._without_scheduled()
        return self._order.lanes

    def _lanes_of(self, account: Account) -> tuple[Lane, ...]:
        """Those of them that are open for this account."""
        codes = self._order.scheduled_codes
        if codes is not None and codes.isdisjoint(map(fold, account.codes)):
            return self._without_scheduled()
        return self._open_lanes()

    def _without_scheduled(self) -> tuple[Lane, ...]:
        return tuple(lane for lane in self._order.lanes if lane is not Lane.SCHEDULED)

    # Ending.

    @property
    def _over(self) -> bool:
        return (
            self._service_stopped
            or self._application.stop.is_set()
            or time.monotonic() > self._deadline
        )

    async def _wind_down(self, *, finished: bool) -> None:
        """What nobody began is given back and handed over; then what is being sent is finished."""
        for queue in self._queues.values():
            self._close(queue)
        if not finished and self._hand_over is not None and not self._application.stop.is_set():
            await self._give_back_first()
            await on_own_thread(self._hand_over, "hand-over")
        await self._finish_what_is_being_sent()
        while self._steps:
            await asyncio.wait(list(self._steps.values()))
        stopping = self._application.stop.is_set()
        await self._recorder.close(_SECONDS_TO_RECORD_AT_STOP if stopping else _SECONDS_TO_RECORD)
        await self._write(self._let_go)

    async def _give_back_first(self) -> None:
        """Others find what we held once it is given back."""
        deadline = time.monotonic() + _SECONDS_TO_GIVE_BACK
        while not self._recorder.is_idle and time.monotonic() < deadline:
            await asyncio.sleep(0.01)

    async def _finish_what_is_being_sent(self) -> None:
        deadline = time.monotonic() + self._application.settings.smtp_timeout
        deadline += _SECONDS_FOR_A_COMMAND
        told_to_stop = False
        while self._workers and time.monotonic() < deadline:
            if self._application.stop.is_set() and not told_to_stop:
                told_to_stop = True
                deadline = min(deadline, time.monotonic() + _SECONDS_TO_STOP)
            self._changed.clear()
            await self._nap()
        workers = list(self._workers)
        for worker in workers:
            worker.abort()
        if workers:
            await asyncio.wait([worker.task for worker in workers])

    def _let_go(self, connection: Connection) -> None:
        release(connection, self._lease)
        self._quotas.release_all(connection)
        self._slots.return_all(connection)
        return_probe(connection, self._lease.token)

    async def _write(self, work: Callable[[Connection], T]) -> T | None:
        """A write transaction of the claimer's; None when it came to nothing."""
        return await self._claims.run(lambda: self._claimer.write(work))


def _expire(connection: Connection) -> None:
    """Give up emails that are of no use any more; what they say is gone with that."""
    forget_ended(connection, transitions.expire(connection))


def _witness_of(application: Application) -> Witness | None:
    if application.telemetry is None:
        return None
    from shared.monitoring.telemetry.witness import Witness

    return Witness(application.telemetry, application.database())


def _key(account: Account) -> _Key:
    return account.id, account.stands_in_for
