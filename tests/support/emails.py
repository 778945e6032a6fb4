"""Emails in any state, and what became of them.

The one place where tests outside of the queue's own know how that is kept. A test says what
happened to an email and asks what is known of it. The steps are the product's own; columns are
written only where no step of it would do: to let time pass, and to have very many emails at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, func, insert, literal, select, text, update

from shared.database.columns.times import in_days, utc_now
from shared.database.database import Database
from shared.database.tables import confidential, emails, entries, operations, options
from shared.maintenance.rescue import rescue
from shared.outbox.add import NewEmail, add
from shared.outbox.admission.admit import admit_one
from shared.outbox.cancel_retry_resolve import cancel
from shared.outbox.confidential import CONFIDENTIAL
from shared.outbox.entries import current_entry, current_number
from shared.outbox.rows.write_back import write_all_back
from shared.outbox.sending.begin import Mark, mark
from shared.outbox.sending.claim import Wanted, claim_one
from shared.outbox.sending.fetch import ClaimedEmail, collect, yes_or_no
from shared.outbox.sending.finish import Outcome, Result, finish
from shared.outbox.sending.lease import Lease
from shared.outbox.states import BOTH_LANES, Flag
from shared.scheduling import service_state
from tests.support.accounts import answered_by

LEASE = Lease("e5e5e5e5-0000-4000-8000-000000000000", 3600)
"""Of a test's own sender."""
ACCOUNT = "SHOP"
REFUSED = "550 5.1.1 no such user"

APPLICATION_COLUMNS = {
    "dd_srno",
    "dd_document",
    "dd_filename",
    "dd_toEmailid",
    "dd_ccEmailid",
    "dd_subject",
    "dd_bodyText",
    "dd_EmailParamCode",
    "dd_bccEmailid",
    "dd_Priority",
    "dd_Lane",
    "dd_SendAt",
    "dd_ExpiresAt",
    "dd_IsHtml",
    "dd_TextAlternative",
    "dd_CreatedDate",
    "dd_ReplyTo",
    "dd_Headers",
    "dd_Tags",
    "dd_RequestId",
    "dd_Sender",
}
"""What an application writes: the seed's content columns, and those that carry options."""
_PLAIN = {"dd_toEmailid": "ann@example.com", "dd_subject": "Hello", "dd_bodyText": "Hi Ann"}


# What becomes of an email.


@dataclass(frozen=True, slots=True, kw_only=True)
class Became:
    """What is known of an email: where it stands, what came of it, what it says, what it asks for.

    Times are aware; `lane` and `priority` are as they were asked for.
    """

    id: int
    state: Flag
    reason: str
    """Empty where nothing was said."""
    retries: int | None
    next_attempt_at: datetime | None
    leased_until: datetime | None
    message_id: str
    """Empty before its first claim."""
    sent_at: datetime | None
    ended_at: datetime | None
    emptied_at: datetime | None
    origin: str | None
    stored_by: str | None
    request_id: str | None
    attachment_count: int | None
    account_code: str | None
    to: str | None
    cc: str | None
    bcc: str | None
    reply_to: str | None
    subject: str | None
    body: str | None
    text_alternative: str | None
    is_html: int | None
    filename: str | None
    document: bytes | None
    headers: str | None
    lane: str | None
    priority: int | None
    send_at: datetime | None
    expires_at: datetime | None

    @property
    def wording(self) -> str:
        """All that it says to whoever reads it."""
        return f"{self.subject or ''}\n{self.body or ''}\n{self.text_alternative or ''}"


def became(database: Database, email_id: int) -> Became:
    """What is known of this email now."""
    with database.read() as connection:
        return _became(connection.execute(_ALL.where(emails.c.dd_srno == email_id)).one())


def all_emails(database: Database) -> list[Became]:
    """What is known of every email, in the order of their numbers."""
    with database.read() as connection:
        return [_became(row) for row in connection.execute(_ALL.order_by(emails.c.dd_srno))]


def states(database: Database, ids: Sequence[int] | None = None) -> str:
    """Where these emails stand (None: all), one letter each, in the order of their numbers.

    Of a row that is none of Rowpost's, the letter that stands in it.
    """
    question = select(_STATE).select_from(_with_entry).order_by(emails.c.dd_srno)
    if ids is not None:
        question = question.where(emails.c.dd_srno.in_(list(ids)))
    with database.read() as connection:
        return "".join(str(letter) for letter in connection.scalars(question))


