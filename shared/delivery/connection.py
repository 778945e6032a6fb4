"""A connection at work: it takes emails from its line and carries each to the mail server.

An email's way: compose → envelope → body → mark → final dot → reply → record. The mark is committed
before the dot may leave. While one email's mark is on its way to the disk the next email is
composed, and its envelope travels with the dot.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.attachments.store import AttachmentStoreUnavailable
from shared.database.database import Database
from shared.delivery.attached_files import AWAY_SECONDS, AttachedFiles, octets_of
from shared.delivery.line import Line
from shared.delivery.outcome import (
    Attempt,
    Fault,
    after_envelope,
    after_loss,
    after_message,
    recipients_in_transit,
    unknown,
)
from shared.delivery.prepare import NobodyLeft, Prepared, prepare, without_smtputf8
from shared.delivery.recorder import Recorder
from shared.delivery.retry import RetryPolicy
from shared.mime.bad_email import BadEmail
from shared.mime.message import Attachment
from shared.outbox.begin import Mark
from shared.outbox.fetch import ClaimedEmail, NoLongerOurs, read_body, read_document
from shared.outbox.finish import Outcome, Result
from shared.outbox.lease import Lease
from shared.smtp.connection import (
    AccountFault,
    ConnectionLost,
    Opened,
    SmtpSession,
    too_big,
)
from shared.smtp.pump import Pump, Task

if TYPE_CHECKING:
    from shared.monitoring.telemetry.spans import EmailSpans
    from shared.monitoring.telemetry.witness import Witness

log = logging.getLogger("rowpost.delivery")

_IDLE_SECONDS = 2.0
_MOST_ON_ONE_CONNECTION = 1_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """The account can't be used, in the words of the server or of the network."""

    reason: str
    login_refused: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """What every connection of a drain works with."""

    database: Database
    lease: Lease
    pump: Pump
    recorder: Recorder
    files: AttachedFiles
    policy: RetryPolicy
    on_trouble: Callable[[Line, Trouble], None]
    on_success: Callable[[Line], None]
    witness: Witness | None = None


