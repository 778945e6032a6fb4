"""The contact form: anyone may write, operators look after what was written."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.api.admission import Who
from shared.api.endpoint import Request, Routes
from shared.api.idempotency import answering
from shared.api.models import (
    EmailAddress,
    QueryNumber,
    SnakeAnswer,
    SnakeInput,
    Timestamp,
    example,
)
from shared.api.request.form import FileField
from shared.app import application
from shared.attachments.checks import ALLOWED
from shared.features.contact import decide, entries, submit
from shared.features.contact.attached import most_in_file
from shared.features.contact.entries import Counts, StoredContact
from shared.features.contact.errors import ContactNotFound
from shared.features.contact.message import Words
from shared.features.contact.states import ContactStatus
from shared.features.contact.submit import Contact
from shared.security.limits import Limit
from shared.security.roles import Role, includes

routes = Routes({"contact_id": "What POST `/api/email/emails` has answered."})

_FILE = FileField(
    "file_attached",
    lambda: most_in_file(application()),
    tuple(dict.fromkeys(one.content_type for one in ALLOWED.values())),
)
# Anyone may have many rows counted.
_COUNTING = (Limit(300, 60),)
_EXAMPLE_ID = "6b0f6a0e-0f4e-4a5f-9a55-3f1f8b1f2f5b"
_LETTER = r"[^\x00-\x20\x7f-\xa0\u2028\u2029]"
_NO_BREAK = r"[^\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]"
_IN_TEXT = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"

FilledLine = Annotated[str, Field(pattern=f"^{_NO_BREAK}*{_LETTER}{_NO_BREAK}*$")]
"""One line with something in it."""
Line = Annotated[str, Field(pattern=f"^{_NO_BREAK}*$")]
Text = Annotated[str, Field(pattern=f"^{_IN_TEXT}*{_LETTER}{_IN_TEXT}*$")]
"""Several lines with something in them."""


class ContactForm(SnakeInput):
    """What a visitor writes. Only a form (multipart/form-data) carries the file itself; in JSON
    `file_attached` is a name to be told."""

    model_config = example(
        full_name="John Doe",
        email="john.doe@example.com",
        phone="+1-555-123-4567",
        job_profession="Software Engineer",
        subject="General Inquiry",
        message="I would like to know more about your services.",
        file_attached="optional_file.pdf",
    )

    full_name: FilledLine = Field(max_length=200)
    """Who writes."""
    email: EmailAddress
    """Where the answer is to go (Reply-To)."""
    phone: Line | None = Field(None, max_length=50)
    """A telephone number, if the visitor gives one."""
    job_profession: Line | None = Field(None, max_length=100)
    """What the visitor does, if that is told."""
    subject: FilledLine = Field(max_length=200)
    """What it is about, in one line."""
    message: Text = Field(max_length=20_000, repr=False)
    """What the visitor says."""
    file_attached: Line | None = Field(None, max_length=255)
    """The name of a file; the file itself comes only as a part of a form with this name."""
    website: str | None = Field(
        None,
        repr=False,
        description="Hide this field from people: what fills it is a program, and goes nowhere.",
    )

    def words(self) -> Words:
        return Words(
            full_name=self.full_name,
            email=self.email,
            phone=self.phone or None,
            job_profession=self.job_profession or None,
            subject=self.subject,
            message=self.message,
            filename=self.file_attached or None,
        )


class ContactTaken(SnakeAnswer):
    model_config = example(id=_EXAMPLE_ID, status="Pending")

    http_status: ClassVar[int] = 201

    id: UUID
    """The id (a GUID) to ask by what became of it."""
    status: ContactStatus
    """Where it stands."""


class ContactDecided(SnakeAnswer):
    model_config = example(message="Email request cancelled", id=_EXAMPLE_ID, status="Cancelled")

    message: str
    """The same in words."""
    id: UUID
    """The id of what was written."""
    status: ContactStatus
    """Where it stands now."""


class ContactRemoved(SnakeAnswer):
    message: str = "Email request deleted"
    """The same in words."""
    id: UUID
    """The id of what was removed."""


class ContactsTriedAgain(SnakeAnswer):
    model_config = example(message="Email requests queued again: 2", retried=2, more=False)

    message: str
    """The same in words."""
    retried: int
    """How many are tried again."""
    more: bool
    """Whether there are more: ask again."""


class ContactProgress(SnakeAnswer):
    """What anyone with the id may know."""

    id: UUID
    """The id of what was written."""
    status: ContactStatus
    """Where it stands."""
    created_at: Timestamp | None
    """When it was written, as far as that is known."""
    updated_at: Timestamp | None
    """When something last became of it."""
    sent_at: Timestamp | None
    """When the support address's mail server had it; null: not yet."""


