"""Ticks: what the timer, a wakeup and an operator set going."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from shared.accounts.credentials.pending_passwords import take_pending_passwords
from shared.accounts.directory import answered_now
from shared.app import Application
from shared.background import NoAnswerYet, Work
from shared.database.database import Database
from shared.database.errors import CommitUncertain, DatabaseUnreachable
from shared.delivery.dispatcher import Drained, Order, drain
from shared.delivery.threads.event_numberer import number_now
from shared.delivery.unknown_operations import resolve_by_asking
from shared.delivery.wakeups import Wakeup, WakeupNotPut, wakeups_worth_while
from shared.errors import RowpostError
from shared.maintenance.cleanup import upkeep
from shared.maintenance.rescue import Rescued, rescue
from shared.monitoring import logs
from shared.outbox.cancel_retry_resolve import Decision, NotUnknown, resolve, unknown_ids
from shared.outbox.entries import EmailNotFound
from shared.outbox.queries.counts import due
from shared.outbox.rows.write_back import write_all_back
from shared.outbox.sending.finish import Outcome
from shared.outbox.sending.scheduled_run import Left, left_of_run, newest_id
from shared.outbox.states import BOTH_LANES, Lane
from shared.scheduling import relocation, service_state
from shared.scheduling.schedule import closes_at, goes_on, is_due

log = logging.getLogger("rowpost.delivery")

DRAIN_SECONDS = 45.0
SECONDS_FOR_REPLIES = 10.0
"""So much longer a run waits for replies that are on their way."""
_MOST_SENDERS = 4
_SECONDS_TO_WRITE = 10.0
_SECONDS_FOR_QUESTIONS = 2.0
_MOST_RESENT = 500


class ServiceStopped(RowpostError):
    """Nothing is sent while the service is stopped."""


@dataclass(frozen=True, slots=True)
class TickResult:
    """What one tick of the timer did. `ran_schedule`: it began a scheduled run."""

    rescued: Rescued
    drained: Drained | None
    ran_schedule: bool


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run did: emails tried, sent, failed (given up), and how many are still due."""

    processed: int
    sent: int
    failed: int
    remaining: int


@logs.run("tick")
def tick(application: Application) -> TickResult:
    """One tick of the timer: rescue, then send what is due, for 45 seconds at most.

    `immediate` always, `scheduled` when a run is due; of several ticks at once one takes the run.
    A run that is not done goes on with the next tick, whoever began it.
    Raises DatabaseUnreachable.
    """
    now = application.clock()
    database = relocation.settled(application)
    database.run(service_state.record_tick)
    take_pending_passwords(application)
    rescued = _rescue(application)
    number_now(database, _SECONDS_TO_WRITE)
    _write_back(database)
    application.bounces.look()
    _measure(application)
    with database.read() as connection:
        state = service_state.status(connection)
    if not state.running:
        application.webhooks.ask()
        return TickResult(rescued, None, False)
    begun = _begun_run(application, state, now)
    order = begun or _order(application, state, now)
    asking = Work(lambda: _ask_what_became(application), "questions", daemon=True)
    drained = _drained_within(application, order, DRAIN_SECONDS + SECONDS_FOR_REPLIES)
    with suppress(NoAnswerYet):  # Services that are silent keep nobody: what they say is written.
        asking.wait(_SECONDS_FOR_QUESTIONS)
    upkeep(application)
    application.attachments.sweep()
    _tell_webhooks(application)
    return TickResult(rescued, drained, begun is not None)


def force(
    application: Application, seconds: float, answer_within: float | None = None
) -> RunResult:
    """Send all that is due in both lanes, whatever the window, for so many seconds.

    What is left then goes on by itself. An email that its mail server keeps waiting is waited for,
    but no longer than `answer_within` seconds: then the answer is what was done until then.

    Raises ServiceStopped, DatabaseUnreachable.
    """
    database = relocation.settled(application)
    with database.read() as connection:
        if not service_state.status(connection).running:
            raise ServiceStopped("the service is stopped: start it first")
        last_id = newest_id(connection)
    _rescue(application)
    database.run(lambda connection: service_state.record_run(connection, last_id))
    order = Order(seconds=seconds, forced=True)
    return _result(application, _drained_within(application, order, answer_within))


@logs.run("drain")
def drain_woken(application: Application, body: str) -> RunResult:
    """What a wakeup on `drain-requests` asks for. Raises BadWakeup, DatabaseUnreachable."""
    wakeup = Wakeup.parse(body)
    if not wakeup.lanes:
        _tell_webhooks(application)
        return RunResult(0, 0, 0, 0)
    order = Order(wakeup.lanes, DRAIN_SECONDS, wakeup.until)
    if Lane.SCHEDULED in wakeup.lanes:
        order = replace(order, scheduled_codes=_left_of_open_run(application))
    drained = _drained_within(application, order, DRAIN_SECONDS + SECONDS_FOR_REPLIES)
    return _result(application, drained)


def _tell_webhooks(application: Application) -> None:
    """What happened beside a drain."""
    number_now(application.database(), _SECONDS_TO_WRITE)
    application.webhooks.ask()


def _write_back(database: Database) -> None:
    """Rows that a drain could not tell, or that ended without one."""
    try:
        write_all_back(database, _SECONDS_TO_WRITE)
    except (SQLAlchemyError, DatabaseUnreachable, CommitUncertain) as error:
        log.warning("rows could not be told what became of their emails: %s", type(error).__name__)