class Connection:
    """One session with an account's server, and whoever travels on it: one of the pump's."""

    def __init__(self, line: Line, parts: Parts) -> None:
        self._line = line
        self._parts = parts
        self._session: SmtpSession | None = None
        self._following: _Trip | None = None
        """Composed already; its envelope is written if it says so."""
        self._retired = False
        self._aborted = False
        self._task: Task | None = None

    def start(self) -> None:
        """Serve the line from the next turn of the pump on."""
        self._line.connections += 1
        self._task = self._parts.pump.start(self._serve())

    @property
    def line(self) -> Line:
        return self._line

    @property
    def ended(self) -> bool:
        return self._task is not None and self._task.done

    def abort(self) -> None:
        """Cut the connection: whatever waits on it ends at once."""
        self._retired = self._aborted = True
        if self._session is not None:
            self._session.close()
        if self._task is not None:
            self._parts.pump.interrupt(self._task, ConnectionLost("the sender was stopped"))

    async def _serve(self) -> None:
        try:
            with suppress(ConnectionLost):  # Aborted while it waited for the next email.
                while not self._retired and (trip := await self._next_trip()):
                    await self._guarded(trip)
        finally:
            self._line.connections -= 1
            await self._leave()

    async def _guarded(self, trip: _Trip) -> None:
        """Carry it; a fault of our own ends the account's line, and never loses the email."""
        if self._parts.witness is not None:
            self._trace(self._parts.witness, trip)
        try:
            await self._carry(trip)
        except Exception as error:
            number = trip.prepared.email.id
            log.exception("email %d: an unexpected error", number, extra={"email": number})
            if trip.dot_may_be_written:
                self._record(trip, unknown(trip.attempt, f"{type(error).__name__} in the sender"))
            else:
                self._return(trip.prepared.email)
            self._retired = True
            if self._session is not None:
                self._session.close()
            self._parts.on_trouble(self._line, Trouble(f"an error in Rowpost itself: {error!r}"))
        finally:
            self._parts.files.room.leave(trip.room)
            if trip.spans is not None:
                trip.spans.end()

    # An email's way, step by step.

    async def _carry(self, trip: _Trip) -> None:
        """compose (done) → envelope → body → mark → final dot → reply → record."""
        try:
            if (opened := await self._announce(trip)) is None or (session := self._session) is None:
                return
            trip.step("smtp message")
            await session.write_body(trip.prepared.content)
            marked = await self._mark(trip, opened)
            session.require_quiet()
        except ConnectionLost as error:
            self._lost_before_the_dot(trip, str(error))
            return
        except BadEmail as error:
            trip.came_to(self._fail(trip.prepared.email, str(error)))
            return
        if marked:
            await self._transmit(session, trip, opened)
        else:
            # The body hangs in the air: only cutting the connection keeps it from arriving.
            session.close()
            self._return(trip.prepared.email)

    async def _announce(self, trip: _Trip) -> Opened | None:
        """Open the session and the envelope on it; None when the email can't go on.

        A kept connection that the server has closed meanwhile is no failure of the email: it goes
        out on a new one.
        """
        if (session := await self._open_session(trip)) is None:
            return None
        try:
            return await self._envelope(session, trip)
        except ConnectionLost:
            if session.sent == 0 or self._aborted:
                raise
        if (session := await self._open_session(trip)) is None:
            return None
        return await self._envelope(session, trip)

    async def _open_session(self, trip: _Trip) -> SmtpSession | None:
        session = self._session
        if session is not None and session.sent >= _MOST_ON_ONE_CONNECTION and not trip.written:
            await session.quit()
        if session is None or session.closed:
            session = await self._connect(trip)
        if session is not None and trip.prepared.envelope.smtputf8 and not session.smtputf8:
            trip.leave_out_wide_addresses()
        if session is not None and (refusal := _refused_unasked(trip, session)):
            self._record(trip, refusal)
            return None
        return session

    async def _connect(self, trip: _Trip) -> SmtpSession | None:
        trip.written = False
        trip.step("smtp connect")
        self._forget_session()
        try:
            self._session = await self._parts.pump.in_thread(
                lambda: SmtpSession.connect(self._line.account.server)
            )
        except AccountFault as error:
            self._fault(trip, Trouble(str(error), error.login_refused))
            return None
        self._line.open_sessions += 1
        return self._session

    async def _envelope(self, session: SmtpSession, trip: _Trip) -> Opened | None:
        """MAIL, RCPT, DATA; None when the server will not take the message."""
        trip.step("smtp envelope")
        if not trip.written:
            await session.write_envelope(trip.prepared.envelope)
        trip.written = False
        opened = await session.read_envelope()
        verdict = after_envelope(trip.attempt, opened)
        if isinstance(verdict, Fault):
            self._refused(trip, session, verdict)
            return None
        if verdict is not None:
            self._record(trip, verdict)
            return None
        return opened

    async def _mark(self, trip: _Trip, opened: Opened) -> bool:
        """Whether the dot may be written. Meanwhile the next email is composed."""
        trip.step("mark")
        ticket = self._parts.recorder.mark(
            Mark(
                trip.prepared.email.number,
                trip.prepared.email.fingerprint,
                recipients_in_transit(trip.attempt, opened),
            )
        )
        self._following = self._following or self._compose_ahead()
        return await ticket.wait()

    async def _transmit(self, session: SmtpSession, trip: _Trip, opened: Opened) -> None:
        """The final dot, and what the server says to it."""
        trip.dot_may_be_written = True
        trip.step("smtp reply")
        try:
            following = await self._write_dot(session)
            reply = await session.read_final_reply()
        except ConnectionLost as error:
            self._record(trip, unknown(trip.attempt, str(error)))
            return
        if following is not None:
            following.written = True
        result = after_message(trip.attempt, opened, reply)
        if isinstance(result, Fault):
            self._refused(trip, session, result)
        else:
            self._record(trip, result)

    async def _write_dot(self, session: SmtpSession) -> _Trip | None:
        """Write it; answers the email whose envelope went with it."""
        if (following := self._may_follow(session)) is not None:
            with suppress(BadEmail):  # Then nothing was written: it fails when it is its turn.
                await session.write_dot(following.prepared.envelope)
                return following
        await session.write_dot()
        return None

    def _may_follow(self, session: SmtpSession) -> _Trip | None:
        """The email whose envelope may travel with the dot of the one before."""
        following = self._following
        if following is None or not session.pipelining or self._line.closed:
            return None
        if session.sent + 1 >= _MOST_ON_ONE_CONNECTION or _refused_unasked(following, session):
            return None
        return following

    # Composing.

    async def _next_trip(self) -> _Trip | None:
        """The email that was composed ahead, or the next one that can be composed."""
        following, self._following = self._following, None
        while following is None:
            email = await self._line.take(_IDLE_SECONDS)
            if email is None:
                return None
            if email.attachment_count:
                following = await self._compose_with_files(email)
            else:
                following = self._compose(email)
        return following

    def _compose_ahead(self) -> _Trip | None:
        """The next email, unless its files are to be fetched first: no dot waits for those."""
        email = self._line.take_now()
        if email is not None and email.attachment_count:
            self._line.put_back(email)
            return None
        return None if email is None else self._compose(email)

    async def _compose_with_files(self, email: ClaimedEmail) -> _Trip | None:
        """An email whose files are in the store; while that is away it waits, unharmed."""
        trip, room = None, 0
        try:
            room = await self._parts.files.room.enter(octets_of(email))
            if self._line.closed:
                self._return(email)
            else:
                trip = self._compose(email, await self._parts.files.read(email))
        except AttachmentStoreUnavailable as error:
            self._postpone(email, str(error))
        except BadEmail as error:
            self._fail(email, str(error))
        except ConnectionLost:
            self._return(email)
            raise
        except Exception as error:
            log.exception("email %d: its files", email.id, extra={"email": email.id})
            self._fail(email, f"its files could not be read ({type(error).__name__})")
        finally:
            if trip is None:
                self._parts.files.room.leave(room)
        if trip is not None:
            trip.room = room
        return trip

    def _compose(self, email: ClaimedEmail, files: tuple[Attachment, ...] = ()) -> _Trip | None:
        """The email with its message; a bad row fails alone, with its reason."""
        started = time.monotonic()
        try:
            prepared = self._prepare(email, files)
        except NoLongerOurs:
            self._return(email)
        except NobodyLeft as error:
            self._fail(email, str(error), Outcome.SENT)
        except BadEmail as error:
            self._fail(email, str(error))
        except Exception as error:
            log.exception("email %d could not be composed", email.id, extra={"email": email.id})
            self._fail(email, f"it could not be composed ({type(error).__name__})")
        else:
            attempt = Attempt(
                prepared, self._line.account.code, self._parts.policy, random.random()
            )
            return _Trip(prepared, attempt, started)
        return None

    def _prepare(self, email: ClaimedEmail, files: tuple[Attachment, ...]) -> Prepared:
        body, document = email.body, None
        if body is None or email.document_size:
            with self._parts.database.read() as connection:
                if body is None:
                    body = read_body(connection, email.number, self._parts.lease)
                if email.document_size:
                    document = read_document(connection, email.number, self._parts.lease)
        return prepare(email, body, document, self._line.account, files)

    # Reporting.

    def _trace(self, witness: Witness, trip: _Trip) -> None:
        account, seconds = self._line.account, time.monotonic() - trip.started
        email = trip.prepared.email
        trip.spans = witness.email(email, account.code, account.server.host, seconds)

    def _record(self, trip: _Trip, result: Result) -> None:
        trip.came_to(result)
        took = round((time.monotonic() - trip.started) * 1000)
        self._parts.recorder.finish(result._replace(duration_ms=took))
        self._line.done()
        if self._line.probing:
            self._parts.on_success(self._line)

    def _fail(self, email: ClaimedEmail, reason: str, outcome: Outcome = Outcome.FAILED) -> Result:
        code = self._line.account.code
        result = Result(email.number, outcome, code, reason=reason, email_id=email.id)
        self._parts.recorder.finish(result)
        self._line.done()
        return result

    def _postpone(self, email: ClaimedEmail, reason: str) -> None:
        """Something that it needs is away for a moment: others go on."""
        wait = AWAY_SECONDS * (1 + random.random() / 5)
        code = self._line.account.code
        result = Result(email.number, Outcome.POSTPONED, code, reason, wait=wait, email_id=email.id)
        self._parts.recorder.finish(result)
        self._line.done()

    def _return(self, email: ClaimedEmail) -> None:
        self._parts.recorder.give_back(email.number)
        self._line.done()

    def _lost_before_the_dot(self, trip: _Trip, reason: str) -> None:
        """Not delivered. Where we cut the connection ourselves, no attempt is used up."""
        if self._aborted:
            self._return(trip.prepared.email)
        else:
            self._record(trip, after_loss(trip.attempt, reason))

    def _refused(self, trip: _Trip, session: SmtpSession, fault: Fault) -> None:
        """Go on over a new session where this one has had its share; else it is the account's."""
        if not fault.session_alone or session.sent <= int(trip.dot_may_be_written):
            self._fault(trip, Trouble(str(fault.reply)))
            return
        session.close()
        self._forget_session()
        if trip.dot_may_be_written or self._line.closed:
            self._return(trip.prepared.email)
        else:
            self._line.put_back(trip.prepared.email)

    def _fault(self, trip: _Trip, trouble: Trouble) -> None:
        """The account's trouble, not the email's: it waits again, unharmed.

        While other sessions of the account work, this one was one too many.
        """
        self._retired = True
        if self._session is not None:
            self._session.close()
        self._forget_session()
        if self._line.open_sessions > 0:
            self._line.most_connections = self._line.open_sessions
            self._line.put_back(trip.prepared.email)
            return
        self._return(trip.prepared.email)
        self._parts.on_trouble(self._line, trouble)

    async def _leave(self) -> None:
        """Give back what was composed ahead, and say goodbye."""
        if self._following is not None:
            self._return(self._following.prepared.email)
        if self._session is not None:
            await self._session.quit()
        self._forget_session()

    def _forget_session(self) -> None:
        if self._session is not None:
            self._line.open_sessions -= 1
        self._session = None


