"""Emails by REST: store one, look at those that are stored, decide about one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, ConfigDict, Field, JsonValue, RootModel
from pydantic_core import to_json

from shared.accounts.directory import Sender, sender_of
from shared.api.admission import Who
from shared.api.caller import Caller
from shared.api.cursor import PATTERN as CURSOR
from shared.api.cursor import read_cursor, write_cursor
from shared.api.endpoint import Request, Routes
from shared.api.errors import ApiError, FieldError, as_api_error
from shared.api.idempotency import answering
from shared.api.models import Answer, QueryNumber, SnakeAnswer, SnakeInput, Timestamp
from shared.api.request.body import MEGABYTE, parse_body
from shared.api.request.octets import Base64
from shared.app import application
from shared.attachments.keeper import Upload
from shared.bounces.consequence import Done
from shared.bounces.noted import Bounce, bounces_of
from shared.bounces.report import Kind
from shared.outbox.attachments import MOST_FILES
from shared.outbox.cancel_retry_resolve import Decision, cancel, resolve, try_again
from shared.outbox.queries import search
from shared.outbox.queries.search import StoredEmail, Wish
from shared.outbox.states import Lane, Status
from shared.security.roles import Role
from shared.submissions.store import Stored, store, store_each
from shared.submissions.submission import MOST_HEADERS, MOST_RECIPIENTS, Origin, Submission
from shared.unsubscribing.unsubscribed import LIST_NAME, list_named

routes = Routes(
    {"id": "The email's number: that of its row (`dd_srno`).", "status": "Where the emails stand."}
)

MOST_TEXT = 10 * MEGABYTE
MOST_IN_A_BATCH = 500
_LARGEST_NUMBER = 2**31 - 1
_ONE_LINE = r"^[^\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]*$"
_HEADER_NAME = "^(X-[A-Za-z0-9-]{1,70}|List-[A-Za-z0-9-]{1,70}|References|In-Reply-To)$"
_CONTENT = ("html_content", "text_content")
_TOKEN = "[A-Za-z0-9!#$&^_.+-]{1,100}"
_PARAMETER = rf' *; *{_TOKEN}=({_TOKEN}|"[ !#-\[\]-~]{{1,100}}")'
CONTENT_TYPE = f"^{_TOKEN}/{_TOKEN}({_PARAMETER})*$"
CONTENT_ID = "^[!-;=?-~]{1,60}$"

# As written by hand, and as a template that comes with Rowpost.
_FORMS: list[JsonValue] = [
    {
        "required": ["subject", name],
        "properties": {
            "subject": {"type": "string"},
            name: {"type": "string"},
            "template": {"type": "null"},
        },
    }
    for name in _CONTENT
]
_FORMS.append(
    {
        "required": ["template", "variables"],
        "properties": {
            "template": {"const": "welcome"},
            "variables": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "link": {"type": "string"}},
            },
            **{name: {"type": "null"} for name in _CONTENT},
        },
    }
)

_EXAMPLE: JsonValue = {
    "subject": "Test Email",
    "recipients": ["recipient1@example.com", "recipient2@example.com"],
    "html_content": "<html><body><h1>Hello!</h1></body></html>",
    "cc": ["cc1@example.com"],
    "bcc": ["bcc1@example.com"],
    "priority": 1,
}

_PICTURE: JsonValue = {
    "subject": "Your invoice",
    "recipients": ["recipient1@example.com"],
    "html_content": "<html><body><img src='cid:logo'><p>Your invoice.</p></body></html>",
    "attachments": [
        {
            "filename": "invoice.txt",
            "content_type": "text/plain",
            "content_base64": "VG90YWw6IDEwLjAwIEVVUgo=",
        },
        {
            "filename": "logo.gif",
            "content_type": "image/gif",
            "content_base64": "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
            "content_id": "logo",
        },
    ],
}

Address = Annotated[str, Field(min_length=1, max_length=700, json_schema_extra={"format": "email"})]
"""One address, which may come with a name: `Ann <ann@example.com>`."""
Line = Annotated[str, Field(pattern=_ONE_LINE)]
Tag = Annotated[str, Field(min_length=1, max_length=50, pattern=_ONE_LINE)]
HeaderValue = Annotated[
    str, Field(min_length=1, max_length=998, json_schema_extra={"pattern": "^[!-~]([ -~]*[!-~])?$"})
]


class AttachedFile(SnakeInput):
    """A file that goes with an email; its name is made safe.

    With a `content_id`, the HTML shows it where it says `cid:` and this name.
    """

    filename: str = Field(min_length=1, max_length=255)
    """The name that its reader sees; what would be unsafe in it is left out."""
    content_type: Annotated[str, Field(max_length=255, pattern=CONTENT_TYPE)] | None = None
    """Its media type; left out, it is told from its first bytes or its name."""
    content_base64: Base64 = Field(repr=False)
    """The file itself, in base64. All files of an email together may have as many MB as
    `ROWPOST_MOST_ATTACHED_MB` says (25)."""
    content_id: Annotated[str, Field(pattern=CONTENT_ID)] | None = None
    """A name without angle brackets, by which the HTML shows it; left out, it is an attachment."""


class EmailToSend(SnakeInput):
    """An email to be sent: a subject and one of `html_content` and `text_content` at least, or else
    a `template` with its `variables`."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": _FORMS,
            "examples": [_EXAMPLE, _PICTURE],
        }
    )

    subject: Line | None = Field(None, max_length=500)
    """The subject, in one line; with a template it is left out."""
    recipients: list[Address] = Field(min_length=1, max_length=MOST_RECIPIENTS)
    """Who it is to (To), up to 1,000 together with the others; each address may come with a name.
    """
    cc: list[Address] = Field(default_factory=list, max_length=MOST_RECIPIENTS)
    """Who gets a copy that everybody sees (Cc)."""
    bcc: list[Address] = Field(default_factory=list, max_length=MOST_RECIPIENTS)
    """Who gets a copy that nobody sees (Bcc)."""
    html_content: str | None = Field(None, repr=False)
    """The HTML, up to 10 MB."""
    text_content: str | None = Field(None, repr=False)
    """The text, alone or as the alternative to the HTML, up to 10 MB."""
    template: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")] | None = None
    """The name of a folder of `templates/`, in place of subject, HTML and text."""
    variables: dict[str, JsonValue] = Field(default_factory=dict, repr=False)
    """What the template fills in, by name."""
    priority: int = Field(3, ge=1, le=5)
    """1 goes first, 5 last, of what is due in the same lane."""
    smtp_config_id: int | None = Field(None, ge=1, le=_LARGEST_NUMBER)
    """The number of the account that sends it; left out, the default account. A key has its own."""
    reply_to: Address | None = None
    """Where answers go in place of the sender."""
    headers: dict[str, HeaderValue] = Field(
        default_factory=dict,
        max_length=MOST_HEADERS,
        json_schema_extra={"propertyNames": {"pattern": _HEADER_NAME}},
    )
    """Further header fields: `X-*`, `List-*`, `References` and `In-Reply-To` only, up to 20."""
    lane: Lane = Lane.IMMEDIATE
    """`immediate` goes at once and at any hour; `scheduled` waits for the interval and the window.
    """
    send_at: AwareDatetime | None = None
    """It is not sent before this time, which names its zone."""
    expires_at: AwareDatetime | None = None
    """It is given up if it could not be sent before this time."""
    tags: list[Tag] = Field(default_factory=list, max_length=10)
    """Words of your own to find it by, up to 10."""
    attachments: list[AttachedFile] = Field(default_factory=list, max_length=MOST_FILES)
    """Its files, up to 100."""
    unsubscribe: bool | Annotated[str, Field(pattern=LIST_NAME)] = False
    """Whether its reader may unsubscribe with one click (RFC 8058), and from which list; `true`:
    from the one called `default`. It has one recipient then."""


