"""What no email may hold, found before anything is made of it."""

from __future__ import annotations

import re

from shared.mime.bad_email import BadEmail
from shared.mime.message import Attachment, Draft


def check(draft: Draft) -> None:
    """Raise BadEmail, which says what is wrong, if this draft must not or cannot be composed.

    Nothing that ends a header line gets through, so no value can add a header of its own. A tab
    counts as a space. Addresses are checked where they are written into the header.
    """
    require_line("the subject", draft.subject)
    require_line("the sender's name", draft.sender.name)
    for mailbox in (*draft.to, *draft.cc, *draft.reply_to):
        if mailbox.name:
            require_line("the name of a recipient", mailbox.name)
    if not _MESSAGE_ID.fullmatch(draft.message_id):
        raise BadEmail("the Message-ID is not of the form <left@right>")
    for name, value in draft.headers:
        _require_header(name, value)
    for attachment in draft.attachments:
        _require_attachment(attachment)
    _require_unicode("the text", draft.text)
    _require_unicode("the HTML", draft.html)


def require_line(what: str, value: str) -> None:
    """Raise BadEmail, which names `what` it is, for text that does not fit into one line."""
    if value.isprintable():
        return
    if _LINE_BREAK.search(value):
        raise BadEmail(f"{what} holds a line break")
    if _CONTROL.search(value):
        raise BadEmail(f"{what} holds a control character")
    if _SURROGATE.search(value):
        raise BadEmail(f"{what} is not valid Unicode")


_LINE_BREAK = re.compile("[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]{1,300}@[!-;=?A-~]{1,300}>")
_CONTENT_ID = re.compile(r"[!-;=?-~]{1,60}")
_TOKEN = r"[A-Za-z0-9!#$&^_.+-]{1,100}"
_CONTENT_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?: *;[ -~]{{0,300}})?")
_HEADER_NAME = re.compile(r"[!-9;-~]{1,76}")
_OWN_HEADERS = frozenset(
    {"auto-submitted", "bcc", "cc", "date", "from", "message-id", "mime-version", "received"}
    | {"reply-to", "return-path", "sender", "subject", "to"}
)


def _require_unicode(what: str, body: str | None) -> None:
    if body and not body.isascii() and _SURROGATE.search(body):
        raise BadEmail(f"{what} is not valid Unicode")


def _require_header(name: str, value: str) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise BadEmail(f"{name[:76]!r} is not the name of a header")
    if name.lower() in _OWN_HEADERS or name.lower().startswith("content-"):
        raise BadEmail(f"the header {name} is not for the caller to set")
    require_line(f"the header {name}", value)


def _require_attachment(attachment: Attachment) -> None:
    require_line("the name of an attachment", attachment.filename or "")
    if attachment.content_type and not _CONTENT_TYPE.fullmatch(attachment.content_type):
        raise BadEmail("the content type of an attachment is not of the form type/subtype")
    if attachment.content_id and not _CONTENT_ID.fullmatch(attachment.content_id):
        raise BadEmail(
            "the Content-ID of an attachment is not 1 to 60 ASCII characters without < > or spaces"
        )