def all_that_is_kept(database: Database) -> str:
    """Every column of every email as one text, to look for what must not be there."""
    tables = (emails, entries, options, confidential)
    with database.read() as connection:
        return repr([connection.execute(select(table)).all() for table in tables])


class Seen(NamedTuple):
    """What an application can read of its email, in the seed's columns."""

    letter: str
    sent_at: datetime | None
    reason: str | None
    retries: int | None


def seen_by_the_application(database: Database, email_id: int) -> Seen:
    """The row of an email that has ended, or was tried, as its application reads it when its row
    has been told."""
    write_all_back(database, 10)
    question = select(
        emails.c.dd_SendFlag,
        emails.c.dd_SentDate,
        emails.c.dd_BounceReason,
        emails.c.dd_RetryCount,
    ).where(emails.c.dd_srno == email_id)
    with database.read() as connection:
        return Seen(*connection.execute(question).one())


# Emails that wait.


def waiting_email(database: Database, **columns: Any) -> int:
    """An email as an application inserts it, by SQL with a column list; its number."""
    (email_id,) = waiting_emails(database, 1, **columns)
    return email_id


def waiting_emails(database: Database, number: int, **columns: Any) -> list[int]:
    """So many equal ones; their numbers in order."""
    with database.write() as connection:
        return [_inserted(connection, columns) for _ in range(number)]


def stored_email(database: Database, **fields: Any) -> int:
    """An email as Rowpost itself stores it, with these fields of a NewEmail; its number."""
    needed = {"to": "ann@example.com", "subject": "Hello", "body": "Hi Ann"}
    return database.run(lambda connection: add(connection, NewEmail(**needed | fields)))


def foreign_row(database: Database, letter: str | None, **columns: Any) -> int:
    """A row that another program put there with a letter of its own, and Rowpost never saw."""
    with database.write() as connection:
        return _inserted(connection, columns, dd_SendFlag=letter)


def overwrite(database: Database, email_id: int, letter: str | None, **columns: Any) -> None:
    """Another program writes its letter, and these columns, into an email's row."""
    _require(columns)
    changed = update(emails).where(emails.c.dd_srno == email_id)
    with database.write() as connection:
        connection.execute(changed.values(columns | {"dd_SendFlag": letter}))


# Emails on their way, and at its end.


def email_in(database: Database, state: Flag | str, *, lease: Lease = LEASE, **columns: Any) -> int:
    """An email of an application that stands so; its number. Nobody sees it on its way there."""
    with database.write() as connection:
        email_id = _inserted(connection, columns)
        _bring(connection, email_id, Flag(state), lease)
        return email_id


def bring(database: Database, email_id: int, state: Flag | str, *, lease: Lease = LEASE) -> None:
    """Take a waiting email to this state, by the steps of its sender or by a decision.

    P, T and U are under the lease. F was refused for good, C was cancelled.
    """
    with database.write() as connection:
        _bring(connection, email_id, Flag(state), lease)


def attempt(database: Database, email_id: int, outcome: Outcome, **result: Any) -> None:
    """A sender tries the waiting email, and this comes of it; `result` is of a Result's fields."""
    with database.write() as connection:
        _attempt(connection, email_id, outcome, LEASE, result)


def ended_while_stopped(
    database: Database, outcome: Outcome, columns: Mapping[str, Any], **result: Any
) -> int:
    """An email that was tried once with this end, in a queue whose service is stopped; its number.
    Nobody sees the service run meanwhile."""
    with database.write() as connection:
        service_state.start(connection, "a test")
        email_id = _inserted(connection, dict(columns))
        _attempt(connection, email_id, outcome, LEASE, result)
        service_state.stop(connection, "a test")
        return email_id


def kill_its_sender(database: Database, email_id: int, times: int = 1) -> None:
    """So often the waiting email is claimed, its sender dies while preparing it, it is rescued."""
    for _ in range(times):
        with database.write() as connection:
            _claim(connection, email_id, Lease.new(-1))
            rescue(connection)


