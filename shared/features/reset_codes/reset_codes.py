"""Reset codes: an email with a code is sent while its caller waits, or from an event in its time.

The code is nobody's business: it stands in the email's body and nowhere else, and that is emptied
in the commit that ends the email.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictStr,
    ValidationError,
)
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from shared.accounts.directory import sender_of
from shared.accounts.errors import AccountNotFound
from shared.app import Application
from shared.database.errors import CommitUncertain, DatabaseUnreachable
from shared.delivery.send_now import Fate, fate_of, send_at_once
from shared.delivery.tick import ServiceStopped
from shared.errors import RowpostError
from shared.mime.addresses import BadAddress, Mailbox, parse_mailbox
from shared.outbox.add import BadValue
from shared.outbox.cancel_retry_resolve import withdraw
from shared.outbox.states import Flag
from shared.scheduling import service_state
from shared.submissions.kept_answers import AlreadyKept, KeptAnswer, keep_answer
from shared.submissions.store import Afterwards, store
from shared.submissions.submission import (
    ExpiresTooSoon,
    InvalidEmail,
    Origin,
    Submission,
)
from shared.submissions.template_errors import UnknownTemplate

QUEUE_NAME = "password-reset-events"
CHANNEL = "password_reset_events"
ANSWER_SECONDS = 30.0
LONGEST_EVENT = 64 * 1024

_LEAST_SECONDS = 1.0
_SECONDS_TO_WITHDRAW = 2.0
_PRIORITY = 1
_TEMPLATE = "reset_code"
_EVENT = "password reset event"
_RESTS = "its mail account can't be used just now; an operator finds the reason in GET /api/health"

log = logging.getLogger("rowpost.reset")


def _one_address(text: str) -> str:
    try:
        return parse_mailbox(text).address
    except BadAddress as error:
        raise ValueError(f"This is not one email address: {error.reason}.") from None


def _instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("The time has to be a text like 2026-07-11T16:30:00.000Z.")
    try:
        instant = datetime.fromisoformat(value)
        in_utc = instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("The time is not ISO 8601, like 2026-07-11T16:30:00.000Z.") from None
    if instant.tzinfo is None:
        raise ValueError("The time names no time zone: end it with Z for UTC.")
    return in_utc


OneAddress = Annotated[
    StrictStr,
    Field(min_length=3, max_length=320, json_schema_extra={"format": "email"}),
    AfterValidator(_one_address),
]
Code = Annotated[StrictStr, Field(min_length=1, max_length=64, pattern=r"^[!-~]+$", repr=False)]
"""Visible ASCII: what people can read off and type."""


class BadEvent(RowpostError):
    """An event that no email can be made of; the text names what is wrong, never the code."""


class CannotSend(RowpostError):
    """Nothing can be sent as Rowpost is set up; the text is for administrators."""


@dataclass(frozen=True, slots=True)
class ResetCode:
    """Whom a code is for; `requested_by` and `request_id` say who asked for it, and how."""

    email: str
    code: str = field(repr=False)
    requested_by: str | None = None
    request_id: str | None = None


class Event(BaseModel):
    """What another service publishes when somebody wants to reset a password."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    email: OneAddress
    code: Code
    timestamp: Annotated[datetime, BeforeValidator(_instant)]

    @classmethod
    def read(cls, message: bytes) -> Event:
        """The event that a message holds. Raises BadEvent."""
        if len(message) > LONGEST_EVENT:
            raise BadEvent(f"it is longer than {LONGEST_EVENT:,} bytes")
        try:
            return cls.model_validate_json(message)
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False, include_input=False)
            faults = [f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in details]
            raise BadEvent("; ".join(faults)) from None


def send_now(
    application: Application,
    wanted: ResetCode,
    begin: Afterwards[int] | None = None,
    arrived: float | None = None,
) -> Fate:
    """Send the code while the caller waits, for 30 seconds at most since the request `arrived`
    (`time.monotonic`; None: now); answers where its email stands.

    Never N or P: what was not sent by then is withdrawn, so that it cannot arrive later. One in T
    is on its way, and nobody knows yet; should it be refused it is not tried again. `begin` is
    written in the transaction that stores it.

    Raises ServiceStopped, CannotSend, InvalidEmail, AlreadyKept, DatabaseUnreachable, or
    CommitUncertain; then nothing will be sent.
    """
    began = time.monotonic() if arrived is None else arrived
    deadline = began + ANSWER_SECONDS - _SECONDS_TO_WITHDRAW
    if time.monotonic() - began > max(_LEAST_SECONDS, deadline - began - _LEAST_SECONDS):
        return Fate(Flag.CANCELLED, "too many others were being sent")
    _refuse_if_stopped(application)
    # Whatever happens to this process: no sender takes it up after the answer.
    expires_at = datetime.now(UTC) + timedelta(seconds=ANSWER_SECONDS)
    email_id = _store(application, wanted, expires_at, begin, wakes=False)
    try:
        fate = send_at_once(application, email_id, max(_LEAST_SECONDS, deadline - time.monotonic()))
        if fate.flag not in (Flag.WAITING, Flag.PREPARING):
            return fate
        return application.database().run(
            lambda connection: _withdrawn(connection, email_id, fate), seconds=_SECONDS_TO_WITHDRAW
        )
    except (DatabaseUnreachable, CommitUncertain, SQLAlchemyError):
        log.exception("email %d: the database broke off while it was sent", email_id)
        return Fate(Flag.UNKNOWN, "the database broke off while it was sent")


