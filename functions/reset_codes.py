"""Send a password reset code at once, and say how it went."""

from __future__ import annotations

import logging
from typing import ClassVar, Literal

from sqlalchemy.exc import SQLAlchemyError

from shared.api.admission import Who
from shared.api.endpoint import Request, Room, Routes
from shared.api.errors import ApiError, Failure, FieldError
from shared.api.idempotency import Once
from shared.api.models import Answer, Input, example
from shared.app import application
from shared.database.errors import CommitUncertain, DatabaseUnreachable
from shared.delivery.send_now import Fate
from shared.delivery.tick import ServiceStopped
from shared.features.reset_codes.reset_codes import (
    CannotSend,
    Code,
    OneAddress,
    ResetCode,
    send_now,
)
from shared.outbox.states import Flag
from shared.submissions.submission import InvalidEmail

routes = Routes()

log = logging.getLogger("rowpost.reset")

_UNKNOWN = (
    "The code was handed over, but the mail server's answer is missing: it may arrive or not. "
    "Make another code if the first one does not come."
)
_RETRY_SECONDS = "60"
_STOPPED = "The service is stopped: no code is sent until it is started."


class ResetCodeToSend(Input):
    """Whom the code is for, and the code as it is to be shown to them."""

    model_config = example(email="user@example.com", code="123456")
    missing_status: ClassVar[int] = 400

    email: OneAddress
    """Whom the code is for, one address."""
    code: Code
    """The code as its reader sees it: visible ASCII, without spaces."""

    def fingerprint(self) -> bytes:
        """With a key: whoever reads it must not find the code by trying all there are."""
        return application().pseudonyms.of("reset code", self.email, self.code).encode()


class ResetCodeSent(Answer):
    model_config = example(message="Password reset code sent successfully")

    message: str = "Password reset code sent successfully"
    """The mail server has accepted it."""


class ResetCodeNotSent(Failure):
    """It was not sent, and will not be; or nobody knows (`outcome_unknown`)."""

    model_config = example(
        success=False,
        code="not_sent",
        message="The code was not sent, and will not be: 550 5.1.1 no such user.",
        errors=[],
        requestId="4c9af12e96ca4ec9972c99a244adf126",
    )
    http_status: ClassVar[int] = 500

    code: Literal["not_sent", "outcome_unknown"]
    """`not_sent`: it never will be. `outcome_unknown`: it may arrive or not."""


@routes.post(
    "email-service/send-reset-code",
    who=Who.SERVICE_OR_TRUSTED,
    errors={403},
    idempotent=True,
    room=Room.OTHER_SERVERS,
)
def send_reset_code(request: Request[ResetCodeToSend]) -> ResetCodeSent | ResetCodeNotSent:
    """Send a password reset code at once, and answer within 30 seconds how it went."""
    body, once = request.body, request.once
    wanted = ResetCode(body.email, body.code, request.caller.identity, request.id)
    begin = None if once is None else lambda connection, _: once.begin(connection)
    try:
        answer = _answer(send_now(application(), wanted, begin, request.arrived), request.id)
    except ServiceStopped:
        raise ApiError(
            503, "service_stopped", _STOPPED, headers={"Retry-After": _RETRY_SECONDS}
        ) from None
    except CannotSend as error:
        log.error("reset codes can't be sent: %s", error)
        return _not_sent(
            "Rowpost is not set up to send codes: its log says what to change.", request.id
        )
    except InvalidEmail as error:
        message = "; ".join(fault.message for fault in error.faults)
        raise ApiError(
            422,
            "validation_failed",
            "The code can't be sent.",
            errors=(FieldError("email", message),),
        ) from None
    _keep(once, answer)
    return answer


def _answer(fate: Fate, request_id: str) -> ResetCodeSent | ResetCodeNotSent:
    if fate.flag is Flag.SENT:
        return ResetCodeSent()
    if fate.flag in (Flag.FAILED, Flag.CANCELLED):
        return _not_sent(f"The code was not sent, and will not be: {fate.reason}.", request_id)
    return ResetCodeNotSent(code="outcome_unknown", message=_UNKNOWN, request_id=request_id)


def _not_sent(message: str, request_id: str) -> ResetCodeNotSent:
    return ResetCodeNotSent(code="not_sent", message=message, request_id=request_id)


def _keep(once: Once | None, answer: Answer) -> None:
    """Keep the answer for a request that comes again. What was done is done, kept or not."""
    if once is None:
        return
    try:
        application().database().run(
            lambda connection: once.complete(connection, answer), seconds=1
        )
    except (DatabaseUnreachable, CommitUncertain, SQLAlchemyError):
        log.warning("the answer to a request with a key could not be kept", exc_info=True)
