"""Database Mail: send with the parameters of sp_send_dbmail, and see what became of it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from shared.api.admission import Who
from shared.api.caller import Caller
from shared.api.endpoint import Request, Routes
from shared.api.errors import ApiError
from shared.api.idempotency import answering
from shared.api.models import QueryNumber, SnakeAnswer, SnakeInput, Timestamp, example
from shared.app import application
from shared.features.database_mail import event_log, items, send
from shared.features.database_mail.call import Call
from shared.features.database_mail.event_log import Place
from shared.features.database_mail.profiles import PUBLIC, caller_principal
from shared.features.database_mail.profiles import Who as Principals
from shared.features.database_mail.query_result import Column, Format, QueryResult
from shared.security.roles import Role, includes

routes = Routes()

_EXAMPLE = {
    "profile_name": "Alerts",
    "recipients": "ann@example.com; bob@example.com",
    "subject": "Nightly load",
    "body": "Step 2 failed.",
    "importance": "High",
}


Bit = Annotated[
    bool,
    BeforeValidator(lambda value: bool(value) if value in (0, 1) else value),
    WithJsonSchema({"type": ["boolean", "integer"], "minimum": 0, "maximum": 1}),
]
"""True or false, or 1 or 0, as the procedure takes it."""


class ResultColumn(SnakeInput):
    """A column of a query's result."""

    name: str = Field(max_length=128)
    """Its name, as the header shows it; empty for none."""
    type: str = Field("nvarchar(256)", max_length=60)
    """Its type as T-SQL writes it: how wide it is in a result as text, and on which side values
    stand."""


Value = Annotated[str, Field(max_length=1_000_000)] | int | float | bool | None


class Result(SnakeInput):
    """What a query came to, which the caller has run."""

    columns: list[ResultColumn] = Field(min_length=1, max_length=1_024)
    """Its columns, in their order."""
    rows: list[list[Value]] = Field(max_length=100_000)
    """Its rows: as many values as there are columns, null for NULL."""


class Mail(SnakeInput):
    """The parameters of sp_send_dbmail by their names, and two of ours."""

    model_config = example(**_EXAMPLE)

    profile_name: str | None = Field(None, max_length=128)
    """The mail profile that sends it; left out, the caller's own default, else the public one."""
    recipients: str | None = Field(None, max_length=100_000)
    """Addresses, parted by semicolons. Of this and the two copies one at least is needed."""
    copy_recipients: str | None = Field(None, max_length=100_000)
    """Addresses that get a copy, parted by semicolons."""
    blind_copy_recipients: str | None = Field(None, max_length=100_000)
    """Addresses that get a copy and that nobody sees, parted by semicolons."""
    subject: str | None = Field(None, max_length=255)
    """The subject; left out or empty, `SQL Server Message`."""
    body: str | None = Field(None, repr=False)
    """What it says."""
    body_format: str | None = Field(None, max_length=20)
    """TEXT, which it is when left out, or HTML."""
    importance: str | None = Field("NORMAL", max_length=6)
    """Low, Normal or High, as its header says it."""
    sensitivity: str | None = Field("NORMAL", max_length=12)
    """Normal, Personal, Private or Confidential, as its header says it."""
    file_attachments: str | None = Field(None, max_length=100_000)
    """Refused with 22051: nothing here reads files by their paths. `POST /api/emails` takes
    files."""
    query: str | None = Field(None, repr=False)
    """Refused with 22050 unless `query_result` says what it came to: nothing here runs a query,
    since callers of the API have no rights in the database."""
    execute_query_database: str | None = Field(None, max_length=128)
    """Taken, and of no effect."""
    attach_query_result_as_file: Bit | None = False
    """Whether the result is attached; otherwise it follows the body."""
    query_attachment_filename: str | None = Field(None, max_length=260)
    """The name of that file; left out, one is made."""
    query_result_header: Bit | None = True
    """Whether the result begins with the names of its columns."""
    query_result_width: int | None = 256
    """How long a line of a result as text may be, from 10 to 32767 characters: longer ones go on
    in the next line."""
    query_result_separator: str | None = Field(" ", max_length=10)
    """What stands between two columns: its first character. A space is a comma in CSV."""
    exclude_query_output: Bit | None = False
    """Taken, and of no effect: there is no console to print to."""
    append_query_error: Bit | None = False
    """Taken, and of no effect: nothing here runs a query."""
    query_no_truncate: Bit | None = False
    """Whether values of types without a length stay whole in a result as text, which then has no
    header."""
    query_result_no_padding: Bit | None = False
    """Whether a result as text leaves trailing spaces out."""
    from_address: str | None = Field(None, max_length=500)
    """Who it is from, in place of the account."""
    reply_to: str | None = Field(None, max_length=500)
    """Where answers go, in place of what the account says."""
    query_result: Result | None = Field(None, repr=False)
    """What the query came to, as the caller has run it. Beyond sp_send_dbmail."""
    query_result_format: Literal["TEXT", "CSV", "HTML"] = "TEXT"
    """What the result becomes: text as sqlcmd lays it out, CSV (RFC 4180), or a table in HTML.
    Beyond sp_send_dbmail."""


class MailQueued(SnakeAnswer):
    model_config = example(mailitem_id=17)

    http_status: ClassVar[int] = 202

    mailitem_id: int
    """The email's number, in the queue and everywhere else, too."""