class ContactDetails(ContactProgress):
    full_name: str
    """Who has written."""
    email: str
    """Where the answer is to go."""
    phone: str | None
    """The telephone number; null: none was given."""
    job_profession: str | None
    """What the visitor does; null: that was not told."""
    subject: str
    """What it is about."""
    message: str = Field(repr=False)
    """What the visitor says."""
    file_attached: str | None
    """The file's name as the visitor gave it; null: none."""
    file_path: str | None
    """Where the file lies in the store; null: there is none."""
    file_size: int | None
    """How large it is, in bytes; null: there is none."""
    retry_count: int
    """How many tries have failed for the time being."""
    error_message: str | None
    """Why it failed or waits; null: nothing went wrong."""
    email_id: int
    """The number of its email."""


class ContactCounts(SnakeAnswer):
    """How many there are; `capped`: the latest of more."""

    model_config = example(
        total=7, pending=1, processing=0, sent=5, failed=1, cancelled=0, capped=False
    )

    total: int
    """All that were counted."""
    pending: int
    """Those that wait."""
    processing: int
    """Those on their way, and those whose outcome is unknown."""
    sent: int
    """Those that were sent."""
    failed: int
    """Those that were given up."""
    cancelled: int
    """Those that were cancelled."""
    capped: bool
    """Whether there are more than the latest 10,000, which were counted."""


class ContactPage(SnakeAnswer):
    items: list[ContactDetails]
    """What was written, the latest first."""
    next_cursor: str | None
    """To be given as `cursor` for the next page; null: this is the last."""


class ContactQuery(SnakeInput):
    # The host leaves out what is empty, so an empty status is none.
    status: Literal["", "Pending", "Processing", "Sent", "Failed", "Cancelled"] = ""
    """Only those that stand there; left out, all."""
    limit: QueryNumber = Field(50, ge=1, le=100)
    """How many at most."""
    cursor: str | None = Field(None, pattern=r"^[0-9]{0,10}$")
    """`next_cursor` of the page before; left out, the first page."""


@routes.post(
    "api/email/emails",
    who=Who.ANYONE,
    limits=(Limit(20, 60), Limit(200, 86_400)),
    idempotent=True,
    file=_FILE,
)
def write_to_support(request: Request[ContactForm]) -> ContactTaken:
    """Write to the support address, with a file if need be."""
    taken = ContactTaken(id=UUID(submit.new_id()), status=ContactStatus.PENDING)
    form = request.body
    contact = Contact(form.words(), request.file, form.website or "", request.id)
    keep = answering(request.once, lambda _: taken)
    submit.submit(application(), str(taken.id), contact, keep)
    return taken


@routes.get("api/email/emails", who=Who.LOGIN_OPTIONAL, limits=_COUNTING)
def list_contacts(request: Request[None, ContactQuery]) -> ContactPage | ContactCounts:
    """List what was written, the latest first; without a login only say how much."""
    with application().database().read() as connection:
        if not _may_read(request):
            return _counted(entries.counts(connection))
        query = request.query
        after = int(query.cursor) if query.cursor else None
        status = ContactStatus(query.status) if query.status else None
        page = entries.page(connection, status, after, query.limit)
    return ContactPage(
        items=[_details(one) for one in page.contacts],
        next_cursor=None if page.after is None else str(page.after),
    )


