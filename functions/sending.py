"""Send by hand: what waits in the queue, or a test email beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from shared.api.endpoint import Request, Room, Routes
from shared.api.models import Answer, EmailAddress, Input, Timestamp, example
from shared.app import application
from shared.delivery import test_email, tick
from shared.security.roles import Role

routes = Routes()

# The answer has to be out within 200 s, what is being sent then included.
FORCE_SECONDS = 180
ANSWER_SECONDS = 195


class EmailTest(Input):
    model_config = example(email="ann@example.com")

    email: EmailAddress
    """Who gets the test email."""
    param_code: str | None = Field(None, max_length=50)
    """The code of the account that sends it; left out, the default account."""


class AccountUsed(Answer):
    """The account that an email went over; one without a code is the default one."""

    id: int
    """Its number."""
    param_code: str | None
    """Its code; null: it has none."""
    sender: str
    """The address that the email is from."""


class EmailTested(Answer):
    model_config = example(
        success=True,
        messageId="<5f0c0d7c4e5b4d3f@example.com>",
        recipient="ann@example.com",
        account={"id": 1, "paramCode": "SHOP", "sender": "shop@example.com"},
    )

    success: Literal[True] = True
    """Always true."""
    message_id: str
    """The email's Message-ID."""
    recipient: str
    """Who gets it."""
    account: AccountUsed
    """The account that it went over."""


class Processed(Answer):
    model_config = example(
        success=True,
        message="Email processing completed successfully",
        timestamp="2026-11-21T10:00:00.000Z",
        processed=12,
        sent=11,
        failed=1,
        remaining=0,
    )

    success: Literal[True] = True
    """Always true."""
    message: str
    """The same in words."""
    timestamp: Timestamp
    """When the answer was made."""
    processed: int
    """How many emails this run has tried."""
    sent: int
    """How many of them were sent."""
    failed: int
    """How many were given up."""
    remaining: int
    """How many are still due: they go on without you."""


@routes.post("api/email-test", who=Role.OPERATOR, errors={409, 502}, room=Room.OTHER_SERVERS)
def send_test_email(request: Request[EmailTest]) -> EmailTested:
    """Send a test email at once over one account, whether the service runs or not."""
    sent = test_email.send_test_email(application(), request.body.email, request.body.param_code)
    account = AccountUsed(
        id=sent.account.id,
        param_code=sent.account.code or None,
        sender=sent.account.sender.address,
    )
    return EmailTested(message_id=sent.message_id, recipient=sent.recipient, account=account)


@routes.post("api/email-force-process", who=Role.OPERATOR, errors={409}, room=Room.OTHER_SERVERS)
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