class EmailStored(SnakeAnswer):
    http_status: ClassVar[int] = 202

    message: str = "Email created and queued successfully"
    """The same in words."""
    email_id: int
    """The email's number: that of its row (`dd_srno`)."""


class Batch(SnakeInput):
    """Emails, each as for `POST /api/emails`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"emails": [_EXAMPLE]}]})

    emails: list[dict[str, JsonValue]] = Field(min_length=1, max_length=MOST_IN_A_BATCH)
    """Up to 500 emails; one that is not acceptable keeps no other out."""


class BatchError(SnakeAnswer):
    field: str
    """The field as it was named: `recipients[1]`."""
    message: str
    """What is wrong with it."""


class BatchResult(SnakeAnswer):
    index: int
    """Which of the emails it is about, from 0."""
    status: int
    """The HTTP status that it would have been answered alone: 202 when it is stored."""
    email_id: int | None = None
    """The email's number; null where it was not stored."""
    errors: tuple[BatchError, ...] = ()
    """What is wrong with it; empty where it was stored."""


class BatchStored(SnakeAnswer):
    http_status: ClassVar[int] = 207

    results: list[BatchResult]
    """One for each email, in their order."""


class RefusedRecipient(SnakeAnswer):
    address: str
    """Who was refused."""
    reply: str
    """What the mail server said."""