class MailItem(SnakeAnswer):
    mailitem_id: int
    """The email's number."""
    profile_id: int
    """The number of the profile that sends it."""
    recipients: str | None
    """To whom, as the call said it."""
    copy_recipients: str | None
    """Who gets a copy."""
    blind_copy_recipients: str | None
    """Who gets a copy that nobody sees."""
    subject: str | None
    """Its subject."""
    body_format: str | None
    """TEXT or HTML."""
    importance: str | None
    """LOW, NORMAL or HIGH."""
    sensitivity: str | None
    """NORMAL, PERSONAL, PRIVATE or CONFIDENTIAL."""
    from_address: str | None
    """Who it is from, where the call said so."""
    reply_to: str | None
    """Where answers go, where the call said so."""
    query: str | None
    """The query whose result it carries; null once contents have been removed."""
    send_request_date: Timestamp
    """When it was asked for."""
    send_request_user: str
    """Who asked for it."""
    sent_account_id: int | None
    """The number of the account that sent it."""
    sent_status: Literal["unsent", "sent", "failed", "retrying", "unknown"]
    """What became of it; `unknown`: it may have arrived or not, and somebody has to decide."""
    sent_date: Timestamp | None
    """When it was sent or given up."""
    explanation: str
    """The same in a sentence, with the mail server's last words or the reason."""


class MailItems(SnakeAnswer):
    items: list[MailItem]
    """The emails, the latest first."""
    next_cursor: str | None
    """To be given as `cursor` for the next page; null: this is the last."""


class ItemQuery(SnakeInput):
    limit: QueryNumber = Field(50, ge=1, le=500)
    """How many at most."""
    cursor: str = Field("", pattern=r"^[0-9]{0,9}$")
    """`next_cursor` of the page before; left out, the first page."""


class LoggedEvent(SnakeAnswer):
    log_id: int
    """The number of the event."""
    event_type: Literal["success", "information", "warning", "error"]
    """What kind of event it is."""
    log_date: Timestamp
    """When it was."""
    description: str
    """What happened."""
    process_id: int | None
    """The session of the database that it comes from, where it is one's."""
    mailitem_id: int | None
    """The number of the email that it is about."""
    account_id: int | None
    """The number of the account that it is about."""


class EventLog(SnakeAnswer):
    items: list[LoggedEvent]
    """The events, the latest first: those that LoggingLevel shows."""
    next_cursor: str | None
    """To be given as `cursor` for the next page, which may be short; null: this is the last."""


class EventQuery(SnakeInput):
    limit: QueryNumber = Field(50, ge=1, le=500)
    """How many at most."""
    cursor: str = Field("", pattern=r"^([0-9]{0,9}-[0-9]{0,9})?$")
    """`next_cursor` of the page before; left out, the first page."""


@routes.post("api/database-mail/send", who=Role.SERVICE, idempotent=True)
def send_mail(request: Request[Mail]) -> MailQueued:
    """Send an email with the parameters of sp_send_dbmail, over a mail profile.

    What is wrong is answered with 422 and the `number` of the message that callers of the
    procedure know, in the procedure's order of checks.
    """
    caller = request.caller
    mailitem_id = send.submit(
        application(),
        _call(request.body),
        _principals(caller),
        caller.identity,
        lambda: answering(request.once, lambda ids: MailQueued(mailitem_id=ids[0])),
    )
    return MailQueued(mailitem_id=mailitem_id)


@routes.get("api/database-mail/items", who=Who.ANY_LOGIN)
def mail_items(request: Request[None, ItemQuery]) -> MailItems:
    """List the emails of Database Mail, as sysmail_allitems does: a service its own."""
    query = request.query
    with application().database().read() as connection:
        found = items.items(
            connection,
            int(query.cursor) if query.cursor else None,
            query.limit + 1,
            _only_of(request.caller),
        )
    more = len(found) > query.limit
    return MailItems(
        items=[
            MailItem(**{name: getattr(one, name) for name in MailItem.model_fields})
            for one in found[: query.limit]
        ],
        next_cursor=str(found[query.limit - 1].id) if more else None,
    )


@routes.get("api/database-mail/event-log", who=Who.ANY_LOGIN)
def mail_events(request: Request[None, EventQuery]) -> EventLog:
    """List the events of Database Mail, as sysmail_event_log does: a service those of its own."""
    tries, _, others = request.query.cursor.partition("-")
    place = Place(int(tries) if tries else None, int(others) if others else None)
    with application().database().read() as connection:
        found = event_log.page(connection, place, request.query.limit, _only_of(request.caller))
    return EventLog(
        items=[LoggedEvent(**event._asdict()) for event in found.events],
        next_cursor=None
        if found.after is None
        else "-".join("" if each is None else str(each) for each in found.after),
    )


def _call(mail: Mail) -> Call:
    fields = {name: getattr(mail, name) for name in Mail.model_fields}
    fields["query_result"] = None if mail.query_result is None else _result(mail.query_result)
    return Call(**fields | {"query_result_format": Format(mail.query_result_format)})


def _result(given: Result) -> QueryResult:
    columns = [Column(column.name, column.type) for column in given.columns]
    for number, row in enumerate(given.rows):
        if len(row) != len(columns):
            raise ApiError(
                422,
                "validation_failed",
                f"Row {number} of query_result has {len(row)} values, and there are "
                f"{len(columns)} columns.",
            )
    return QueryResult(columns, [[_text(value) for value in row] for row in given.rows])


def _text(value: Value) -> str | None:
    if isinstance(value, bool):
        return "1" if value else "0"
    return None if value is None else str(value)


def _principals(caller: Caller) -> Principals:
    """A key is bound to its account: of profiles it may use those that it was given itself."""
    own = caller_principal(caller.identity)
    if caller.key is not None:
        return Principals((own,))
    is_operator = caller.role is not None and includes(caller.role, Role.OPERATOR)
    return Principals((own, PUBLIC), any_profile=is_operator)


def _only_of(caller: Caller) -> str | None:
    """Whose emails the caller may see; None: all."""
    return caller.identity if caller.role is Role.SERVICE else None
