"""Azure Communication Services Email as a transport.

Each POST carries an operation id of ours that is written down with the mark. The service is asked
what became of it after any doubt: at once here, later by whoever finds the mark. So what is unknown
resolves itself, without anything being sent twice.
https://learn.microsoft.com/rest/api/communication/email/email
"""

from __future__ import annotations

import asyncio
import json
import uuid
from enum import Enum, auto

from shared.smtp.reply import Reply
from shared.transports.acs_request import acs_request
from shared.transports.base import ConnectionLost, Message, OutcomeUnknown
from shared.transports.mail_service import (
    MailServiceTransport,
    accepted,
    login_refused,
    refused,
    throttled,
    too_big,
)
from shared.transports.rest import Answer, RestService

VERSION = "2025-09-01"
MOST_OCTETS = 7 * 1024 * 1024
"""Of a message: a request may have 10 MB, with its files in base64."""
MOST_RECIPIENTS = 50
ASK_AFTER_SECONDS = (1.0, 3.0, 6.0)
"""After a doubt, before each question: the service does not know an operation at once."""
_NOT_ALLOWED = frozenset(
    {"DomainNotLinked", "SubscriptionBlocked", "Denied", "Unauthorized", "Forbidden"}
    | {"InvalidSenderUserName", "SenderNotFound"}
)


class Fate(Enum):
    """What the service says of an operation."""

    TAKEN = auto()
    FAILED = auto()
    NOT_KNOWN = auto()
    """Not found, which does not say that it never came; or no clear answer."""


class AcsTransport(MailServiceTransport):
    """Sends over one resource."""

    most_recipients = MOST_RECIPIENTS
    most_octets = MOST_OCTETS
    called = "Azure Communication Services"

    def __init__(
        self, service: RestService, ask_after: tuple[float, ...] = ASK_AFTER_SECONDS
    ) -> None:
        super().__init__(service)
        self._ask_after = ask_after
        self._operations: list[tuple[Message, str]] = []

    def operation_of(self, message: Message) -> str | None:
        """Made once for a message; the message after it may be asked for meanwhile."""
        for known, operation in self._operations:
            if known is message:
                return operation
        operation = str(uuid.uuid4())
        self._operations = [*self._operations[-1:], (message, operation)]
        return operation

    async def commit(self, message: Message, following: Message | None = None) -> Reply:
        """POST it; after a doubt ask what became of it."""
        operation = self.operation_of(message) or ""
        headers = {"Content-Type": "application/json", "Operation-Id": operation}
        body = json.dumps(acs_request(message)).encode()
        try:
            answer = await self._service.ask(
                "POST", f"/emails:send?api-version={VERSION}", headers, body
            )
            doubt = f"{self.called} answered {answer.status} ({answer.text})"
            reply = _reply_of(answer, operation)
        except OutcomeUnknown as error:
            answer, reply, doubt = None, None, str(error)
        if reply is None:
            reply = await self._resolved(operation, doubt)
        self._carried += 1
        return reply

    async def _resolved(self, operation: str, doubt: str) -> Reply:
        """Raises OutcomeUnknown where the service does not know, either."""
        for seconds in self._ask_after:
            await asyncio.sleep(seconds)
            fate, answer = await ask_what_became(self._service, operation)
            if fate is Fate.TAKEN:
                return _accepted(operation)
            if fate is Fate.FAILED and answer is not None:
                return refused(answer)
        raise OutcomeUnknown(doubt)


async def ask_what_became(service: RestService, operation: str) -> tuple[Fate, Answer | None]:
    """What the service says of an operation; never raises for what it says."""
    path = f"/emails/operations/{operation}?api-version={VERSION}"
    try:
        answer = await service.ask("GET", path, {})
    except ConnectionLost:
        return Fate.NOT_KNOWN, None
    if answer.status != 200:
        return Fate.NOT_KNOWN, answer
    status = str(answer.json().get("status", "")).lower()
    if status in ("running", "succeeded"):
        return Fate.TAKEN, answer
    if status in ("failed", "canceled", "cancelled"):
        return Fate.FAILED, answer
    return Fate.NOT_KNOWN, answer


def _accepted(operation: str) -> Reply:
    return accepted(f"accepted by Azure Communication Services, operation {operation}")


def _reply_of(answer: Answer, operation: str) -> Reply | None:
    """What the answer to the POST means; None: that has to be asked."""
    if answer.status == 202:
        return _accepted(operation)
    if answer.status == 429:
        return throttled(answer)
    if answer.status in (401, 403) or answer.code in _NOT_ALLOWED:
        return login_refused(answer)
    if answer.status == 413:
        return too_big(answer)
    if answer.status in (400, 404, 405, 411, 415, 422):
        return refused(answer)
    return None
