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
from contextlib import suppress
from enum import Enum, auto
from http import HTTPStatus

from shared.smtp.reply import Reply
from shared.transports.acs_request import acs_request
from shared.transports.base import ConnectionLost, Message, OutcomeUnknown
from shared.transports.mail_service import (
    MailServiceTransport,
    accepted,
    refused,
    word_of_refusal,
)
from shared.transports.rest import Answer, RestService

VERSION = "2025-09-01"
MOST_OCTETS = 7 * 1024 * 1024
"""Of a message: a request may have 10 MB, with its files in base64."""
MOST_RECIPIENTS = 50
ASK_AFTER_SECONDS = (1.0, 3.0, 6.0)
"""After a doubt, before each question: the service does not know an operation at once."""
LONGEST_ASKING_SECONDS = 20.0
"""In all, whatever the service keeps waiting: a tick asks on."""
_NOT_ALLOWED = frozenset(
    {"DomainNotLinked", "SubscriptionBlocked", "Denied", "Unauthorized", "Forbidden"}
    | {"InvalidSenderUserName", "SenderNotFound"}
)
_AS_OF_A_SECOND_TIME = frozenset({400, 413, 422})
"""A gateway on the way may repeat a request: such a word to the second one has been seen where the
first one was taken (Azure/azure-sdk-for-net#50889)."""


class Fate(Enum):
    """What the service says of an operation."""

    TAKEN = auto()
    FAILED = auto()
    NOT_KNOWN = auto()
    """Not found, which does not say that it never came; or not begun, or a word that is new."""
    NO_ANSWER = auto()
    """It said nothing of the operation: it is away, has enough of questions, or lets nobody in."""


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

    def request_of(self, message: Message) -> bytes:
        return json.dumps(acs_request(message)).encode()

    async def commit(self, message: Message, following: Message | None = None) -> Reply:
        """POST it; after a doubt ask what became of it."""
        operation = self.operation_of(message) or ""
        headers = {"Content-Type": "application/json", "Operation-Id": operation}
        try:
            answer = await self._service.ask(
                "POST", f"/emails:send?api-version={VERSION}", headers, self._request
            )
            doubt = f"{self.called} answered {answer.status} ({answer.text})"
            reply = await self._reply_of(answer, operation)
        except OutcomeUnknown as error:
            reply, doubt = None, str(error)
        if reply is None:
            reply = await self._resolved(operation, doubt)
        self._carried += 1
        return reply

    async def _reply_of(self, answer: Answer, operation: str) -> Reply | None:
        """What the answer to the POST means; None: that has to be asked."""
        if answer.status == HTTPStatus.ACCEPTED:
            return _accepted(operation)
        if not 400 <= answer.status < 500 or answer.status == HTTPStatus.CONFLICT:
            return None
        if answer.status in _AS_OF_A_SECOND_TIME:
            fate, _ = await ask_what_became(self._service, operation)
            if fate is Fate.TAKEN:
                return _accepted(operation)
            if fate is Fate.NO_ANSWER:
                return None
        return word_of_refusal(answer, not_allowed=_NOT_ALLOWED)

    async def _resolved(self, operation: str, doubt: str) -> Reply:
        """Raises OutcomeUnknown where the service does not know, either."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_ASKING_SECONDS):
                for seconds in self._ask_after:
                    await asyncio.sleep(seconds)
                    fate, answer = await ask_what_became(self._service, operation)
                    if fate is Fate.TAKEN:
                        return _accepted(operation)
                    if fate is Fate.FAILED and answer is not None:
                        return refused(answer)
                    if answer is not None and answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                        break
        raise OutcomeUnknown(doubt)


async def ask_what_became(service: RestService, operation: str) -> tuple[Fate, Answer | None]:
    """What the service says of an operation; never raises for what it says."""
    path = f"/emails/operations/{operation}?api-version={VERSION}"
    try:
        answer = await service.ask("GET", path, {})
    except ConnectionLost:
        return Fate.NO_ANSWER, None
    if answer.status == HTTPStatus.NOT_FOUND:
        return Fate.NOT_KNOWN, answer
    status = str(answer.json().get("status", "")).lower()
    if answer.status != HTTPStatus.OK or not status:
        return Fate.NO_ANSWER, answer
    if status in ("running", "succeeded"):
        return Fate.TAKEN, answer
    if status in ("failed", "canceled", "cancelled"):
        return Fate.FAILED, answer
    return Fate.NOT_KNOWN, answer


def _accepted(operation: str) -> Reply:
    return accepted(f"accepted by Azure Communication Services, operation {operation}")