def many_emails(
    database: Database,
    number: int,
    state: Flag | str = Flag.WAITING,
    *,
    retries: int = 0,
    undated: int = 0,
) -> None:
    """So many emails in this state at once, stored a second apart and ended three a second.

    Of the first `undated` ones nobody knows when they ended. For SQLite.
    """
    ended = Flag(state) in (Flag.SENT, Flag.FAILED, Flag.CANCELLED)
    values = {"number": number, "letter": str(state), "retries": retries}
    with database.write() as connection:
        connection.execute(_MANY_ROWS, values)
        connection.execute(_MANY_ENTRIES, values | {"undated": undated if ended else number})


def admitted(database: Database, email_id: int) -> None:
    """The waiting email is in the ledger, whatever account it names."""
    with database.write() as connection:
        _admit(connection, email_id)


# Time passes.


def let_leases_run_out(database: Database) -> None:
    """Every lease ended a second ago, by the database's clock."""
    _move(database, "LeaseUntil")


def let_retries_come_due(database: Database) -> None:
    """Every email that waits for a time has waited long enough, by the database's clock."""
    _move(database, "NotBefore")


def let_operations_be_asked(database: Database) -> None:
    """Every mail service may be asked now what became of what is unknown."""
    with database.write() as connection:
        due = update(operations).where(operations.c.AskAfter.is_not(None))
        connection.execute(due.values(AskAfter=utc_now(literal(-1.0))))


def expire_in(database: Database, email_id: int, seconds: float) -> None:
    """The email is of no use any more so many seconds from now, or has been for so long (< 0)."""
    _change(database, email_id, {"ExpiresAt": utc_now(literal(float(seconds)))})


def date_its_end(database: Database, email_id: int, days_ago: float) -> None:
    """The date of the email's end is so many days back, whether it has ended or not; its row has
    been told."""
    write_all_back(database, 10)
    _change(database, email_id, {"EndedAt": in_days(literal(-float(days_ago)))})


_NUMBERS = (
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :number) "
)
_MANY_ROWS = text(
    f"{_NUMBERS} INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_subject, dd_bodyText, "
    "dd_SendFlag, dd_RetryCount, dd_CreatedDate) "
    "SELECT 'ann' || n || '@example.com', 'Hello ' || n, 'Hi', "
    "CASE WHEN :letter IN ('N', 'T') THEN 'P' ELSE :letter END, :retries, "
    "strftime('%Y-%m-%d %H:%M:%f', '2026-01-01', n || ' seconds') FROM numbers"
)
_MANY_ENTRIES = text(
    "INSERT INTO Rowpost_Emails (EmailId, State, Lane, Priority, Retries, CreatedAt, RowCreatedAt, "
    "DueSince, EndedAt) SELECT dd_srno, :letter, 'scheduled', 3, :retries, dd_CreatedDate, "
    "dd_CreatedDate, dd_CreatedDate, CASE WHEN dd_srno > :undated "
    "THEN strftime('%Y-%m-%d %H:%M:%f', '2026-02-01', (dd_srno / 3) || ' seconds') END "
    "FROM Digital_Emaildetails WHERE dd_srno NOT IN (SELECT EmailId FROM Rowpost_Emails)"
)


def _inserted(connection: Connection, columns: dict[str, Any], **own: Any) -> int:
    _require(columns)
    key = connection.execute(insert(emails), _PLAIN | columns | own).inserted_primary_key
    assert key is not None
    return int(key[0])


def _require(columns: Iterable[str]) -> None:
    own = set(columns) - APPLICATION_COLUMNS
    assert not own, f"an application does not write {', '.join(sorted(own))}"


def _bring(connection: Connection, email_id: int, state: Flag, lease: Lease) -> None:
    match state:
        case Flag.WAITING:
            _admit(connection, email_id)
        case Flag.CANCELLED:
            _admit(connection, email_id)
            cancel(connection, email_id)
        case Flag.PREPARING:
            _claim(connection, email_id, lease)
        case Flag.TRANSMITTING:
            _claim(connection, email_id, lease)
            _mark(connection, email_id, lease)
        case Flag.SENT:
            _attempt(connection, email_id, Outcome.SENT, lease, {})
        case Flag.UNKNOWN:
            _attempt(connection, email_id, Outcome.UNKNOWN, lease, {})
        case Flag.FAILED:
            _attempt(connection, email_id, Outcome.FAILED, lease, {"reason": REFUSED})


