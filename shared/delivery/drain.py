"""The drain: waiting emails are claimed, composed, sent and recorded until nothing is due.

An email's way, in the order of the files that hold its steps:

    row → admit     outbox/admit.py         the row gets an entry of the ledger, and says P
        → claim     outbox/claim.py         N becomes P, under this drain's lease
        → compose   delivery/prepare.py     the row becomes a message and an envelope
        → send      delivery/connection.py  envelope, body, mark (P becomes T), final dot, reply
        → record    delivery/recorder.py    T becomes Y, N (again, later), F or U

All on one thread: for each account there is a line of emails, served by several connections, each
a conversation with the mail server on the drain's pump. Whenever none of them can go on without it,
their marks and results are committed together.
"""

from __future__ import annotations

import gc
import logging
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection as SqlConnection
from sqlalchemy.exc import SQLAlchemyError

from shared.accounts.directory import Account, load_accounts, stand_ins
from shared.accounts.numbers import number_new_accounts
from shared.accounts.pauses import Pause, end_pause, pause, pauses, return_probe, take_probe
from shared.accounts.routing import fold
from shared.app import Application
from shared.database.errors import CommitUncertain, DatabaseUnreachable
from shared.delivery.attached_files import AttachedFiles
from shared.delivery.connection import Connection, Parts, Trouble
from shared.delivery.lease_keeper import LeaseKeeper
from shared.delivery.line import Line
from shared.delivery.quotas import Quotas
from shared.delivery.ration import QuotaTaken, Take
from shared.delivery.recorder import Recorder
from shared.delivery.retry import RetryPolicy, pause_seconds
from shared.delivery.row_writer import RowWriter
from shared.delivery.screen import screened
from shared.delivery.slot_keeper import SlotKeeper
from shared.outbox import one_trip, transitions
from shared.outbox.admit import Answered, admit, admit_one
from shared.outbox.claim import Wanted, claim, claim_one, claim_suspects
from shared.outbox.confidential import forget_ended
from shared.outbox.fetch import (
    Claimed,
    ClaimedEmail,
    Fetched,
    UnreadableEmail,
    collect,
    settle,
)
from shared.outbox.finish import Outcome, Result
from shared.outbox.give_back import release
from shared.outbox.lease import Lease
from shared.outbox.states import BOTH_LANES, Lane
from shared.scheduling import service_state
from shared.smtp.pump import Pump

if TYPE_CHECKING:
    from shared.monitoring.telemetry.witness import Witness

log = logging.getLogger("rowpost.delivery")

T = TypeVar("T")

_LOOK_AGAIN_SECONDS = 1.0
_ROUND_SECONDS = 0.02
_SECONDS_TO_STOP = 5.0
_SECONDS_FOR_A_COMMAND = 120.0
_SECONDS_TO_RECORD = 120.0
_SECONDS_TO_RECORD_AT_STOP = 2.0
_WORTH_WAITING_SECONDS = 5.0
_LONG_AGO = -math.inf

_Key = tuple[int, int | None]
"""A line's: the account that sends, and the one that it stands in for."""


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
    application: Application, order: Order, written: Counter[Outcome] | None = None
) -> Drained:
    """Send what is due. Ends when nothing is, when its time is over, or when it is told to stop.

    Whoever gives `written` sees there, from another thread too, how far it has come.
    Emails that were claimed and not begun are given back. Raises DatabaseUnreachable when there is
    no database to begin with; one that goes away meanwhile is waited for.
    """
    _spare_the_collector()
    return _Drain(application, order, Counter() if written is None else written).run()


@lru_cache(maxsize=1)
def _spare_the_collector() -> None:
    """What is loaded by now stays: the garbage collector need not look through it time and again
    (8 % of a drain)."""
    gc.collect()
    gc.freeze()