class StoredFile(SnakeAnswer):
    filename: str
    """The name that its reader sees."""
    content_type: str | None
    """Its media type; null where it is told from the file when the email is sent."""
    size: int
    """In bytes."""
    content_id: str | None
    """The name by which the HTML shows it; null for an attachment."""


class CameBack(SnakeAnswer):
    at: Timestamp
    """When it was read."""
    kind: Kind
    """What it says: `hard`, the address is a bad one; `soft` and `policy`, not delivered for
    another reason; `delayed`; `delivered`; `complaint`."""
    recipient: str | None
    """Whose address it is about."""
    code: int | None
    """The mail server's reply code (RFC 5321); null: it gives none."""
    enhanced_code: str | None
    """The enhanced status code (RFC 3463); null: it gives none."""
    reason: str | None
    """The mail server's words; null: it gives none."""
    suppressed: bool
    """Whether the address gets nothing for now because of it."""


class EmailDetails(SnakeAnswer):
    id: int
    """The email's number."""
    subject: str
    """Its subject; of an email with a code, a word in its place."""
    sender: str | None
    """The address that it is from; null where no active account answers for it."""
    sender_name: str | None
    """The name beside that address; null: none."""
    recipients: list[str]
    """Who it is to, as it was written."""
    cc: list[str]
    """Who gets a copy that everybody sees."""
    bcc: list[str]
    """Who gets a copy that nobody sees."""
    reply_to: str | None
    """Where answers go in place of the sender; null: to the sender."""
    status: Status
    """Where it stands."""
    priority: int
    """1 goes first, 5 last."""
    lane: Lane
    """Whether it waits for the interval and the window."""
    retry_count: int
    """How many of its tries have failed for the time being."""
    smtp_config: str | None
    """The name of the account that sends it, or the code that no account answers for; null:
    neither."""
    smtp_config_id: int | None
    """The number of that account; null where none answers for it."""
    created_at: Timestamp | None
    """When its row was made, as far as that is known."""
    updated_at: Timestamp | None
    """When something last became of it."""
    sent_at: Timestamp | None
    """When a mail server accepted it; null: none has."""
    send_at: Timestamp | None
    """It is not sent before this time; null: at once."""
    expires_at: Timestamp | None
    """It is given up if it could not be sent before this time; null: never."""
    next_attempt_at: Timestamp | None
    """When it is tried again; null: it may go now, or has ended."""
    content_removed_at: Timestamp | None
    """When body and files were removed after it had ended; null: they are there."""
    error_message: str | None
    """Why it failed, waits or is held, with the mail server's words; null: nothing went wrong."""
    reason: str | None
    """The same as `error_message`."""
    refused: list[RefusedRecipient]
    """The recipients that a mail server has refused for good; the others got it."""
    came_back: list[CameBack]
    """What was learned later from a mailbox for bounces, the first word first, up to 200."""
    attachments: list[StoredFile]
    """Its files in the attachment store; the document of its row is not among them."""
    message_id: str | None
    """Its Message-ID, the same on every try; null before the first."""
    tags: list[str]
    """The words that it was stored with."""
    origin: str | None
    """The way it came in: `api`, `key`, `contact`, `reset`, `command`; null for a row that an
    application inserted."""
    request_id: str | None
    """What the request that stored it is called in the log; null: none did."""


