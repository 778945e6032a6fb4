"""A worker: one of those who carry an account's emails to its server, one after another.

An email's way is `Worker.deliver`: claim, compose (done) → offer → send → mark → commit → record.
Whatever can be refused is asked before the mark; the mark is committed before the point of no
return. While one email is on its way the next one is composed, and where its mark can tell all
that a crash must not forget, it is asked for as well.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.accounts.directory import Account
from shared.delivery.account_queue import AccountQueue
from shared.delivery.composing.composer import Composer, Fetching
from shared.delivery.delivery import Delivery
from shared.delivery.outcome import (
    Fault,
    Fewer,
    after_envelope,
    after_fault_of_its_own,
    after_fault_of_the_account,
    after_loss,
    after_message,
    after_own_error,
    limit_met,
    recipients_in_transit,
    unknown,
)
from shared.delivery.recorder import PendingMark, Recorder
from shared.delivery.reports import Reports
from shared.delivery.retry import RetryPolicy
from shared.mime.bad_email import BadEmail
from shared.outbox.recipients import KnownRecipient
from shared.outbox.sending.begin import Mark, Started
from shared.outbox.sending.finish import Outcome, Result
from shared.smtp.reply import Reply
from shared.transports.base import (
    AccountFault,
    ConnectionLost,
    Offer,
    OutcomeUnknown,
    Transport,
    Unfit,
)

if TYPE_CHECKING:
    from shared.monitoring.telemetry.witness import Witness

log = logging.getLogger("rowpost.delivery")

_IDLE_SECONDS = 2.0
_MOST_DOUBTS = 3


@dataclass(frozen=True, slots=True)
class Trouble:
    """The account can't be used, in the words of the server or of the network."""

    reason: str
    login_refused: bool = False
    seconds: float = 0.0
    """So long the service wants to be left alone."""

    @classmethod
    def of(cls, reply: Reply) -> Trouble:
        return cls(str(reply), seconds=reply.retry_after or 0.0)


@dataclass(frozen=True, slots=True)
class Parts:
    """What every worker of a drain works with."""

    recorder: Recorder
    fetching: Fetching
    policy: RetryPolicy
    transport_of: Callable[[Account], Transport]
    on_trouble: Callable[[AccountQueue, Trouble], None]
    on_success: Callable[[AccountQueue], None]
    witness: Witness | None = None


