"""Microsoft Graph as a transport: `sendMail` of a mailbox, with the message as MIME.

Graph knows no envelope: To and Cc of the message are cut to it, and whoever is in neither goes into
Bcc, which Exchange takes out again. There is no way to ask later whether a message was taken. Only
202 says so; what is in doubt stays unknown.
https://learn.microsoft.com/graph/outlook-send-mime-message
"""

from __future__ import annotations

import base64
import re
from urllib.parse import quote

from shared.mime.headers import mailbox_field
from shared.smtp.reply import Reply
from shared.transports.addressed import addressed
from shared.transports.base import Message, OutcomeUnknown
from shared.transports.mail_service import (
    MailServiceTransport,
    accepted,
    login_refused,
    not_now,
    refused,
    throttled,
    too_big,
)
from shared.transports.rest import Answer, RestService

MOST_OCTETS = 3 * 1024 * 1024
"""Of a message: base64 makes 4 MB of it, which is what a request may have."""
MOST_RECIPIENTS = 500
_LISTS = re.compile(rb"^(?:To|Cc|Bcc):.*(?:\r\n[ \t].*)*\r\n", re.IGNORECASE | re.MULTILINE)
_MAILBOX_FULL = "ErrorQuotaExceeded"
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

    async def commit(self, message: Message, following: Message | None = None) -> Reply:
        """POST it. Anything but a clear word leaves it unknown."""
        body = base64.b64encode(as_graph_takes_it(message))
        answer = await self._service.ask("POST", self._path, {"Content-Type": "text/plain"}, body)
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
    if answer.status == 202:
        return accepted("accepted by Microsoft Graph")
    if answer.status == 429 or (answer.status == 503 and answer.retry_after is not None):
        return throttled(answer)
    if answer.status == 503:
        return not_now(answer)
    if answer.status < 400 or answer.status >= 500:
        raise OutcomeUnknown(f"Microsoft Graph answered {answer.status} ({answer.text})")
    if answer.status in (401, 403) or answer.code in _NOT_ALLOWED:
        return login_refused(answer)
    if answer.code == _MAILBOX_FULL:  # The sender's own, with what it has sent.
        return throttled(answer)
    if answer.status == 413 or answer.code in _TOO_BIG:
        return too_big(answer)
    return refused(answer)
