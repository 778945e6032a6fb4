"""Microsoft Graph as a transport: `sendMail` of a mailbox, with the message as MIME.

Graph knows no envelope: To and Cc of the message are cut to it, and whoever is in neither goes into
Bcc, which Exchange takes out again. There is no way to ask later whether a message was taken. Only
202 says so; what is in doubt stays unknown.
https://learn.microsoft.com/graph/outlook-send-mime-message
"""

from __future__ import annotations

import base64
import re
from http import HTTPStatus
from urllib.parse import quote

from shared.mime.headers import mailbox_field
from shared.smtp.reply import Reply
from shared.transports.addressed import addressed
from shared.transports.base import Message, OutcomeUnknown
from shared.transports.mail_service import (
    MailServiceTransport,
    accepted,
    throttled,
    word_of_refusal,
)
from shared.transports.rest import Answer, RestService

MOST_OCTETS = 3 * 1024 * 1024
"""Of a message: base64 makes 4 MB of it, which is what a request may have."""
MOST_RECIPIENTS = 500
_LISTS = re.compile(rb"^(?:To|Cc|Bcc):.*(?:\r\n[ \t].*)*\r\n", re.IGNORECASE | re.MULTILINE)
_OVER_QUOTA = frozenset({"ErrorQuotaExceeded", "ErrorSubmissionQuotaExceeded"})
"""Of the sender's mailbox, which is full of what it has sent, or has sent enough for today."""
_TOO_BIG = frozenset({"ErrorMessageSizeExceeded"})
_NOT_ALLOWED = frozenset(
    {"ErrorSendAsDenied", "ErrorAccessDenied", "MailboxNotEnabledForRESTAPI", "ResourceNotFound"}
    | {"ErrorInvalidUser", "Authorization_RequestDenied"}
)


class GraphTransport(MailServiceTransport):
    """Sends from one mailbox."""

    most_recipients = MOST_RECIPIENTS
    most_octets = MOST_OCTETS
    called = "Microsoft Graph"

    def __init__(self, service: RestService, mailbox: str) -> None:
        super().__init__(service)
        self._path = path_of(mailbox)

    def request_of(self, message: Message) -> bytes:
        return base64.b64encode(as_graph_takes_it(message))

    async def commit(self, message: Message, following: Message | None = None) -> Reply:
        """POST it. Anything but a clear word leaves it unknown."""
        headers = {"Content-Type": "text/plain"}
        answer = await self._service.ask("POST", self._path, headers, self._request)
        reply = reply_of(answer)
        self._carried += 1
        return reply


def path_of(mailbox: str) -> str:
    """Where a mailbox's emails are posted."""
    return f"/v1.0/users/{quote(mailbox, safe='@.')}/sendMail"


def as_graph_takes_it(message: Message) -> bytes:
    """The message with the envelope's recipients in its header, and nobody else."""
    head, blank, body = message.content.partition(b"\r\n\r\n")
    to, cc, bcc = addressed(message)
    lists = mailbox_field("To", to) + mailbox_field("Cc", cc) + mailbox_field("Bcc", bcc)
    return lists.encode() + _LISTS.sub(b"", head + b"\r\n") + blank[2:] + body


def reply_of(answer: Answer) -> Reply:
    """What Graph's answer to `sendMail` means. Raises OutcomeUnknown where it leaves that open: an
    error of Graph's own may come after the email went, and a 200 has come without one."""
    if answer.status == HTTPStatus.ACCEPTED:
        return accepted("accepted by Microsoft Graph")
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return throttled(answer)
    if answer.status < 400 or answer.status >= 500:
        raise OutcomeUnknown(f"Microsoft Graph answered {answer.status} ({answer.text})")
    return word_of_refusal(
        answer, not_allowed=_NOT_ALLOWED, too_large=_TOO_BIG, over_quota=_OVER_QUOTA
    )