class Worker:
    """Takes emails from its queue and delivers each, over a transport that it keeps."""

    def __init__(self, queue: AccountQueue, parts: Parts) -> None:
        self.queue = queue
        self._parts = parts
        self._reports = Reports(queue, parts.recorder)
        self._composer = Composer(queue, parts.fetching, self._reports, parts.policy)
        self._transport: Transport | None = None
        self._ahead: asyncio.Task[Delivery | None] | Delivery | None = None
        """The next email, composed or being composed."""
        self._retired = False
        self._aborted = False
        queue.workers += 1
        self.task = asyncio.create_task(self._work())

    def abort(self) -> None:
        """The sender stops: whatever waits on this transport ends at once."""
        self._retired = self._aborted = True
        if self._transport is not None:
            self._transport.abort()
        self.task.cancel()

    async def _work(self) -> None:
        try:
            while not self._retired and (delivery := await self._next()):
                await self._guarded(delivery)
        finally:
            try:
                await self._leave()
            finally:
                self.queue.workers -= 1

    async def _guarded(self, delivery: Delivery) -> None:
        """Deliver it; a fault of our own is charged to the email that it came up with, and loses
        nothing."""
        if self._parts.witness is not None:
            self._trace(self._parts.witness, delivery)
        try:
            await self.deliver(delivery)
        except Exception as error:
            number = delivery.email.id
            log.exception("email %d: an unexpected error", number, extra={"email": number})
            self._cut()
            self._record(delivery, _after_own_error(delivery, error))
            if delivery.is_beyond:
                self._doubt(f"an error in Rowpost itself: {type(error).__name__}")
        finally:
            self._parts.fetching.files.budget.leave(delivery.octets)
            if delivery.spans is not None:
                delivery.spans.end()

    # An email's way, step by step.

    async def deliver(self, delivery: Delivery) -> None:
        """claim → compose (both done) → offer → send → mark → commit → record."""
        try:
            offer = await self._offer(delivery)
            if offer is None or (transport := self._transport) is None:
                return
            await self._send(delivery, transport)
            if not await self._mark(delivery, offer):
                # The body hangs in the air: only cutting the connection keeps it from arriving.
                self._cut()
                self._reports.give_back(delivery.email)
                return
            reply = await self._commit(delivery, transport)
            self._settle(delivery, after_message(delivery.attempt, offer, reply))
            if reply.positive and (limit := limit_met(delivery.attempt, offer)) is not None:
                self._heed(limit)
        except OutcomeUnknown as error:
            self._cut()
            self._record(delivery, unknown(delivery.attempt, str(error)))
            self._doubt(str(error))
        except ConnectionLost as error:
            self._cut()
            self._lost_before_the_commit(delivery, str(error))
        except BadEmail as error:
            delivery.came_to(self._reports.fail(delivery.email, str(error)))
        except asyncio.CancelledError:
            self._cut()
            if delivery.is_beyond:
                self._record(delivery, unknown(delivery.attempt, "the sender was stopped"))
            else:
                self._reports.give_back(delivery.email)
            raise

    async def _offer(self, delivery: Delivery) -> Offer | None:
        """Have the server take the envelope; None when the email can't go on.

        A kept connection that the server has closed meanwhile is no failure of the email: it goes
        out on a new one. A list that is too long for the server is offered in part.
        """
        while (transport := await self._ready_for(delivery)) is not None:
            delivery.step("smtp envelope")
            try:
                offer = await transport.offer(delivery.message)
            except ConnectionLost:
                if transport.carried == 0 or self._aborted:
                    raise
                self._cut()
                continue
            verdict = after_envelope(delivery.attempt, offer)
            if verdict is None:
                return offer
            if offer.ready:  # The server waits for a message that it is not to have.
                self._cut()
            if not isinstance(verdict, Fewer):
                self._settle(delivery, verdict)
                return None
            delivery.ask_only(verdict.places)
        return None

    async def _ready_for(self, delivery: Delivery) -> Transport | None:
        """The transport, opened where it is not; None when it can't be, or can't take this."""
        transport = self._transport
        if transport is None or not transport.takes(delivery.message):
            transport = await self._open(delivery)
        if transport is None:
            return None
        if delivery.message.envelope.smtputf8 and not transport.takes_smtputf8:
            delivery.leave_out_wide_addresses()
        delivery.ask_at_most(transport.most_recipients, transport.most_domains)
        if (unfit := transport.unfit(delivery.message)) is not None:
            self._record(delivery, _ruled_out(delivery, unfit))
            return None
        return transport

    async def _open(self, delivery: Delivery) -> Transport | None:
        delivery.step("smtp connect")
        if self._transport is None:
            self._transport = self._parts.transport_of(self.queue.account)
        else:
            self.queue.open_transports -= 1
        self.queue.opening += 1
        try:
            await self._transport.open()
        except AccountFault as error:
            self._transport = None
            self.queue.opening -= 1
            self._account_fault(delivery, Trouble(str(error), error.login_refused))
            return None
        except BaseException:
            self._transport = None
            self.queue.opening -= 1
            raise
        self.queue.opening -= 1
        self.queue.open_transports += 1
        return self._transport

    async def _send(self, delivery: Delivery, transport: Transport) -> None:
        """The content, short of the point of no return."""
        delivery.step("smtp message")
        await transport.send(delivery.message)

    async def _mark(self, delivery: Delivery, offer: Offer) -> bool:
        """Whether the email may be committed. Meanwhile the next one is composed."""
        delivery.step("mark")
        if delivery.pending_mark is None:
            delivery.pending_mark = self._ask_for_mark(
                delivery, recipients_in_transit(delivery.attempt, offer)
            )
        self._compose_ahead()
        return await delivery.pending_mark.wait()

    def _ask_for_mark(
        self, delivery: Delivery, recipients: tuple[KnownRecipient, ...] = ()
    ) -> PendingMark:
        email, transport = delivery.email, self._transport
        operation = None if transport is None else transport.operation_of(delivery.message)
        account = self.queue.account.code
        started = None if operation is None else Started(operation, account)
        return self._parts.recorder.mark(Mark(email.number, email.fingerprint, recipients, started))

    async def _commit(self, delivery: Delivery, transport: Transport) -> Reply:
        """Beyond the point of no return; the mark of the next email is asked for meanwhile."""
        delivery.step("smtp reply")
        delivery.is_beyond = True
        following = self._composed_ahead() if transport.takes_along else None
        if following is not None and following.pending_mark is None and following.says_all_ahead:
            following.pending_mark = self._ask_for_mark(following)
        return await transport.commit(
            delivery.message, None if following is None else following.message
        )

    def _settle(self, delivery: Delivery, verdict: Result | Fault) -> None:
        """What the server's word comes to: the email's result, or a fault that is not its own."""
        if isinstance(verdict, Fault):
            self._refused(delivery, verdict)
        else:
            self._record(delivery, verdict)

    # Composing.

    async def _next(self) -> Delivery | None:
        """The email that was composed ahead, or the next one that can be composed."""
        delivery = await self._ahead if isinstance(self._ahead, asyncio.Task) else self._ahead
        self._ahead = None
        while delivery is None:
            email = await self.queue.take(_IDLE_SECONDS)
            if email is None:
                return None
            if self._composer.has_all_of(email):
                delivery = self._composer.compose(email)
            else:
                delivery = await self._composer.fetch_and_compose(email)
        return delivery

    def _compose_ahead(self) -> None:
        if self._ahead is not None or self._retired:
            return
        email = self.queue.take_now()
        if email is None:
            return
        if self._composer.has_all_of(email):
            self._ahead = self._composer.compose(email)
        else:
            self._ahead = asyncio.create_task(self._composer.fetch_and_compose(email))

    def _composed_ahead(self) -> Delivery | None:
        """The next email, if it may travel along."""
        if isinstance(self._ahead, asyncio.Task):
            if not self._ahead.done() or self._ahead.cancelled() or self._ahead.exception():
                return None
            self._ahead = self._ahead.result()
        return None if self.queue.closed or self._retired else self._ahead

    # Reporting.

    def _trace(self, witness: Witness, delivery: Delivery) -> None:
        account, seconds = self.queue.account, time.monotonic() - delivery.started
        delivery.spans = witness.email(delivery.email, account.code, account.server.host, seconds)

    def _record(self, delivery: Delivery, result: Result) -> None:
        delivery.came_to(result)
        took = round((time.monotonic() - delivery.started) * 1000)
        self._reports.finish(result._replace(duration_ms=took))
        self.queue.sent += result.outcome is Outcome.SENT
        if result.outcome is Outcome.UNKNOWN:
            return
        self.queue.doubts = 0
        if self.queue.probing:
            self._parts.on_success(self.queue)

    def _doubt(self, reason: str) -> None:
        """One reply that gets lost is chance. A server whose replies get lost one after another
        rests, or all that waits would be unknown by the time that it is well again."""
        self.queue.doubts += 1
        if self.queue.doubts >= _MOST_DOUBTS or self.queue.probing:
            self._retired = True
            self._parts.on_trouble(self.queue, Trouble(f"its last replies were lost: {reason}"))

    def _lost_before_the_commit(self, delivery: Delivery, reason: str) -> None:
        """Not delivered. Where we cut the connection ourselves, no attempt is used up."""
        if self._aborted:
            self._reports.give_back(delivery.email)
        else:
            self._record(delivery, after_loss(delivery.attempt, reason))

    def _refused(self, delivery: Delivery, fault: Fault) -> None:
        """Go on over a new connection where this one has had its share; else the account rests,
        unless it is seen to work for others and this email had it rest before."""
        transport = self._transport
        own = int(delivery.is_beyond)
        if fault.session_alone and transport is not None and transport.carried > own:
            self._cut()
            self._put_back(delivery)
        elif self.queue.is_blamed(delivery.email.number) and self.queue.sent > 0:
            self._cut()
            self._record(delivery, after_fault_of_its_own(delivery.attempt, fault))
        elif fault.reply.retry_after is not None:
            self._retired = True  # Whoever asks again before that makes it longer.
            self._blame(delivery, fault)
            self._parts.on_trouble(self.queue, Trouble.of(fault.reply))
        elif self._is_one_too_many():
            self._put_back(delivery)
        else:
            self._blame(delivery, fault)
            self._parts.on_trouble(self.queue, Trouble.of(fault.reply))

    def _account_fault(self, delivery: Delivery, trouble: Trouble) -> None:
        """The account can't be used; the email was not even offered, and waits again, unharmed."""
        if self._is_one_too_many():
            self._put_back(delivery)
        else:
            self._reports.give_back(delivery.email)
            self._parts.on_trouble(self.queue, trouble)

    def _heed(self, limit: Fault) -> None:
        """The email is through as far as the limit goes; what comes after goes over a new
        connection, or the account rests."""
        if limit.session_alone:
            self._cut()
        elif not self._is_one_too_many():
            self._parts.on_trouble(self.queue, Trouble.of(limit.reply))

    def _is_one_too_many(self) -> bool:
        """This worker is through; whether the account may work over other transports, and it was
        one too many: of those that are being opened only the last one's failure tells."""
        self._retired = True
        self._cut()
        others = self.queue.open_transports + self.queue.opening
        if others > 0:
            self.queue.most_workers = others
        return others > 0

    def _blame(self, delivery: Delivery, fault: Fault) -> None:
        """Its account rests for what was said to it: it goes behind the others."""
        result = after_fault_of_the_account(delivery.attempt, fault)
        delivery.came_to(result)
        self._reports.finish(result)

    def _put_back(self, delivery: Delivery) -> None:
        """Another worker may take it; a marked one only after it was given back."""
        if delivery.pending_mark is not None or self.queue.closed:
            self._reports.give_back(delivery.email)
        else:
            self.queue.put_back(delivery.email)

    async def _leave(self) -> None:
        """Give back what was composed ahead, and say goodbye."""
        ahead, self._ahead = self._ahead, None
        if isinstance(ahead, asyncio.Task):
            if self._aborted:
                ahead.cancel()
            with suppress(asyncio.CancelledError):
                ahead = await ahead
        if isinstance(ahead, Delivery):
            self._parts.fetching.files.budget.leave(ahead.octets)
            self._reports.give_back(ahead.email)
        if self._transport is not None and not self._aborted:
            await self._transport.close()
            self.queue.open_transports -= 1
            self._transport = None
        self._cut()

    def _cut(self) -> None:
        """Cut the connection, if there is one."""
        if self._transport is not None:
            self._transport.abort()
            self.queue.open_transports -= 1
        self._transport = None


def _after_own_error(delivery: Delivery, error: Exception) -> Result:
    reason = f"an error in Rowpost itself: {type(error).__name__}"
    if delivery.is_beyond:
        return unknown(delivery.attempt, reason)
    return after_own_error(delivery.attempt, reason)


def _ruled_out(delivery: Delivery, unfit: Unfit) -> Result:
    return Result(
        delivery.email.number,
        Outcome.FAILED,
        delivery.attempt.account,
        reason=unfit.reason,
        enhanced_code=unfit.enhanced_code,
        email_id=delivery.email.id,
    )