def _attempt(
    connection: Connection,
    email_id: int,
    outcome: Outcome,
    lease: Lease,
    result: Mapping[str, Any],
) -> None:
    _claim(connection, email_id, lease)
    if outcome in (Outcome.SENT, Outcome.UNKNOWN):
        _mark(connection, email_id, lease)
    number = current_number(connection, email_id)
    finished = finish(connection, [Result(number, outcome, ACCOUNT, **result)], lease)
    assert finished == {number}


def _claim(connection: Connection, email_id: int, lease: Lease) -> None:
    code = _admit(connection, email_id)
    wanted = Wanted((code,), BOTH_LANES, 1, "mail.example.com")
    claimed = claim_one(connection, wanted, lease, email_id)
    assert claimed == [current_number(connection, email_id)], (
        "it does not wait, or the service is stopped"
    )


def _admit(connection: Connection, email_id: int) -> str | None:
    """Its account code; an email that was not admitted yet is, now, whatever that is."""
    code = connection.scalar(select(emails.c.dd_EmailParamCode).where(emails.c.dd_srno == email_id))
    if current_entry(connection, email_id) is None:
        assert admit_one(connection, answered_by([None, code]), email_id)
    return code or None


def _mark(connection: Connection, email_id: int, lease: Lease) -> None:
    number = current_number(connection, email_id)
    (email,) = collect(connection, [number], lease)
    assert isinstance(email, ClaimedEmail)
    assert mark(connection, [Mark(number, email.fingerprint)], lease) == {number}


def _change(database: Database, email_id: int, columns: Mapping[str, Any]) -> None:
    """Of its entry; an email that was not admitted yet is, now."""
    with database.write() as connection:
        _admit(connection, email_id)
        connection.execute(update(entries).where(entries.c.EmailId == email_id).values(columns))


def _move(database: Database, column: str) -> None:
    moved = update(entries).where(entries.c[column].is_not(None))
    with database.write() as connection:
        connection.execute(moved.values({column: utc_now(literal(-1.0))}))


_with_entry = (
    emails.outerjoin(entries, and_(entries.c.EmailId == emails.c.dd_srno, entries.c.IsCurrent == 1))
    .outerjoin(options, options.c.Number == entries.c.Number)
    .outerjoin(confidential, confidential.c.Number == entries.c.Number)
)
_STATE = func.coalesce(entries.c.State, emails.c.dd_SendFlag)
_ALL = select(
    emails,
    *entries.columns,
    _STATE.label("state"),
    *(column.label(f"options_{column.name}") for column in options.columns),
    confidential.c.Subject,
    confidential.c.Body,
    confidential.c.TextAlternative.label("apart_text"),
).select_from(_with_entry)


def _became(row: Row[Any]) -> Became:
    def option(name: str) -> Any:
        given = row._mapping[f"options_{name}"]
        return row._mapping[f"dd_{name}"] if given is None else given

    html = yes_or_no(option("IsHtml"))
    return Became(
        id=row.dd_srno,
        state=Flag(row.state),
        reason=row.Reason or "",
        retries=row.Retries if row.Number is not None else row.dd_RetryCount,
        next_attempt_at=row.NotBefore,
        leased_until=row.LeaseUntil,
        message_id=row.MessageId or "",
        sent_at=row.SentAt,
        ended_at=row.EndedAt,
        emptied_at=row.EmptiedAt,
        origin=row.Origin,
        stored_by=row.StoredBy,
        request_id=row.RequestId,
        attachment_count=row.AttachmentCount,
        account_code=row.dd_EmailParamCode,
        to=row.dd_toEmailid,
        cc=row.dd_ccEmailid,
        bcc=option("bccEmailid"),
        reply_to=option("ReplyTo"),
        subject=row.dd_subject if row.Subject is None else row.Subject,
        body=(None if row.Origin == CONFIDENTIAL else row.dd_bodyText)
        if row.Body is None
        else row.Body,
        text_alternative=option("TextAlternative") if row.apart_text is None else row.apart_text,
        is_html=None if html is None else int(html),
        filename=row.dd_filename,
        document=row.dd_document,
        headers=option("Headers"),
        lane=row.Lane or option("Lane"),
        priority=row.Priority or option("Priority"),
        send_at=option("SendAt"),
        expires_at=row.ExpiresAt or option("ExpiresAt"),
    )