@routes.get("api/email/emails/statistics", who=Who.ANYONE, limits=_COUNTING)
def contact_statistics(request: Request) -> ContactCounts:
    """Count what was written, by status."""
    with application().database().read() as connection:
        return _counted(entries.counts(connection))


@routes.post("api/email/emails/retry_failed", who=Role.OPERATOR)
def retry_failed_contacts(request: Request) -> ContactsTriedAgain:
    """Try again what failed, up to 500 at once; `more` says whether to ask again."""
    tried = decide.try_failed_again(application())
    return ContactsTriedAgain(
        message=f"Email requests queued again: {tried.number}",
        retried=tried.number,
        more=tried.more,
    )


@routes.get("api/email/emails/{contact_id:guid}", who=Who.LOGIN_OPTIONAL, errors={404})
def contact_details(request: Request) -> ContactDetails | ContactProgress:
    """Say what became of it, and to a viewer all of it."""
    found = _find(_id_in(request.path))
    return _details(found) if _may_read(request) else _progress(found)


@routes.put(
    "api/email/emails/{contact_id:guid}",
    who=Role.OPERATOR,
    errors={404, 409},
    file=_FILE,
)
def change_contact(request: Request[ContactForm]) -> ContactDetails:
    """Change what waits still. Without a file the one that is there stays."""
    contact_id = _id_in(request.path)
    decide.change(application(), contact_id, request.body.words(), request.file)
    return _details(_find(contact_id))


@routes.delete("api/email/emails/{contact_id:guid}", who=Role.OPERATOR, errors={404, 409})
def delete_contact(request: Request) -> ContactRemoved:
    """Remove it, with its email and its file; not while it is being sent."""
    contact_id = _id_in(request.path)
    decide.delete(application(), contact_id)
    return ContactRemoved(id=UUID(contact_id))


@routes.post("api/email/emails/{contact_id:guid}/cancel", who=Role.OPERATOR, errors={404, 409})
def cancel_contact(request: Request) -> ContactDecided:
    """Let it not be sent."""
    contact_id = _id_in(request.path)
    decide.cancel(application(), contact_id)
    return ContactDecided(
        message="Email request cancelled", id=UUID(contact_id), status=ContactStatus.CANCELLED
    )


def _may_read(request: Request[None, ContactQuery] | Request) -> bool:
    role = request.caller.role
    return role is not None and includes(role, Role.VIEWER)


def _id_in(path: Mapping[str, str]) -> str:
    """The id as it was given out: the host takes other ways to write a GUID as well."""
    try:
        return str(uuid.UUID(path["contact_id"]))
    except ValueError:
        raise ContactNotFound("this is no id") from None


def _find(contact_id: str) -> StoredContact:
    with application().database().read() as connection:
        return entries.find(connection, contact_id)


def _counted(counts: Counts) -> ContactCounts:
    return ContactCounts(
        total=sum(counts.by_status.values()),
        pending=counts.by_status[ContactStatus.PENDING],
        processing=counts.by_status[ContactStatus.PROCESSING],
        sent=counts.by_status[ContactStatus.SENT],
        failed=counts.by_status[ContactStatus.FAILED],
        cancelled=counts.by_status[ContactStatus.CANCELLED],
        capped=counts.capped,
    )


def _progress(contact: StoredContact) -> ContactProgress:
    return ContactProgress(
        id=UUID(contact.id),
        status=contact.status,
        created_at=contact.created_at,
        updated_at=contact.updated_at,
        sent_at=contact.sent_at,
    )


def _details(contact: StoredContact) -> ContactDetails:
    words, file = contact.words, contact.file
    return ContactDetails(
        **dict(_progress(contact)),
        full_name=words.full_name,
        email=words.email,
        phone=words.phone,
        job_profession=words.job_profession,
        subject=words.subject,
        message=words.message,
        file_attached=words.filename,
        file_path=file.key if file else None,
        file_size=file.size if file else None,
        retry_count=contact.retries,
        error_message=contact.reason,
        email_id=contact.email_id,
    )
