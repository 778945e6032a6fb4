"""Send by hand: what waits in the queue, or a test email beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from shared.api.endpoint import Request, Routes
from shared.api.models import Answer, Input, Timestamp
from shared.application import application
from shared.delivery import tick, trial
from shared.security.roles import Role

routes = Routes()

# The answer has to be out within 200 s, what is being sent then included.
FORCE_SECONDS = 180
ANSWER_SECONDS = 195


class EmailTest(Input):
    email: str = Field(min_length=3, max_length=320)
    param_code: str | None = Field(None, max_length=50)


class EmailTested(Answer):
    success: Literal[True] = True
    message_id: str
    recipient: str


class Processed(Answer):
    success: Literal[True] = True
    message: str
    timestamp: Timestamp
    processed: int
    sent: int
    failed: int
    remaining: int


@routes.post("api/email-test", who=Role.OPERATOR)
def send_test_email(request: Request[EmailTest]) -> EmailTested:
    """Send a test email at once over one account, whether the service runs or not."""
    sent = trial.send_test_email(application(), request.body.email, request.body.param_code)
    return EmailTested(message_id=sent.message_id, recipient=sent.recipient)


@routes.post("api/email-force-process", who=Role.OPERATOR)
def force_process(request: Request) -> Processed:
    """Send all that is due now in both lanes, whatever the window."""
    run = tick.force(application(), FORCE_SECONDS, ANSWER_SECONDS)
    return Processed(
        message=(
            f"Emails still due: {run.remaining}. They go on as soon as their account can send."
            if run.remaining
            else "Email processing completed successfully"
        ),
        timestamp=datetime.now(UTC),
        processed=run.processed,
        sent=run.sent,
        failed=run.failed,
        remaining=run.remaining,
    )