class _Drain:
    def __init__(self, application: Application, order: Order, written: Counter[Outcome]) -> None:
        settings = application.settings
        self._application = application
        self._order = order
        self._database = application.database()
        self._lease = Lease.new(settings.lease_seconds)
        self._pump = Pump()
        self._turn = threading.Lock()
        """Of whoever writes to the emails of this lease: its renewal, or the recorder."""
        self._quotas = Quotas(self._lease)
        self._slots = SlotKeeper(self._lease, self._write)
        self._witness = _witness_of(application)
        self._recorder = Recorder(
            self._database, self._lease, self._quotas, written, self._turn, self._witness
        )
        self._parts = Parts(
            self._database,
            self._lease,
            self._pump,
            self._recorder,
            AttachedFiles(application.attachments.store, self._pump, settings.most_attached_mb),
            RetryPolicy(settings.max_retries, settings.retry_seconds),
            self._on_trouble,
            self._on_success,
            self._witness,
        )
        self._lines: dict[_Key, Line] = {}
        self._connections: list[Connection] = []
        self._deadline = time.monotonic() + order.seconds
        self._service_stopped = False
        self._looked = _LONG_AGO
        self._answered: Answered = {}
        self._seen: set[int] = set()
        """Numbers of emails that were claimed in one round trip."""
        self._admitted_at = _LONG_AGO
        self._admit_after: int | None = None
        """The id up to which new rows were admitted; None: all of them were."""

    def run(self) -> Drained:
        witness = self._witness
        with witness.drain(self._order.lanes, self._recorder.written) if witness else nullcontext():
            return self._run()

    def _run(self) -> Drained:
        nothing_left = False
        keeper = LeaseKeeper(self._database, self._lease, self._turn, self._slots.renew)
        with keeper, RowWriter(self._database), self._recording(), closing(self._pump):
            try:
                if self._order.only is not None:
                    self._send_only(self._order.only)
                else:
                    self._send_suspects()
                    nothing_left = self._send_what_is_due()
            finally:
                self._wind_down()
        return Drained.of(self._recorder.written, finished=nothing_left)

    # Claiming.

    def _admit(self) -> None:
        """One batch of new rows; so claims go on between them. Looked for once a second."""
        if self._admit_after is None:
            if time.monotonic() - self._admitted_at < _LOOK_AGAIN_SECONDS:
                return
            self._write(transitions.call_up)
            self._write(_expire)
        batch = self._try(lambda: admit(self._database, self._answered, self._admit_after or 0))
        self._admit_after = None if batch is None else batch.after
        self._admitted_at = time.monotonic()

    def _send_suspects(self) -> None:
        """First, and with nothing beside them, the emails that a sender died of."""
        for line in self._look():
            while not self._over and not line.closed and self._claim(line, claim_suspects):
                self._serve_to_the_end(line)

    def _send_only(self, email_id: int) -> None:
        """Send one email over the account that answers for its code."""
        lines = self._look()
        self._write(partial(admit_one, answered=self._answered, email_id=email_id))
        for line in lines:
            if self._claim(line, partial(claim_one, email_id=email_id)):
                self._serve_to_the_end(line)
                break

    def _serve_to_the_end(self, line: Line) -> None:
        while not (line.idle or line.closed or self._over):
            self._serve(line)
            self._carry_on()

    def _send_what_is_due(self) -> bool:
        """Keep every line filled; True when nothing is due any more."""
        lines = self._look()
        while not self._over:
            if time.monotonic() - self._looked > _LOOK_AGAIN_SECONDS:
                lines = self._look()
            self._admit()
            claimed = sum([self._fill(line) for line in lines])
            if not claimed and self._nothing_is_left(lines):
                return True
            self._carry_on()
        return False

    def _nothing_is_left(self, lines: list[Line]) -> bool:
        """Whether all is sent that may be. A quota that opens in a moment is waited for."""
        something_is_under_way = self._looked < 0 or self._recorder.due_in() is not None
        if self._admit_after is not None:
            return False
        if something_is_under_way or not all(line.idle for line in lines):
            return False
        return not any(line.opens_within(_WORTH_WAITING_SECONDS) for line in lines)

    def _carry_on(self) -> None:
        """Let the connections go on as far as they can, then record what they have to report."""
        due = self._recorder.due_in()
        went_on = self._pump.turn(_ROUND_SECONDS if due is None else min(due, _ROUND_SECONDS))
        if self._recorder.is_overdue or (not went_on and self._recorder.due_in() == 0):
            self._recorder.commit()

    def _fill(self, line: Line) -> int:
        """Claim more for a line that runs low, if it may have a connection for it."""
        able = line.is_worth_a_claim and (line.connections > 0 or self._may_connect(line))
        claimed = self._claim(line, claim) if able else 0
        self._serve(line)
        return claimed

    def _claim(self, line: Line, take: Take) -> int:
        """Claim emails of one account, and learn what a sender needs to know of them."""
        account = line.account
        lanes = self._lanes(account)
        wanted = Wanted(
            account.codes,
            lanes,
            line.batch,
            account.message_domain,
            certain=account.stands_in_for is not None,
        )

        def take_and_fetch(connection: SqlConnection) -> Sequence[ClaimedEmail | UnreadableEmail]:
            numbers = take(connection, wanted, self._lease)
            return screened(connection, collect(connection, numbers, self._lease))

        if not lanes:
            return 0
        if line.account.limits:
            emails = self._claim_ration(line, take, wanted)
        else:
            emails = self._claimed(take, wanted, take_and_fetch)
        if self._witness is not None:
            self._witness.claimed([one.number for one in emails])
        line.put([one for one in emails if isinstance(one, ClaimedEmail)])
        for one in emails:
            if isinstance(one, UnreadableEmail):
                result = Result(
                    one.number,
                    Outcome.FAILED,
                    line.account.code,
                    reason=one.reason,
                    email_id=one.id,
                )
                self._recorder.finish(result)
        return len(emails)

    def _claimed(
        self,
        take: Take,
        wanted: Wanted,
        take_and_fetch: Callable[[SqlConnection], Sequence[Fetched]],
    ) -> Sequence[Fetched]:
        """In one round trip where those cost something."""
        if self._database.has_one_writer or take is not claim:
            return self._write(take_and_fetch) or []
        try:
            once = self._try(lambda: one_trip.claim_and_fetch(self._database, wanted, self._lease))
        except UnicodeError:
            return self._write(self._fetch_the_rest) or []
        if once is None:
            return []
        emails = once.claimed.emails
        if once.claimed.taken_back or once.claimed.new_again or once.anybody_suppressed:
            claimed = once.claimed
            emails = list(self._write(lambda connection: self._settle(connection, claimed)) or [])
        self._seen.update(email.number for email in emails)
        return emails

    def _settle(self, connection: SqlConnection, claimed: Claimed) -> Sequence[Fetched]:
        settle(connection, claimed, self._lease)
        return screened(connection, claimed.emails)

    def _fetch_the_rest(self, connection: SqlConnection) -> Sequence[Fetched]:
        """What was claimed with a row that holds no text: each email by itself."""
        numbers = one_trip.unfetched(connection, self._lease, sorted(self._seen))
        self._seen.update(numbers)
        return screened(connection, collect(connection, numbers, self._lease))

    def _claim_ration(
        self, line: Line, take: Take, wanted: Wanted
    ) -> Sequence[ClaimedEmail | UnreadableEmail]:
        """Claim what the account's limits allow, and no more than one sender's share of them."""
        most = self._quotas.spare_share(line.account.limits)
        if not most:
            return ()
        wanted = replace(wanted, most=min(most, wanted.most))
        try:
            ration = self._write(
                partial(self._quotas.claim, take=take, wanted=wanted, limits=line.account.limits)
            )
        except QuotaTaken:
            return ()
        if ration is None:
            return ()
        if ration.opens_in is not None:
            line.rest(ration.opens_in)
        self._quotas.note(ration.reserved, line.account.limits)
        return ration.emails

    def _lanes(self, account: Account) -> tuple[Lane, ...]:
        """The lanes that are open for it now: the window may have closed meanwhile."""
        until, codes = self._order.scheduled_until, self._order.scheduled_codes
        is_over = until is not None and self._application.clock() >= until
        if is_over or (codes is not None and codes.isdisjoint(map(fold, account.codes))):
            return tuple(lane for lane in self._order.lanes if lane is not Lane.SCHEDULED)
        return self._order.lanes

    # Accounts and their lines.

    def _look(self) -> list[Line]:
        """The lines to serve: of accounts as they stand now. Notices that the service stopped."""
        try:
            number_new_accounts(self._database)
            with self._database.read() as connection:
                running = service_state.status(connection).running
                book = load_accounts(
                    connection, self._application.secrets, self._application.settings
                )
                resting = pauses(connection)
                self._answered = book.answered
        except (SQLAlchemyError, DatabaseUnreachable):
            log.warning("the accounts could not be read; going on with those that are known")
            return [line for line in self._lines.values() if not line.closed]
        finally:
            self._looked = time.monotonic()
        if not running:
            self._service_stopped = True
        able = (*book.usable, *stand_ins(book.usable, resting))
        accounts = [account for account in able if account.codes]
        self._let_stand_ins_go({_key(account) for account in accounts})
        lines = [self._line(account, resting.get(account.id)) for account in accounts]
        self._slots.return_spare(self._lines.values(), self._connected)
        return [line for line in lines if line is not None and not line.closed]

    def _let_stand_ins_go(self, wanted: Collection[_Key]) -> None:
        """The accounts that these sent for do so themselves again."""
        for key in [one for one in self._lines if one[1] is not None and one not in wanted]:
            self._close(self._lines.pop(key))

    def _line(self, account: Account, pause: Pause | None) -> Line | None:
        """The account's line; none while it rests, unless it is up to us to try it."""
        line = self._lines.get(_key(account))
        if line is not None:
            line.account = account
            if pause is not None and not line.probing:
                self._close(line)
            return line
        if pause is not None and not self._may_probe(pause):
            return None
        most = self._application.settings.connections
        if account.limits:
            most = min(most, account.limits.share)
        if account.max_connections is not None:
            most = min(most, account.max_connections)
        line = self._lines[_key(account)] = Line(account, most, probing=pause is not None)
        return line

    def _may_probe(self, pause: Pause) -> bool:
        if not (pause.is_over or self._order.forced):
            return False
        seconds = self._lease.seconds + self._order.seconds
        return bool(
            self._write(
                lambda connection: take_probe(
                    connection,
                    pause.account_id,
                    self._lease.token,
                    seconds,
                    at_once=self._order.forced,
                )
            )
        )

    def _serve(self, line: Line) -> None:
        """Open connections while emails wait and the account allows more."""
        wanted = min(line.most_connections, line.connections + line.queued)
        while not line.closed and line.connections < wanted and self._may_connect(line):
            connection = Connection(line, self._parts)
            self._connections.append(connection)
            connection.start()

    def _may_connect(self, line: Line) -> bool:
        return self._slots.allows(line, self._connected(line))

    def _connected(self, line: Line) -> int:
        return sum(one.line is line and not one.ended for one in self._connections)

    def _on_trouble(self, line: Line, trouble: Trouble) -> None:
        """The account can't be used: it rests for all senders, and its emails wait, unharmed."""
        code = line.account.code
        log.warning("account %s rests: %s", code, trouble.reason, extra={"account": code})
        self._close(line)

        def let_rest(connection: SqlConnection) -> bool:
            before = pauses(connection).get(line.account.id)
            seconds = pause_seconds(
                before.times if before else 0,
                login_refused=trouble.login_refused,
                chance=random.random(),
            )
            return pause(connection, line.account.id, seconds, trouble.reason)

        self._write(let_rest)
        self._looked = _LONG_AGO  # Its fallback may go on at once.

    def _on_success(self, line: Line) -> None:
        line.works()
        self._write(lambda connection: end_pause(connection, line.account.id))

    def _close(self, line: Line) -> None:
        for email in line.close():
            self._recorder.give_back(email.number)

    # Ending.

    @property
    def _over(self) -> bool:
        return (
            self._service_stopped
            or self._application.stop.is_set()
            or time.monotonic() > self._deadline
        )

    def _wind_down(self) -> None:
        """Finish what is being sent; what nobody began is given back."""
        for line in self._lines.values():
            self._close(line)
        deadline = time.monotonic() + self._application.settings.smtp_timeout
        deadline += _SECONDS_FOR_A_COMMAND
        told_to_stop = False
        while self._alive() and time.monotonic() < deadline:
            if self._application.stop.is_set() and not told_to_stop:
                told_to_stop = True
                deadline = min(deadline, time.monotonic() + _SECONDS_TO_STOP)
            self._carry_on()
        for connection in self._alive():
            connection.abort()

    def _alive(self) -> list[Connection]:
        self._connections = [one for one in self._connections if not one.ended]
        return self._connections

    @contextmanager
    def _recording(self) -> Iterator[None]:
        try:
            yield
        finally:
            stopping = self._application.stop.is_set()
            seconds = _SECONDS_TO_RECORD_AT_STOP if stopping else _SECONDS_TO_RECORD
            self._recorder.close(seconds)
            self._write(self._let_go)

    def _let_go(self, connection: SqlConnection) -> None:
        release(connection, self._lease)
        self._quotas.release_all(connection)
        self._slots.return_all(connection)
        return_probe(connection, self._lease.token)

    def _try(self, work: Callable[[], T]) -> T | None:
        """What it answers; None when it came to nothing."""
        try:
            return work()
        except (SQLAlchemyError, DatabaseUnreachable, CommitUncertain) as error:
            log.warning("a step of the drain came to nothing: %s", type(error).__name__)
            return None

    def _write(self, work: Callable[[SqlConnection], T]) -> T | None:
        """A write transaction of the claimer's; None when it came to nothing.

        Emails of a claim whose commit is uncertain are given back at the end with the lease.
        """
        seconds = min(30.0, self._lease.seconds)
        return self._try(lambda: self._database.run(work, seconds=seconds))


def _expire(connection: SqlConnection) -> None:
    """Give up emails that are of no use any more; what they say is gone with that."""
    forget_ended(connection, transitions.expire(connection))


def _witness_of(application: Application) -> Witness | None:
    if application.telemetry is None:
        return None
    from shared.monitoring.telemetry.witness import Witness

    return Witness(application.telemetry, application.database())


def _key(account: Account) -> _Key:
    return account.id, account.stands_in_for