class EmailSummary(SnakeAnswer):
    id: int
    """The email's number."""
    subject: str
    """Its subject."""
    status: Status
    """Where it stands."""
    priority: int
    """1 goes first, 5 last."""
    retry_count: int
    """How many of its tries have failed for the time being."""
    created_at: Timestamp | None
    """When its row was made, as far as that is known."""


class ListedEmail(EmailSummary):
    reason: str | None
    """Why it failed, waits or is held; null: nothing went wrong."""


class EmailSummaries(RootModel[tuple[EmailSummary, ...]], Answer):
    """A list of emails, the latest first."""


class EmailPage(SnakeAnswer):
    items: list[ListedEmail]
    """The emails, the latest first."""
    next_cursor: str | None
    """To be given as `cursor` for the next page; null: this is the last."""


class Limit(SnakeInput):
    limit: QueryNumber = Field(50, ge=1, le=500)
    """How many emails at most."""


class EmailQuery(Limit):
    # The host leaves out what is empty, so an empty status is none.
    status: Literal[
        "", "queued", "sending", "retry", "sent", "failed", "unknown", "cancelled", "held"
    ] = ""
    """Only those that stand there; left out, all."""
    query: str = Field("", max_length=200)
    """Only those whose subject or recipients contain it."""
    cursor: Annotated[str, Field(pattern=CURSOR)] | None = None
    """`next_cursor` of the page before; left out, the first page."""


class AttemptMade(Answer):
    at: Timestamp
    """When it ended."""
    account: str | None
    """The code of the account that it went over; null where a dead sender left it unfinished."""
    outcome: str
    """What came of it."""
    code: int | None
    """The mail server's reply code (RFC 5321); null where it did not answer."""
    enhanced_code: str | None
    """Its enhanced status code (RFC 3463), such as 5.1.1; null: it gave none."""
    reply: str | None
    """Its words; null where it did not answer."""
    duration_ms: int | None
    """How long it took, in milliseconds; null where that is not known."""


class Attempts(Answer):
    items: list[AttemptMade]
    """The attempts, the first one first, up to 500."""


class Resolution(SnakeInput):
    decision: Literal["resend", "sent"]
    """`resend`: send it again to whoever may not have had it. `sent`: count it as sent."""


class EmailDecided(SnakeAnswer):
    message: str
    """The same in words."""
    email_id: int
    """The email's number."""
    status: Status
    """Where it stands now."""