def take_event(application: Application, message: bytes) -> int | None:
    """Have the code of an event sent; the number of its email. None: there is nothing to send.

    An event that was taken before, by whomever and in whatever wording, has its email already, and
    the code of one that is too old is worth nothing any more.

    Raises BadEvent, CannotSend, DatabaseUnreachable, CommitUncertain, SecretStoreUnavailable.
    """
    event = Event.read(message)
    made_at = min(event.timestamp, datetime.now(UTC))
    expires_at = made_at + timedelta(seconds=application.settings.reset_ttl)
    key = application.pseudonyms.of(_EVENT, event.email, event.code, event.timestamp.isoformat())

    def keep(connection: Connection, _: list[int]) -> None:
        keep_answer(connection, key, KeptAnswer(key, 202, None))

    try:
        email_id = _store(application, ResetCode(event.email, event.code), expires_at, keep)
    except AlreadyKept:
        return None
    except ExpiresTooSoon:
        log.warning("a %s of %s came too late to be sent", _EVENT, event.timestamp.isoformat())
        return None
    except InvalidEmail as error:
        raise BadEvent(str(error)) from None
    log.info("a %s is taken", _EVENT, extra={"email": email_id})
    return email_id


def take_published(application: Application, message: bytes) -> None:
    """The same for an event that nobody keeps: what cannot be taken is logged and dropped."""
    try:
        take_event(application, message)
    except BadEvent as error:
        log.error("a %s is refused: %s", _EVENT, error)
    except (RowpostError, SQLAlchemyError):
        log.exception("a %s is lost: it could not be stored", _EVENT)


def _refuse_if_stopped(application: Application) -> None:
    with application.database().read() as connection:
        if not service_state.status(connection).running:
            raise ServiceStopped("the service is stopped: start it first")


def _withdrawn(connection: Connection, email_id: int, fate: Fate) -> Fate:
    """Cancelled, unless its sender has come further meanwhile."""
    if not withdraw(connection, email_id):
        return fate_of(connection, email_id)
    if fate.flag is Flag.PREPARING:
        return Fate(Flag.CANCELLED, fate.reason or "its mail server took too long")
    if not service_state.status(connection).running:
        return Fate(Flag.CANCELLED, "the service was stopped")
    return Fate(Flag.CANCELLED, fate.reason or _RESTS)


def _store(
    application: Application,
    wanted: ResetCode,
    expires_at: datetime,
    afterwards: Afterwards[int] | None,
    *,
    wakes: bool = True,
) -> int:
    settings = application.settings
    submission = Submission(
        recipients=[wanted.email],
        template=_TEMPLATE,
        variables={"code": wanted.code, "minutes": max(1, settings.reset_ttl // 60)},
        account=settings.reset_account,
        sender=_sender(application),
        priority=_PRIORITY,
        expires_at=expires_at,
        origin=Origin.RESET,
        stored_by=wanted.requested_by,
        request_id=wanted.request_id,
    )
    try:
        return store(application, submission, afterwards, wakes=wakes)
    except AccountNotFound:
        raise CannotSend(
            "RESET_ACCOUNT names no account: set it to the code of one, or leave it out"
        ) from None
    except (UnknownTemplate, InvalidEmail) as error:
        if isinstance(error, InvalidEmail) and all(_is_of_recipient(one) for one in error.faults):
            raise
        raise CannotSend(f"the template {_TEMPLATE} can't be used: {error}") from None


def _is_of_recipient(fault: BadValue) -> bool:
    return fault.field.startswith("recipients")


def _sender(application: Application) -> Mailbox | None:
    """Who reset codes are from; None: their account's own sender. Raises CannotSend."""
    settings = application.settings
    if settings.sender_email:
        try:
            return Mailbox(_one_address(settings.sender_email), settings.sender_name or "")
        except ValueError:
            raise CannotSend("SENDER_EMAIL is not one email address") from None
    if not settings.sender_name:
        return None
    with application.database().read() as connection:
        own = sender_of(connection, settings.reset_account)
    return own.mailbox._replace(name=settings.sender_name) if own else None
