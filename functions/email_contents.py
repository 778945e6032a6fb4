"""What an email says, for operators: its content, its files, and its message as it goes."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shared.api.endpoint import Request, Routes
from shared.api.models import File, SnakeAnswer, example
from shared.app import application
from shared.delivery.composing.preview import content_of, file_of, raw_of
from shared.security.roles import Role

routes = Routes(
    {
        "id": "The email's number: that of its row (`dd_srno`).",
        "place": "The file's place among the attachments of the content, from 0.",
    }
)


class ContentFile(SnakeAnswer):
    filename: str = Field(description="The name that its reader sees.")
    content_type: str | None = Field(
        description="Its media type; null where it is told from the file when the email is sent."
    )
    size: int = Field(description="In bytes.")
    content_id: str | None = Field(
        description="Where the HTML shows it (`cid:` and this name); null for an attachment."
    )


class EmailContent(SnakeAnswer):
    """What an email says, as its row says it now."""

    model_config = example(
        html="<p>Hello Ann</p>",
        text="Hello Ann",
        headers={"From": "Shop <shop@example.com>", "To": "ann@example.com", "Subject": "Hello"},
        attachments=[],
    )

    html: str | None = Field(repr=False, description="Its HTML; null for an email of text alone.")
    text: str | None = Field(
        repr=False, description="Its text, beside the HTML or alone; null where there is none."
    )
    headers: dict[str, str] = Field(
        description="Its header fields, decoded, in their order; with Bcc, which nobody else sees."
    )
    attachments: list[ContentFile] = Field(
        description="Its files; the document of its row is the first."
    )


class RawEmail(File):
    media_types: ClassVar[tuple[str, ...]] = ("message/rfc822",)
    content_type: str = "message/rfc822"


class EmailFile(File):
    media_types: ClassVar[tuple[str, ...]] = ("application/octet-stream",)
    content_type: str = "application/octet-stream"


@routes.get("api/emails/{id:int}/content", who=Role.OPERATOR, errors={404, 409})
def email_content(request: Request) -> EmailContent:
    """Show what an email says.

    Emails that carry a code are shown to nobody (403 `confidential`); what has been removed after
    the email had ended is gone (409).
    """
    content = content_of(application().database(), int(request.path["id"]))
    return EmailContent(
        html=content.html,
        text=content.text,
        headers=dict(content.headers),
        attachments=[ContentFile(**file._asdict()) for file in content.files],
    )


@routes.get("api/emails/{id:int}/raw", who=Role.OPERATOR, errors={404, 409})
def email_source(request: Request) -> RawEmail:
    """Give the message of an email as it was sent, or as it would be sent now (RFC 5322).

    It is composed anew from the row, with the sender and the time of the last attempt: the parts'
    boundaries differ from those that were sent, and what a mail server has added is not there; nor
    is an unsubscribe link, which is its recipient's own.
    Before its first attempt an email has no Message-ID of its own.
    """
    return message_of(int(request.path["id"]))


def message_of(number: int) -> RawEmail:
    """The message as a file. Raises what `raw_of` raises."""
    here = application()
    message = raw_of(
        here.database(), here.attachments.store, number, here.settings.most_attached_mb
    )
    return RawEmail(content=message).saved_as(f"email-{number}.eml")


@routes.get("api/emails/{id:int}/attachments/{place:int}", who=Role.OPERATOR, errors={404, 409})
def email_file(request: Request) -> EmailFile:
    """Give one of an email's files, by its place (from 0) in the list of the content.

    It comes as octets whatever it is, so that no browser shows it in this service's name.
    """
    return file_in(int(request.path["id"]), int(request.path["place"]))


def file_in(number: int, place: int) -> EmailFile:
    """One of an email's files, by its place from 0. Raises what `file_of` raises."""
    here = application()
    found = file_of(here.database(), here.attachments.store, number, place)
    return EmailFile(content=found.content).saved_as(found.filename or "file")