@dataclass(slots=True)
class _Trip:
    """A composed email under way. `written`: its envelope went out with the dot before it.

    `room`: bytes that its files take of what all emails under way may have.
    """

    prepared: Prepared
    attempt: Attempt
    started: float
    room: int = 0
    written: bool = False
    dot_may_be_written: bool = False
    spans: EmailSpans | None = None
    """Where this email leaves a trace."""

    def leave_out_wide_addresses(self) -> None:
        """Prepare it for a server without SMTPUTF8, if that can be."""
        if (fitting := without_smtputf8(self.prepared)) is not None:
            self.prepared = fitting
            self.attempt = self.attempt._replace(prepared=fitting)

    def step(self, name: str) -> None:
        """The next step of its way begins."""
        if self.spans is not None:
            self.spans.step(name)

    def came_to(self, result: Result) -> None:
        """What becomes of it."""
        if self.spans is not None:
            self.spans.came_to(result)


def _refused_unasked(trip: _Trip, session: SmtpSession) -> Result | None:
    """What the server's own offer rules out (RFC 1870, RFC 6531)."""
    envelope = trip.prepared.envelope
    if too_big(envelope.size, session.size_limit):
        reason = f"the email has {envelope.size} bytes, the mail server takes {session.size_limit}"
        return _ruled_out(trip, "5.3.4", reason)
    if envelope.smtputf8 and not session.smtputf8:
        reason = "an address is not ASCII, and the mail server does not offer SMTPUTF8"
        return _ruled_out(trip, "5.6.7", reason)
    return None


def _ruled_out(trip: _Trip, enhanced_code: str, reason: str) -> Result:
    return Result(
        trip.prepared.email.number,
        Outcome.FAILED,
        trip.attempt.account,
        reason=reason,
        enhanced_code=enhanced_code,
        email_id=trip.prepared.email.id,
    )
