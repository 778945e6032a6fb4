"""An email before it is composed, a Draft, and after, a Message."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from shared.mime.addresses import Mailbox


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with the email.

    `content_type`: None to tell it from the content and the file name. `content_id`: the name,
    without angle brackets, by which the HTML shows it inline (`cid:`, RFC 2392).
    """

    filename: str | None
    content: bytes = field(repr=False)
    content_type: str | None = None
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """All that an email's header and content are made of; Bcc belongs to the envelope alone.

    `message_id`: with its angle brackets, the same on every attempt. `date`: UTC where it names no
    time zone. `headers`: further ones, in their order.
    """

    sender: Mailbox
    to: tuple[Mailbox, ...]
    message_id: str
    date: datetime
    subject: str = ""
    text: str | None = field(default=None, repr=False)
    html: str | None = field(default=None, repr=False)
    cc: tuple[Mailbox, ...] = ()
    reply_to: tuple[Mailbox, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def inline(self) -> tuple[Attachment, ...]:
        """The files that belong to the HTML, by their Content-ID; none where there is no HTML."""
        if self.html is None or not self.attachments:
            return ()
        return tuple([one for one in self.attachments if one.content_id])

    @property
    def beside(self) -> tuple[Attachment, ...]:
        """All other files."""
        if self.html is None or not self.attachments:
            return self.attachments
        return tuple([one for one in self.attachments if not one.content_id])


@dataclass(frozen=True, slots=True)
class Message:
    """A complete email: CRLF at each line's end and at its own, not dot-stuffed, 7-bit.

    `smtputf8`: an address in its header is not ASCII; then the header, and it alone, is UTF-8, and
    the server must offer SMTPUTF8 (RFC 6531).
    """

    content: bytes = field(repr=False)
    smtputf8: bool = False
