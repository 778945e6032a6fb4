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

from sqlalchemy import Connection, Row, insert, literal, select, text, update

from shared.database.database import Database
from shared.database.tables import emails
from shared.database.times import in_days, utc_now
from shared.maintenance.rescue import rescue
from shared.outbox.add import NewEmail, add
from shared.outbox.admit import admit
from shared.outbox.claim import Wanted, claim_one
from shared.outbox.decide import cancel
from shared.outbox.finish import Outcome, Result, finish
from shared.outbox.lease import Lease
from shared.outbox.mark import Mark, mark
from shared.outbox.states import BOTH_LANES, Flag

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
        return _became(connection.execute(select(emails).where(emails.c.dd_srno == email_id)).one())


def all_emails(database: Database) -> list[Became]:
    """What is known of every email, in the order of their numbers."""
    with database.read() as connection:
        return [
            _became(row) for row in connection.execute(select(emails).order_by(emails.c.dd_srno))
        ]


def states(database: Database, ids: Sequence[int] | None = None) -> str:
    """Where these emails stand (None: all), one letter each, in the order of their numbers.

    Of a row that is none of Rowpost's, the letter that stands in it.
    """
    question = select(emails.c.dd_SendFlag).order_by(emails.c.dd_srno)
    if ids is not None:
        question = question.where(emails.c.dd_srno.in_(list(ids)))
    with database.read() as connection:
        return "".join(str(letter) for letter in connection.scalars(question))


def all_that_is_kept(database: Database) -> str:
    """Every column of every email as one text, to look for what must not be there."""
    with database.read() as connection:
        return repr(connection.execute(select(emails)).all())


class Seen(NamedTuple):
    """What an application can read of its email, in the seed's columns."""

    letter: str
    sent_at: datetime | None
    reason: str | None
    retries: int | None


def seen_by_the_application(database: Database, email_id: int) -> Seen:
    """The row of an email that has ended, or was tried, as its application reads it."""
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
        connection.execute(_MANY, values | {"undated": undated if ended else number})


# Time passes.


def let_leases_run_out(database: Database) -> None:
    """Every lease ended a second ago, by the database's clock."""
    _move(database, "dd_LeaseUntil")


def let_retries_come_due(database: Database) -> None:
    """Every email that waits for a time has waited long enough, by the database's clock."""
    _move(database, "dd_NextAttemptDate")


def expire_in(database: Database, email_id: int, seconds: float) -> None:
    """The email is of no use any more so many seconds from now, or has been for so long (< 0)."""
    _change(database, email_id, {"dd_ExpiresAt": utc_now(literal(float(seconds)))})


def date_its_end(database: Database, email_id: int, days_ago: float) -> None:
    """The date of the email's end is so many days back, whether it has ended or not."""
    _change(database, email_id, {"dd_EndedDate": in_days(literal(-float(days_ago)))})


_MANY = text(
    "WITH RECURSIVE numbers(n) AS "
    "(SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :number) "
    "INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_subject, dd_bodyText, dd_SendFlag, "
    "dd_RetryCount, dd_CreatedDate, dd_EndedDate) "
    "SELECT 'ann' || n || '@example.com', 'Hello ' || n, 'Hi', :letter, :retries, "
    "strftime('%Y-%m-%d %H:%M:%f', '2026-01-01', n || ' seconds'), CASE WHEN n > :undated "
    "THEN strftime('%Y-%m-%d %H:%M:%f', '2026-02-01', (n / 3) || ' seconds') END FROM numbers"
)


def _inserted(connection: Connection, columns: dict[str, Any], **own: Any) -> int:
    _require(columns)
    statement = insert(emails).returning(emails.c.dd_srno)
    return int(connection.execute(statement, _PLAIN | columns | own).scalar_one())


def _require(columns: Iterable[str]) -> None:
    own = set(columns) - APPLICATION_COLUMNS
    assert not own, f"an application does not write {', '.join(sorted(own))}"


def _bring(connection: Connection, email_id: int, state: Flag, lease: Lease) -> None:
    match state:
        case Flag.WAITING:
            return
        case Flag.CANCELLED:
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
    finished = finish(connection, [Result(email_id, outcome, ACCOUNT, **result)], lease)
    assert finished == {email_id}


def _claim(connection: Connection, email_id: int, lease: Lease) -> None:
    admit(connection)
    code = connection.scalar(select(emails.c.dd_EmailParamCode).where(emails.c.dd_srno == email_id))
    wanted = Wanted((code,), BOTH_LANES, 1, "mail.example.com")
    claimed = claim_one(connection, wanted, lease, email_id)
    assert claimed == [email_id], "it does not wait, or the service is stopped"


def _mark(connection: Connection, email_id: int, lease: Lease) -> None:
    assert mark(connection, [Mark(email_id)], lease) == {email_id}


def _change(database: Database, email_id: int, columns: Mapping[str, Any]) -> None:
    with database.write() as connection:
        connection.execute(update(emails).where(emails.c.dd_srno == email_id).values(columns))


def _move(database: Database, column: str) -> None:
    moved = update(emails).where(emails.c[column].is_not(None))
    with database.write() as connection:
        connection.execute(moved.values({column: utc_now(literal(-1.0))}))


def _became(row: Row[Any]) -> Became:
    return Became(
        id=row.dd_srno,
        state=Flag(row.dd_SendFlag),
        reason=row.dd_BounceReason or "",
        retries=row.dd_RetryCount,
        next_attempt_at=row.dd_NextAttemptDate,
        leased_until=row.dd_LeaseUntil,
        message_id=row.dd_MessageId or "",
        sent_at=row.dd_SentDate,
        ended_at=row.dd_EndedDate,
        emptied_at=row.dd_EmptiedDate,
        origin=row.dd_Origin,
        stored_by=row.dd_StoredBy,
        request_id=row.dd_RequestId,
        attachment_count=row.dd_AttachmentCount,
        account_code=row.dd_EmailParamCode,
        to=row.dd_toEmailid,
        cc=row.dd_ccEmailid,
        bcc=row.dd_bccEmailid,
        reply_to=row.dd_ReplyTo,
        subject=row.dd_subject,
        body=row.dd_bodyText,
        text_alternative=row.dd_TextAlternative,
        is_html=row.dd_IsHtml,
        filename=row.dd_filename,
        document=row.dd_document,
        headers=row.dd_Headers,
        lane=row.dd_Lane,
        priority=row.dd_Priority,
        send_at=row.dd_SendAt,
        expires_at=row.dd_ExpiresAt,
    )