def _ask_what_became(application: Application) -> None:
    """Beside the drain, on a thread of its own."""
    try:
        resolve_by_asking(application)
    except (SQLAlchemyError, DatabaseUnreachable, CommitUncertain) as error:
        log.warning("mail services could not be asked: %s", type(error).__name__)
    except Exception:
        log.exception("mail services could not be asked: an unexpected error")


def _measure(application: Application) -> None:
    if application.telemetry is not None:
        from shared.monitoring.telemetry.look import look_at_queue

        look_at_queue(application)


def _rescue(application: Application) -> Rescued:
    rescued = application.database().run(rescue)
    if rescued != Rescued():
        if application.telemetry is not None:
            measures = application.telemetry.measures
            measures.ended("", Outcome.FAILED, rescued.failed)
            measures.ended("", Outcome.UNKNOWN, rescued.unknown)
        log.warning(
            "rescued: %d wait again, %d given up, %d with unknown outcome",
            rescued.given_back,
            rescued.failed,
            rescued.unknown,
        )
    if application.settings.resend_unknown == "on":
        _resend_unknown(application.database())
    return rescued


def _resend_unknown(database: Database) -> None:
    """Together; if that fails, as a trigger may have it, each by itself."""
    with database.read() as connection:
        email_ids = unknown_ids(connection, _MOST_RESENT)
    try:
        database.run(partial(_resend, email_ids=email_ids))
    except DBAPIError:
        for email_id in email_ids:
            try:
                database.run(partial(_resend, email_ids=[email_id]), seconds=0)
            except DBAPIError as error:
                log.warning(
                    "email %d stays unknown: its row can't be told (%s)",
                    email_id,
                    type(error).__name__,
                    extra={"email": email_id},
                )


def _resend(connection: Connection, email_ids: Sequence[int]) -> None:
    for email_id in email_ids:
        with suppress(NotUnknown, EmailNotFound):  # Somebody has decided meanwhile.
            resolve(connection, email_id, Decision.RESEND)


def _begun_run(
    application: Application, state: service_state.ServiceState, now: datetime
) -> Order | None:
    """Both lanes, if a run is due and nobody else took it."""
    schedule = application.schedule()
    if not is_due(schedule, state.last_run, now):
        return None
    with application.database().read() as connection:
        last_id = newest_id(connection)
    taken = application.database().run(
        lambda connection: service_state.take_run(connection, state.runs, last_id)
    )
    return Order(BOTH_LANES, DRAIN_SECONDS, closes_at(schedule, now)) if taken else None


def _order(application: Application, state: service_state.ServiceState, now: datetime) -> Order:
    """`immediate`, and `scheduled` for the accounts of which the open run has emails left."""
    immediate = Order((Lane.IMMEDIATE,), DRAIN_SECONDS)
    if state.run_since is None:
        return immediate
    schedule = application.schedule()
    left = _left(application, state)
    if not left or not goes_on(schedule, state.run_since, now):
        application.database().run(
            lambda connection: service_state.finish_run(connection, state.runs)
        )
        return immediate
    return Order(BOTH_LANES, DRAIN_SECONDS, closes_at(schedule, now), scheduled_codes=left.codes)


def _left_of_open_run(application: Application) -> frozenset[str] | None:
    """As `Left.codes`; None, too, where no run is open: whoever woke us knows what is due."""
    with application.database().read() as connection:
        state = service_state.status(connection)
    return None if state.run_since is None else _left(application, state).codes


def _left(application: Application, state: service_state.ServiceState) -> Left:
    with application.database().read() as connection:
        codes = frozenset(answered_now(connection))
        return left_of_run(connection, state.run_last_id or 0, codes)


def _drained_within(application: Application, order: Order, seconds: float | None) -> Drained:
    """Drain; a mail server that keeps its reply is waited for no longer than `seconds` in all: the
    drain then ends by itself, and the answer is what was done until then."""
    written: Counter[Outcome] = Counter()
    # No daemon: a process that ends lets it finish what is being sent.
    with application.webhooks.during():
        work = Work(lambda: _drain(application, order, written), "drain", daemon=False)
        try:
            return work.result(seconds)
        except NoAnswerYet:
            return Drained.of(written, finished=False)


def _drain(application: Application, order: Order, written: Counter[Outcome]) -> Drained:
    """Drain; where more is left than the time allowed, wake others to go on."""
    hand_over = partial(_wake_others, application, order)
    drained = drain(application, order, written, hand_over=hand_over)
    if drained.processed:
        log.info(
            "drained: %d sent, %d to be tried again, %d failed, %d with unknown outcome",
            drained.sent,
            drained.retried,
            drained.failed,
            drained.unknown,
        )
        application.database().run(service_state.record_activity)
    return drained


def _wake_others(application: Application, order: Order) -> None:
    with application.database().read() as connection:
        if not service_state.status(connection).running:
            return
        number = wakeups_worth_while(due(connection), _MOST_SENDERS)
    wakeup = Wakeup(order.lanes, order.scheduled_until)
    try:
        for _ in range(number):
            application.wakeups.put(wakeup)
    except WakeupNotPut as error:
        log.warning("%s; the timer goes on with what is left", error)


def _result(application: Application, drained: Drained) -> RunResult:
    with application.database().read() as connection:
        remaining = due(connection)
    return RunResult(drained.processed, drained.sent, drained.failed, remaining)
