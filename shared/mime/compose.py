"""Composing: an email's draft becomes the octets that go over the wire (RFC 5322, RFC 2045).

A text, HTML, or both, with the pictures that the HTML shows and any files beside it. The standard
library's EmailMessage writes the same many times slower.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from hashlib import blake2b
from io import BytesIO
from itertools import chain

from shared.mime import attachment_type
from shared.mime.attachment_parameters import (
    filename_parameter,
    given_parameters,
    name_parameter,
)
from shared.mime.bad_email import BadEmail
from shared.mime.headers import header
from shared.mime.message import Attachment, Draft, Message
from shared.mime.transfer_encoding import encode_base64, encode_text
from shared.mime.validate import check

__all__ = ["Attachment", "BadEmail", "Draft", "Message", "compose"]

_BOUNDARY_KEY = secrets.token_bytes(32)

Pieces = Iterable[bytes]
"""A part's own header and content, written one after the other into the message."""


def compose(draft: Draft, *, ascii_only: bool = False) -> Message:
    """The draft as a message. Raises BadEmail if no valid email can be made of it.

    `ascii_only`: for a mail server that does not offer SMTPUTF8 (see `header`).
    """
    check(draft)
    head = header(draft, ascii_only=ascii_only)
    octets = BytesIO()
    octets.write(head.encode())
    octets.writelines(_content(draft))
    return Message(octets.getvalue(), smtputf8=not head.isascii())


def _content(draft: Draft) -> Pieces:
    body = _body(draft)
    if not (beside := draft.beside):
        return body
    files = [_attachment(one, "attachment") for one in beside]
    return _multipart("mixed", draft, [body, *files])


def _body(draft: Draft) -> Pieces:
    if draft.html is None:
        return _text("plain", draft.text or "")
    if draft.text is None:
        return _html(draft, draft.html)
    parts = [_text("plain", draft.text), _html(draft, draft.html)]
    return _multipart("alternative", draft, parts)


def _html(draft: Draft, html: str) -> Pieces:
    """The HTML together with what it shows (RFC 2387)."""
    if not (inline := draft.inline):
        return _text("html", html)
    parts = [_text("html", html), *[_attachment(one, "inline") for one in inline]]
    return _multipart("related", draft, parts, '; type="text/html"')


def _text(subtype: str, text: str) -> Pieces:
    encoding, content = encode_text(text)
    head = (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    return head.encode(), content


def _attachment(attachment: Attachment, disposition: str) -> Pieces:
    """A file. Its name stands in both fields: old readers look at the first, others at the second.

    A PDF or a picture goes as `attachment` even where a reader could show it: Apple's Mail shows
    what is `inline` in the text, and some readers then have nothing to save.
    """
    name = attachment_type.filename(attachment)
    content_type = attachment_type.content_type(attachment)
    described = ";\r\n ".join([content_type, name_parameter(name), *given_parameters(attachment)])
    content_id = f"Content-ID: <{attachment.content_id}>\r\n" if attachment.content_id else ""
    head = (
        f"Content-Type: {described}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: {disposition};\r\n"
        f" {filename_parameter(name)}\r\n"
        f"{content_id}\r\n"
    )
    return chain((head.encode(),), encode_base64(attachment.content))


def _multipart(subtype: str, draft: Draft, parts: list[Pieces], parameters: str = "") -> Pieces:
    boundary = _boundary(subtype, draft.message_id)
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"{parameters}\r\n'
    yield head.encode()
    for part in parts:
        yield f"\r\n--{boundary}\r\n".encode()
        yield from part
    yield f"\r\n--{boundary}--\r\n".encode()


def _boundary(subtype: str, message_id: str) -> str:
    """Nobody who writes a body can guess it, and neither encoding can produce its `=_` (RFC 2045
    6.7)."""
    seed = f"{subtype} {message_id}".encode()
    return f"=_{blake2b(seed, key=_BOUNDARY_KEY, digest_size=12).hexdigest()}"
