"""The content of unusual emails, made by the standard library's EmailMessage."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from typing import Any

from shared.mime import attachment_type
from shared.mime.message import Attachment, Draft
from shared.mime.transfer_encoding import lines, text_encoding


def library_content(draft: Draft) -> bytes:
    """The `Content-*` fields, the empty line and the content of any draft.

    Files with a Content-ID go beside the HTML that shows them (multipart/related, RFC 2387); where
    there is no HTML they are attachments like the others.
    """
    message = EmailMessage(policy.SMTP)
    _add_bodies(message, draft)
    _add_attachments(message, draft)
    for part in message.walk():
        del part["MIME-Version"]
    return message.as_bytes()


def _add_bodies(message: EmailMessage, draft: Draft) -> None:
    if draft.html is None:
        message.set_content(**_text("plain", draft.text or ""))
    elif draft.text is None:
        message.set_content(**_text("html", draft.html))
    else:
        message.set_content(**_text("plain", draft.text))
        message.add_alternative(**_text("html", draft.html))


def _add_attachments(message: EmailMessage, draft: Draft) -> None:
    html = message.get_body(("html",))
    if html and draft.inline:
        for attachment in draft.inline:
            html.add_related(**_file(attachment, "inline"))
        html.set_param("type", "text/html")
    for attachment in draft.beside:
        message.add_attachment(**_file(attachment, "attachment"))


def _text(subtype: str, text: str) -> dict[str, Any]:
    text = lines(text)
    return {"obj": text, "subtype": subtype, "charset": "utf-8", "cte": text_encoding(text)}


def _file(attachment: Attachment, disposition: str) -> dict[str, Any]:
    kind = policy.SMTP.header_factory("Content-Type", attachment_type.content_type(attachment))
    return {
        "obj": attachment.content,
        "maintype": kind.maintype,
        "subtype": kind.subtype,
        "params": dict(kind.params),
        "filename": attachment_type.filename(attachment),
        "disposition": disposition,
        "cid": f"<{attachment.content_id}>" if attachment.content_id else None,
    }
