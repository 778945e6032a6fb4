"""Send an email with a key, ask what became of it, and see the log of such requests."""

from __future__ import annotations

import uuid
from typing import ClassVar, Literal

from pydantic import Field

from functions.emails import Line
from shared.accounts.errors import AccountNotFound
from shared.api.admission import Who
from shared.api.csv_table import csv_table
from shared.api.endpoint import Request, Routes
from shared.api.errors import ApiError
from shared.api.idempotency import answering
from shared.api.models import (
    Answer,
    EmailAddress,
    File,
    Input,
    KeyedInput,
    QueryNumber,
    SnakeAnswer,
    Timestamp,
    example,
)
from shared.app import application
from shared.features.keyed_sending import keyed_sending
from shared.features.keyed_sending.keyed_sending import KeyedEmail
from shared.outbox.queries import requests
from shared.outbox.queries.requests import LoggedRequest, Wish
from shared.security.roles import Role
from shared.submissions.store import Afterwards

routes = Routes({"request_id": "What POST `/send-email` has answered."})

_EXAMPLE_ID = "0b5c1a52-5f0e-4a4e-9d5e-3a8f5f1f8f0b"
_EXAMPLE_ENTRY = {
    "id": _EXAMPLE_ID,
    "sender": "example@gmail.com",
    "recipient": "user@example.com",
    "date": "2026-11-21T16:14:34.000Z",
    "status": "sent",
}


class KeyedEmailToSend(KeyedInput):
    model_config = example(
        subject="Welcome to Our Service",
        recipient="user@example.com",
        body="<h1>Hello!</h1> Thanks for joining us.",
        is_html=True,
        key="user1_key",
    )

    subject: Line = Field(min_length=1, max_length=500)
    """The subject, in one line."""
    recipient: EmailAddress
    """Who it is to, one address."""
    body: str = Field(min_length=1, repr=False)
    """What it says."""
    is_html: bool = False
    """Whether the body is HTML."""


class EmailTaken(SnakeAnswer):
    model_config = example(message="Email request is being processed", request_id=_EXAMPLE_ID)

    http_status: ClassVar[int] = 202

    message: str = "Email request is being processed"
    """The same in words."""
    request_id: str
    """The number of the request, to ask what became of it."""


class EmailStatus(SnakeAnswer):
    model_config = example(request_id=_EXAMPLE_ID, status="sent")

    request_id: str
    """The number of the request."""
    status: str
    """`queued`, `sending`, `sent`, or `failed` with the reply code and its class: `failed (550
    5.1.1 permanent)`."""


class SendLogEntry(Answer):
    model_config = example(**_EXAMPLE_ENTRY)

    id: str
    """The number of the request."""
    sender: str
    """The address that the email is from."""
    recipient: str
    """Who it is to."""
    date: Timestamp | None
    """When it was sent, or else stored; null where that is not known."""
    status: str
    """What became of it, in the words of GET `/email-status/{request_id}`."""


class SendLog(SnakeAnswer):
    model_config = example(items=[_EXAMPLE_ENTRY], next_cursor=None)

    items: list[SendLogEntry]
    """The requests, the latest first."""
    next_cursor: str | None
    """To be given as `cursor` for the next page; null: this is the last."""


class SendLogFile(File):
    media_types: ClassVar[tuple[str, ...]] = ("text/csv",)


class SendLogQuery(Input):
    status: Literal["", "queued", "sending", "sent", "failed"] = ""
    """Only those that stand there; left out, all."""
    query: str = Field("", max_length=200)
    """Only those whose recipient contains it."""
    format: Literal["json", "csv"] = "json"
    """JSON, or CSV as a file with a header line."""
    limit: QueryNumber = Field(1_000, ge=1, le=10_000)
    """How many requests at most."""
    cursor: str | None = Field(None, pattern=r"^[0-9]{1,9}$")
    """`next_cursor` of the page before (of CSV: the header X-Next-Cursor); left out, the first
    page."""


@routes.post("send-email", who=Who.KEY_IN_BODY, errors={409}, idempotent=True)
def send_email(request: Request[KeyedEmailToSend]) -> EmailTaken:
    """Send an email over the account of the key in the body, at once and at any hour."""
    wanted, key = request.body, request.caller.key
    assert key, "nobody is let in here without a key"
    email = KeyedEmail(wanted.recipient, wanted.subject, wanted.body, wanted.is_html)

    def keep(request_id: str) -> Afterwards[int] | None:
        return answering(request.once, lambda _: EmailTaken(request_id=request_id))

    try:
        return EmailTaken(request_id=keyed_sending.submit(application(), key, email, keep))
    except AccountNotFound:
        raise ApiError(
            409,
            "account_gone",
            "The account of this key is gone: ask your administrator for another key.",
        ) from None


@routes.get("email-status/{request_id:guid}", who=Who.ANYONE, errors={404})
def email_status(request: Request) -> EmailStatus:
    """Say what became of an email, to whoever has the number of its request.

    One of queued, sending, sent, and failed with the mail server's reply code and its class.
    """
    request_id = _guid(request.path["request_id"])
    with application().database().read() as connection:
        status = requests.find(connection, request_id)
    if status is None:
        raise _no_such_request()
    return EmailStatus(request_id=request_id, status=status)


@routes.get("api/send-log", who=Role.VIEWER)
def send_log(request: Request[None, SendLogQuery]) -> SendLog | SendLogFile:
    """List the requests of keyed sending, the latest first, as JSON or as CSV.

    Of CSV the next page's cursor is in the header X-Next-Cursor. A page that is filtered may be
    short; the last has no cursor.
    """
    query = request.query
    found = logged(query)
    if query.format == "csv":
        return send_log_file(found)
    further = None if found.after is None else str(found.after)
    return SendLog(items=[_entry(one) for one in found.requests], next_cursor=further)


def logged(query: SendLogQuery) -> requests.Page:
    """The part of the log that is asked for."""
    before = None if query.cursor is None else int(query.cursor)
    wish = Wish(query.query, query.status or None)
    with application().database().read() as connection:
        return requests.page(connection, before, query.limit, wish)


def send_log_file(found: requests.Page) -> SendLogFile:
    """A part of the log as CSV."""
    cells = [_entry(one).model_dump(mode="json") for one in found.requests]
    file = SendLogFile(
        content=csv_table(
            tuple(SendLogEntry.model_fields),
            [tuple(value or "" for value in row.values()) for row in cells],
        ),
        content_type="text/csv",
    )
    headers = {"Content-Disposition": 'attachment; filename="send-log.csv"'}
    further = {} if found.after is None else {"X-Next-Cursor": str(found.after)}
    return file.with_headers(headers | further)


def _entry(one: LoggedRequest) -> SendLogEntry:
    return SendLogEntry(
        id=one.id, sender=one.sender, recipient=one.recipient, date=one.date, status=one.status
    )


def _guid(text: str) -> str:
    """The number as it was given out: the host takes other ways to write a GUID as well."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise _no_such_request() from None


def _no_such_request() -> ApiError:
    return ApiError(
        404,
        "request_not_found",
        "There is no such request: check the request_id that POST /send-email has answered.",
    )