def body_limit() -> int:
    """Room for all that may be attached, in base64, and for the email itself."""
    attached = application().settings.most_attached_mb * MEGABYTE
    return MOST_TEXT + -(-attached // 3) * 4


@routes.post("api/emails", who=Role.SERVICE, body_limit=body_limit, idempotent=True)
def store_email(request: Request[EmailToSend]) -> EmailStored:
    """Store an email; it is on its way within a second while the service runs."""
    submission = _submission(request, request.body)
    keep = answering(request.once, lambda ids: EmailStored(email_id=ids[0]))
    return EmailStored(email_id=store(application(), submission, keep))


@routes.post("api/emails/batch", who=Role.SERVICE, body_limit=body_limit, idempotent=True)
def store_batch(request: Request[Batch]) -> BatchStored:
    """Store up to 500 emails at once; each is answered for itself."""
    written = request.body.emails
    # Each is let go as soon as it is read: all of them twice would be too much.
    submissions = [_submission_or_error(request, written.pop(0)) for _ in range(len(written))]
    keep = answering(request.once, _batch_stored)
    return _batch_stored(store_each(application(), submissions, keep))


@routes.get("api/emails", who=Who.ANY_LOGIN)
def list_emails(request: Request[None, EmailQuery]) -> EmailPage:
    """List emails, the latest first; a page may be short, the last has no next_cursor."""
    query = request.query
    wish = Wish(
        Status(query.status) if query.status else None, query.query, _only_of(request.caller)
    )
    after = read_cursor(query.cursor)
    with application().database().read() as connection:
        page = search.page(connection, wish, after, query.limit)
    return EmailPage(
        items=[listed(email) for email in page.emails],
        next_cursor=write_cursor(page.after),
    )


@routes.get(f"api/emails/status/{{status:regex(^({'|'.join(Status)})$)}}", who=Who.ANY_LOGIN)
def emails_by_status(request: Request[None, Limit]) -> EmailSummaries:
    """List the latest emails in one status."""
    wish = Wish(Status(request.path["status"].lower()), stored_by=_only_of(request.caller))
    with application().database().read() as connection:
        page = search.page(connection, wish, None, request.query.limit)
    return EmailSummaries(tuple(summary(one) for one in page.emails))


@routes.get("api/emails/{id:int}", who=Who.ANY_LOGIN, errors={404})
def email_details(request: Request) -> EmailDetails:
    """Say all that is known of an email, but not what it says."""
    with application().database().read() as connection:
        email = search.find(connection, _number(request.path), _only_of(request.caller))
        sender = sender_of(connection, email.account_code)
        came_back = bounces_of(connection, email.id)
    return details(email, sender, came_back)


@routes.get("api/emails/{id:int}/attempts", who=Who.ANY_LOGIN, errors={404})
def email_attempts(request: Request) -> Attempts:
    """List the attempts at sending an email, with the mail server's own words."""
    with application().database().read() as connection:
        email = search.find(connection, _number(request.path), _only_of(request.caller))
        made = search.attempts_at(connection, email.id)
    return Attempts(items=[AttemptMade(**one._asdict()) for one in made])


@routes.post("api/emails/{id:int}/cancel", who=Role.OPERATOR, errors={404, 409})
def cancel_email(request: Request) -> EmailDecided:
    """Let a waiting email not be sent."""
    number, here = _number(request.path), application()
    here.database().run(lambda connection: cancel(connection, number))
    here.waker.tell()
    return EmailDecided(message="Email cancelled", email_id=number, status=Status.CANCELLED)


@routes.post("api/emails/{id:int}/retry", who=Role.OPERATOR, errors={404, 409})
def retry_email(request: Request) -> EmailDecided:
    """Try an email again that failed or was cancelled."""
    number, here = _number(request.path), application()
    here.database().run(lambda connection: try_again(connection, number))
    here.waker.wake()
    return EmailDecided(message="Email queued again", email_id=number, status=Status.QUEUED)


@routes.post("api/emails/{id:int}/resolve", who=Role.OPERATOR, errors={404, 409})
def resolve_email(request: Request[Resolution]) -> EmailDecided:
    """Decide about an email whose outcome is unknown: send it again, or count it as sent."""
    number, here = _number(request.path), application()
    decision = Decision(request.body.decision)
    here.database().run(lambda connection: resolve(connection, number, decision))
    here.waker.wake()
    with here.database().read() as connection:
        status = search.find(connection, number).status
    return EmailDecided(message="Email resolved", email_id=number, status=status)


def _submission_or_error(
    request: Request[Batch], written: dict[str, JsonValue]
) -> Submission | ApiError:
    try:
        return _submission(request, parse_body(EmailToSend, {}, to_json(written)))
    except ApiError as error:
        return error


def _batch_stored(stored: list[Stored]) -> BatchStored:
    return BatchStored(results=[_batch_result(*one) for one in enumerate(stored)])


def _batch_result(index: int, stored: Stored) -> BatchResult:
    if isinstance(stored, int):
        return BatchResult(index=index, status=202, email_id=stored)
    failure = as_api_error(stored)
    errors = tuple(BatchError(field=one.field, message=one.message) for one in failure.errors)
    return BatchResult(
        index=index,
        status=failure.status,
        errors=errors or (BatchError(field="$", message=failure.message),),
    )


def _submission(request: Request[Any], email: EmailToSend) -> Submission:
    return Submission(
        recipients=email.recipients,
        cc=email.cc,
        bcc=email.bcc,
        subject=email.subject,
        template=email.template,
        variables=email.variables,
        html=email.html_content,
        text=email.text_content,
        account=_account(request.caller, email.smtp_config_id),
        reply_to=email.reply_to,
        headers=email.headers,
        priority=email.priority,
        lane=email.lane,
        send_at=email.send_at,
        expires_at=email.expires_at,
        tags=email.tags,
        attachments=[_upload(one) for one in email.attachments],
        unsubscribe=list_named(email.unsubscribe),
        origin=Origin.API,
        stored_by=request.caller.identity,
        request_id=request.id,
    )


def _upload(file: AttachedFile) -> Upload:
    return Upload(file.filename, [file.content_base64], file.content_type, file.content_id)


def _account(caller: Caller, wanted: int | None) -> int | None:
    """The account to send with: a key has its own. Raises ApiError 422 for another one."""
    if caller.key is None:
        return wanted
    if wanted not in (None, caller.key.account_id):
        message = "Your key sends over its own account only: leave smtp_config_id out."
        raise ApiError(
            422, "validation_failed", message, errors=(FieldError("smtp_config_id", message),)
        )
    return caller.key.account_id


def _only_of(caller: Caller) -> str | None:
    """Whose emails the caller may see; None: all."""
    return caller.identity if caller.role is Role.SERVICE else None


def _number(path: Mapping[str, str]) -> int:
    return int(path["id"])


def summary(email: StoredEmail) -> EmailSummary:
    """The email as a line of a list."""
    return EmailSummary(
        id=email.id,
        subject=email.subject,
        status=email.status,
        priority=email.priority,
        retry_count=email.retries,
        created_at=email.created_at,
    )


def listed(email: StoredEmail) -> ListedEmail:
    """The same, with why it failed, waits or is held."""
    return ListedEmail(**dict(summary(email)), reason=email.reason)


def details(email: StoredEmail, sender: Sender | None, came_back: Sequence[Bounce]) -> EmailDetails:
    """All that is known of the email."""
    to, cc, bcc = email.mailboxes()
    times = (email.created_at, email.last_retry_at, email.sent_at, email.ended_at)
    return EmailDetails(
        id=email.id,
        subject=email.subject,
        sender=sender.mailbox.address if sender else None,
        sender_name=sender.mailbox.name or None if sender else None,
        recipients=to,
        cc=cc,
        bcc=bcc,
        reply_to=email.reply_to,
        status=email.status,
        priority=email.priority,
        lane=email.lane,
        retry_count=email.retries,
        smtp_config=sender.account_name if sender else email.account_code,
        smtp_config_id=sender.account_id if sender else None,
        created_at=email.created_at,
        updated_at=max([time for time in times if time is not None], default=None),
        sent_at=email.sent_at,
        send_at=email.send_at,
        expires_at=email.expires_at,
        next_attempt_at=email.next_attempt_at,
        content_removed_at=email.emptied_at,
        error_message=email.reason,
        reason=email.reason,
        refused=[
            RefusedRecipient(address=one.address, reply=one.reply or "") for one in email.refused
        ],
        came_back=[
            CameBack(
                at=bounce.at,
                kind=bounce.kind,
                recipient=bounce.recipient,
                code=bounce.code,
                enhanced_code=bounce.enhanced_code,
                reason=bounce.reason,
                suppressed=bounce.done is Done.SUPPRESSED,
            )
            for bounce in came_back
        ],
        attachments=[
            StoredFile(
                filename=one.filename,
                content_type=one.content_type,
                size=one.size,
                content_id=one.content_id,
            )
            for one in email.attachments
        ],
        message_id=email.message_id,
        tags=list(email.tags),
        origin=email.origin,
        request_id=email.request_id,
    )
