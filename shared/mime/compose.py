"""Composing: an email's draft becomes the octets that go over the wire (RFC 5322, RFC 2045).

Our own encoder writes what nearly every email is: a text, HTML, or both, with the pictures that the
HTML shows and any files beside it. The standard library's EmailMessage does the rest. Both give
messages that parse to the same thing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from hashlib import blake2b
from io import BytesIO
from itertools import chain
from urllib.parse import quote

from shared.mime import attachment_type
from shared.mime.bad_email import BadEmail
from shared.mime.headers import header
from shared.mime.library_content import library_content
from shared.mime.message import Attachment, Draft, Message
from shared.mime.transfer_encoding import encode_base64, encode_text
from shared.mime.validate import check

__all__ = ["Attachment", "BadEmail", "Draft", "Message", "compose", "compose_with_library"]

_LONGEST_FILENAME = 60
_BOUNDARY_KEY = secrets.token_bytes(32)

Pieces = Iterable[bytes]
"""A part's own header and content, written one after the other into the message."""


def compose(draft: Draft) -> Message:
    """The draft as a message. Raises BadEmail if no valid email can be made of it."""
    check(draft)
    if any(map(_is_unusual, draft.attachments)):
        return _message(draft, [library_content(draft)])
    return _message(draft, _content(draft))


def compose_with_library(draft: Draft) -> Message:
    """The same for any draft, many times slower."""
    check(draft)
    return _message(draft, [library_content(draft)])


def _is_unusual(attachment: Attachment) -> bool:
    """Whether only the library knows how to write it."""
    return (
        ";" in (attachment.content_type or "") or len(attachment.filename or "") > _LONGEST_FILENAME
    )


def _message(draft: Draft, content: Pieces) -> Message:
    head = header(draft)
    octets = BytesIO()
    octets.write(head.encode())
    octets.writelines(content)
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
    content_id = f"Content-ID: <{attachment.content_id}>\r\n" if attachment.content_id else ""
    head = (
        f"Content-Type: {attachment_type.content_type(attachment)}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: {disposition};\r\n"
        f" {_filename_parameter(attachment_type.filename(attachment))}\r\n"
        f"{content_id}\r\n"
    )
    return chain((head.encode(),), encode_base64(attachment.content))


def _filename_parameter(filename: str) -> str:
    """In quotes, or by RFC 2231 where it is not ASCII."""
    if filename.isascii():
        return 'filename="' + filename.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"filename*=utf-8''{quote(filename, safe='')}"


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
