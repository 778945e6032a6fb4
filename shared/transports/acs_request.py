"""A message as Azure Communication Services takes it: not as MIME, but in parts. Pure.

Its own composition is taken apart again; what it can't say (a calendar, a signed body) is said by
`unsayable` before anything is sent.
https://learn.microsoft.com/rest/api/communication/email/email/send
"""

from __future__ import annotations

import base64
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from shared.mime.addresses import Mailbox
from shared.transports.addressed import addressed, mailboxes_in
from shared.transports.base import Message

_PARSER: BytesParser[EmailMessage] = BytesParser(policy=policy.default)
_OF_ITS_OWN = frozenset(
    {"from", "to", "cc", "bcc", "reply-to", "subject", "date", "mime-version"}
    | {"content-type", "content-transfer-encoding", "dkim-signature"}
)
"""Fields that are said elsewhere in the request, or that the service writes itself."""


def acs_request(message: Message) -> dict[str, Any]:
    """The body of `emails:send`. The sender's name is the domain's business there: it can't be
    given with an email."""
    parsed = _PARSER.parsebytes(message.content)
    to, cc, bcc = addressed(message)
    replies = mailboxes_in(parsed, "Reply-To")
    request: dict[str, Any] = {
        "senderAddress": message.envelope.sender,
        "content": {"subject": str(parsed["Subject"] or ""), **_texts(parsed)},
        "recipients": {
            name: _addresses(mailboxes)
            for name, mailboxes in (("to", to), ("cc", cc), ("bcc", bcc))
            if mailboxes
        },
        "headers": {
            name: str(value) for name, value in parsed.items() if name.lower() not in _OF_ITS_OWN
        },
        "userEngagementTrackingDisabled": True,
    }
    if replies:
        request["replyTo"] = _addresses(replies)
    if files := [_file(part) for part in _files(parsed)]:
        request["attachments"] = files
    return request


def _texts(parsed: EmailMessage) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, kind in (("plainText", "plain"), ("html", "html")):
        part = parsed.get_body((kind,))
        if part is not None:
            texts[name] = str(part.get_content())
    return texts


def _files(parsed: EmailMessage) -> list[EmailMessage]:
    """All parts with a name, those that the HTML shows too."""
    return [
        part
        for part in parsed.walk()
        if not part.is_multipart() and part.get_content_disposition() in ("attachment", "inline")
        if isinstance(part, EmailMessage)
    ]


def _file(part: EmailMessage) -> dict[str, str]:
    content = part.get_payload(decode=True)
    octets = content if isinstance(content, bytes) else b""
    file = {
        "name": part.get_filename() or "attachment",
        "contentType": part.get_content_type(),
        "contentInBase64": base64.b64encode(octets).decode(),
    }
    if content_id := part["Content-ID"]:
        file["contentId"] = str(content_id).strip("<> ")
    return file


def _addresses(mailboxes: tuple[Mailbox, ...]) -> list[dict[str, str]]:
    return [
        {"address": mailbox.address, **({"displayName": mailbox.name} if mailbox.name else {})}
        for mailbox in mailboxes
    ]
